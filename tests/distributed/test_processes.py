"""Real processes: the same bits as in one, and what happens when they are killed, stopped, wrong or orphaned."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from hsokv.distributed.pool import open_pool
from hsokv.distributed.processes import Processes
from hsokv.exceptions import BackendError, ConfigurationError

from .swarms import PATIENT, PLAN, assert_counted_once, assert_same, run, undisturbed

FAULTY = """
from hsokv.distributed.cartpole import *
from hsokv.distributed.cartpole import behaviour as whole
calls = []
def behaviour(parameters):
    calls.append(1)
    return whole(parameters) * (float("nan") if {when} else 1)
"""
DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from swarms import PLAN, run
from hsokv.distributed.processes import Processes
if __name__ == "__main__":
    pool = Processes(PLAN, 2)
    def tell(event):
        print(*(process.pid for process in pool.processes.values()), flush=True)
        if event.kind == "accepted" and event.owner == 3:
            sys.stdin.read()  # is killed here
    run(pool, keep=Path(sys.argv[1]), watch=tell)
"""


def disturb(pool, number):
    """Send worker 0 a signal after the first push, whatever it is at."""
    sent = []

    def watch(event):
        if event.kind == "accepted" and not sent:
            sent.append(event)
            os.kill(pool.processes[0].pid, number)

    return watch


def test_two_processes_find_what_one_finds():
    outcome = run(Processes(PLAN, 2))
    assert_same(outcome.store, undisturbed().store)
    assert_counted_once(outcome)
    assert not [event for event in outcome.events if event.kind == "lost"]


@pytest.mark.parametrize(
    ("number", "seconds", "words"), [(signal.SIGKILL, 60, "killed"), (signal.SIGSTOP, 8, "does not answer")]
)
def test_a_run_outlives_a_worker_that_is_killed_or_stops_answering(number, seconds, words):
    pool = Processes(PLAN, 2)
    outcome = run(pool, limits=PATIENT._replace(seconds=seconds), watch=disturb(pool, number))
    assert [event.owner for event in outcome.events if event.kind == "lost"].count(0) >= 1
    assert_same(outcome.store, undisturbed().store)
    assert_counted_once(outcome)


def test_a_swarm_goes_on_with_the_workers_that_are_left():
    pool = Processes(PLAN, 2)
    outcome = run(pool, limits=PATIENT._replace(restarts=0), watch=disturb(pool, signal.SIGKILL))
    assert_same(outcome.store, undisturbed().store)
    assert {spell.worker for spell in outcome.spells[-2:]} == {1}


def test_a_run_without_workers_ends_and_goes_on_later(tmp_path):
    pool, path = Processes(PLAN, 1), tmp_path / "run.npz"
    with pytest.raises(BackendError, match=r"no worker is left: .* stands in .*run.npz"):
        run(pool, limits=PATIENT._replace(restarts=0), watch=disturb(pool, signal.SIGKILL), keep=path)
    outcome = run(Processes(PLAN, 2), keep=path)
    assert_same(outcome.store, undisturbed().store)
    assert_counted_once(outcome)


def faulty(tmp_path, monkeypatch, when):
    (tmp_path / "faulty_task.py").write_text(FAULTY.format(when=when))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "faulty_task", raising=False)
    return PLAN._replace(task="faulty_task")


def test_a_worker_that_returns_nan_is_refused_and_asked_again(tmp_path, monkeypatch):
    plan = faulty(tmp_path, monkeypatch, "len(calls) == 2")
    outcome = run(Processes(plan, 2), plan=plan)
    assert [event.kind for event in outcome.events].count("failed") == 4  # each worker once, with two managers
    assert_same(outcome.store, undisturbed().store)
    assert_counted_once(outcome)


def test_a_manager_that_always_returns_nan_ends_the_run(tmp_path, monkeypatch):
    plan = faulty(tmp_path, monkeypatch, "True")
    with pytest.raises(BackendError, match="manager 0 came back with NaN 3 times in a row"):
        run(Processes(plan, 1), plan=plan)


def test_a_killed_driver_leaves_no_worker_and_is_gone_on_from(tmp_path):
    """Killed between two periods of one group, in the middle of one of the other."""
    script, path = tmp_path / "driver.py", tmp_path / "run.npz"
    script.write_text(DRIVER)
    arguments = [sys.executable, script, path, Path(__file__).parent]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as driver:
        workers = [psutil.Process(int(pid)) for pid in driver.stdout.readline().split()]
        driver.kill()
    assert len(workers) == 2
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
    outcome = run(Processes(PLAN, 2), keep=path)
    assert_same(outcome.store, undisturbed().store)
    assert_counted_once(outcome)


def test_more_workers_than_managers_are_refused():
    with pytest.raises(ConfigurationError, match="workers: wanted at most one for each of 1 managers, came 2"):
        run(open_pool("processes", PLAN, 2), managers=1)
