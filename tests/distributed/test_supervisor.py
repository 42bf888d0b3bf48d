"""The supervisor in one process: arms, counts, keeping and going on, bad input."""

import threading

import numpy as np
import pytest

from hsokv.distributed import kept_run
from hsokv.distributed.kept_run import within
from hsokv.distributed.period import Worker
from hsokv.distributed.pool import SingleProcess, default_backend, open_pool
from hsokv.distributed.supervisor import Limits, Sharing, supervise
from hsokv.exceptions import BackendError, ConfigurationError

from .swarms import PERIODS, PLAN, assert_counted_once, assert_same, first_store, run, undisturbed


def single():
    return open_pool("single", PLAN, 1)


@pytest.mark.parametrize("mode", ["none", "synchronous", "asynchronous"])
def test_every_manager_works_its_periods_once(mode):
    outcome = undisturbed(mode)
    assert_counted_once(outcome)
    copies = sum(event.kind == "copied" for event in outcome.events)
    assert (copies == 0) == (mode == "none")
    assert outcome.store.version.sum() == outcome.store.periods.sum() + copies


def test_without_sharing_a_manager_does_what_it_does_alone():
    together = undisturbed("none").store
    alone = run(single(), mode="none", managers=1).store
    for name in ("learner", "key", "score", "steps"):
        np.testing.assert_array_equal(getattr(together, name)[0], getattr(alone, name)[0])


def test_the_worker_and_the_store_hold_the_same_bits(monkeypatch):
    workers = []
    monkeypatch.setattr("hsokv.distributed.pool.Worker", lambda plan: workers.append(Worker(plan)) or workers[-1])
    store = run(single(), mode="none").store
    for owner, learner in workers[0].held.items():
        np.testing.assert_array_equal(learner, store.learner[owner])


def test_what_is_sent_again_is_only_what_was_copied():
    outcome = undisturbed("synchronous")
    learner = first_store().learner[0].nbytes
    # A copy after the last period is sent to nobody.
    copies = [event.steps for event in outcome.events if event.kind == "copied"]
    resent = sum(steps < outcome.store.steps.sum() for steps in copies)
    assert outcome.sent == (4 + resent) * learner + 24 * 4 * PERIODS


def test_a_run_ends_at_its_target():
    outcome = run(single(), mode="none", target=0.01)
    assert outcome.store.score.max() >= 0.01
    assert outcome.store.periods.tolist() == [1] * 4


class _Stops(SingleProcess):
    """Is interrupted at its second job."""

    def submit(self, worker, job):
        if min(job.periods) == 2:
            raise KeyboardInterrupt
        super().submit(worker, job)


def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(_Stops(PLAN), keep=tmp_path / "run.npz")
    outcome = run(single(), keep=tmp_path / "run.npz")
    assert_same(outcome.store, undisturbed().store)
    assert_counted_once(outcome)
    again = run(single(), keep=tmp_path / "run.npz")  # nothing is left to do
    assert_same(again.store, outcome.store)
    assert len(again.events) == len(outcome.events)


def test_a_kept_run_of_another_plan_or_damaged_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    run(single(), keep=path)
    with pytest.raises(ConfigurationError, match="another plan"):
        run(single(), plan=PLAN._replace(seed=1), keep=path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ConfigurationError, match="no whole run"):
        run(single(), keep=path)


def test_a_stalled_store_ends_the_run_and_keeps_what_was_accepted(tmp_path, monkeypatch):
    path, write, writes, stalled = tmp_path / "run.npz", kept_run.write_arrays, [], threading.Event()

    def stall(*arguments):
        writes.append(1)
        if len(writes) == 3:
            stalled.wait(60)
        else:
            write(*arguments)

    monkeypatch.setattr(kept_run, "write_arrays", stall)
    try:
        with pytest.raises(BackendError, match=r"keeping the store in .*run.npz took longer than 0.2 s"):
            run(single(), keep=path, limits=Limits(seconds=0.2))
    finally:
        stalled.set()
    monkeypatch.undo()
    outcome = run(single(), keep=path)
    assert_same(outcome.store, undisturbed().store)
    assert_counted_once(outcome)


def test_what_goes_wrong_within_a_limit_is_told_as_it_is():
    with pytest.raises(ZeroDivisionError):
        within(10, lambda: 1 / 0, "a division")
    assert within(10, lambda: 1, "one") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sharing": Sharing("always")}, "sharing: unknown name 'always'"),
        ({"sharing": Sharing("none", share=0.6)}, r"share in \(0, 0.5\]"),
        ({"periods": 0}, "periods: wanted at least 1, came 0"),
    ],
)
def test_bad_settings_are_refused(change, message):
    arguments = {"sharing": Sharing("none"), "periods": 1} | change
    with pytest.raises(ConfigurationError, match=message):
        supervise(first_store(), PLAN, pool=single(), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rays", PLAN, 1), "backend: unknown name 'rays'; did you mean 'ray'"),
        (("processes", PLAN, 0), "workers: wanted at least 1 with backend processes, came 0"),
        (("single", PLAN, 2), "workers: wanted 1 with backend single, came 2"),
    ],
)
def test_pools_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        open_pool(*arguments)


def test_an_address_is_refused_where_nothing_could_be_reached():
    with pytest.raises(ConfigurationError, match="address: wanted with backend ray alone"):
        open_pool("processes", PLAN, 1, address="host:6379")


def test_ray_is_the_default_where_it_is_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert default_backend() == "processes"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert default_backend() == "ray"
