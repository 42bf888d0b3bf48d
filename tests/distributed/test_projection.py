"""What is measured and projected: shapes, counts and the error of a prediction that is exact."""

import math

import numpy as np
import pytest

from hsokv.distributed.pool import Lost, SingleProcess
from hsokv.distributed.projection import measure_configurations, service_of, sweep, validate
from hsokv.distributed.scaling import first_store, machine, make_plan, measure_ceiling, measure_learning, timed
from hsokv.distributed.supervisor import MODES
from hsokv.exceptions import BackendError

SMALL = {"candidates": 2, "episodes_per_candidate": 1, "rounds": 1}


def row(workers, payload=1, rounds=2, throughput=1.0, **service):
    service = {"work": [1.0], "transfer": [0.0], "merge": [0.0]} | service
    place = {"payload": payload, "rounds": rounds, "candidates": 8, "workers": workers}
    return {**place, "throughput": throughput, "service": service}


def test_a_prediction_that_is_exact_has_no_error():
    steps = 500 * (2 * 8 * 2 + 64)  # of a manager in a period of one second
    for ceiling in (2.0, 1.6):
        rows = [row(1), row(2, throughput=ceiling * steps)]
        (found,) = validate(rows, periods=5, episodes_per_candidate=2, seed=0, ceiling=ceiling)
        assert found["predicted"] == pytest.approx(ceiling * steps)
        assert found["error"] == pytest.approx(0)


def test_configurations_hold_medians_over_turns_and_the_jobs_of_all(monkeypatch):
    # One process instead of each worker, or most of the time would go into starting them.
    monkeypatch.setattr("hsokv.distributed.projection.open_pool", lambda _, plan, workers: SingleProcess(plan))
    settings = {"candidates": 8, "episodes_per_candidate": 1, "rounds": 1, "periods": 1, "repeats": 2}
    rows = measure_configurations(settings, "processes")
    places = [(row["payload"], row["rounds"], row["workers"]) for row in rows]
    assert places == [(payload, rounds, workers) for payload in (1, 4) for rounds in (1, 4) for workers in (1, 2)]
    for row in rows:
        assert row["candidates"] * row["payload"] == 8
        assert {len(times) for times in row["service"].values()} == {2}
        assert row["throughput"] > 0


def test_a_machine_lets_two_processes_do_some_multiple_of_one():
    assert 0 < measure_ceiling(make_plan("swing_up", SMALL, 0), 1, repeats=1) < math.inf


def test_times_under_the_clocks_grain_count_as_nothing():
    assert service_of({**row(1, transfer=[-1e-6, 0.5]), "episodes_per_candidate": 2}).transfer.tolist() == [0.0, 0.5]


def test_a_sweep_has_a_row_for_every_place_and_falls_with_latency():
    rows = sweep(service_of({**row(1), "episodes_per_candidate": 2}), [1, 2], [0.0, 1.0], periods=3, seed=0)
    assert len(rows) == 8
    near, far = (next(r for r in rows if r["latency"] == latency and r["nodes"] == 2) for latency in (0.0, 1.0))
    assert far["throughput"] == pytest.approx(near["throughput"] / 3)


def test_a_timed_run_counts_all_its_steps_and_jobs():
    outcome, found = timed(make_plan("swing_up", SMALL, 0), 2, "single", 1, periods=2)
    steps = 2 * 2 * 500 * (2 + 64)
    assert outcome.store.steps.sum() == steps
    assert found["throughput"] == pytest.approx(steps / found["seconds"])
    assert len(outcome.spells) == 2
    assert 0 <= found["overhead"] < 1


def test_every_arm_learns_with_as_many_steps():
    settings = {**SMALL, "sync_every": 1, "steps": 150_000, "seeds": [0]}
    rows = {row["arm"]: row for row in measure_learning(settings, 2, "single", 1)}
    assert set(rows) == {*MODES, "sequential", "random_search"}
    for arm in MODES:
        steps, best = rows[arm]["curve"][-1]
        assert 0.5 * 150_000 < steps <= 150_000
        assert best == rows[arm]["best"]
        assert rows[arm]["steps_to_target"] is None


def test_first_learners_differ_by_owner_and_by_seed():
    stores = [first_store("swing_up", 2, seed).learner for seed in (0, 0, 1)]
    assert (stores[0] == stores[1]).all()
    assert (stores[0][0] != stores[0][1]).any()
    assert (stores[0] != stores[2]).any()


def test_workers_beyond_the_cores_are_noted(monkeypatch):
    monkeypatch.setattr("hsokv.distributed.scaling.cores", lambda: 2)
    assert machine(2)["note"] == ""
    assert machine(4)["note"] == "4 workers on 2 cores: they take turns"
    assert np.isfinite(machine(1)["load"])


def test_a_process_that_ends_while_the_machine_is_measured_is_an_error(monkeypatch):
    monkeypatch.setattr("hsokv.distributed.scaling.open_pool", lambda *_: Dying())
    with pytest.raises(BackendError, match="measure anew"):
        measure_ceiling(make_plan("swing_up", SMALL, 0), 1, repeats=1)


class Dying(SingleProcess):
    """A pool whose workers are lost at their first job."""

    def __init__(self):
        pass

    def wait(self, seconds):
        return [(0, Lost("gone"))]
