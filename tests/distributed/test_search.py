"""A search over an executor: what its result depends on, what it shares, and how it outlives its own end."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from hsokv.distributed.policies import PolicyMemory
from hsokv.distributed.search import run_search
from hsokv.exceptions import BackendError, ConfigurationError, HsokvError

from .runs import ONE, PLANS, ROUNDS, assert_same, run

DRIVER = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from hsokv.distributed.executors import open_executor
from hsokv.distributed.search import run_search
from tests.distributed.runs import PLANS
if __name__ == "__main__":
    def watch(event):
        os.kill(os.getpid(), signal.SIGKILL)
    with open_executor("processes", 2) as executor:
        print(*executor.pids.values(), flush=True)
        run_search(PLANS["population"], executor, rounds=3, checkpoint=Path(sys.argv[1]), watch=watch)
"""


class Halves:
    """An executor in this process that cuts a generation in so many parts."""

    lost = ()

    def __init__(self, workers):
        self.workers = workers

    def map(self, function, parts, accept=None):
        return [function(part) for part in parts]


class Ended(Halves):
    def map(self, function, parts, accept=None):
        raise BackendError("ended before any work")


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_number_of_parts_changes_no_bit_and_the_seed_decides(plan):
    expected = run(plan=plan)
    for workers in (3, 100):
        assert_same(run_search(plan, Halves(workers), rounds=ROUNDS), expected)
    assert not torch.equal(run(plan=plan._replace(seed=4)).policy, expected.policy)


def test_a_population_copies_inside_its_steps_and_agents_apart_keep_lineage_and_settings():
    for step in run(plan=PLANS["apart"]).progress.history:
        assert step.parent.flatten().tolist() == [0, 1, 2, 3]
        assert step.point.flatten(0, 1).unique(dim=0).shape[0] == 1
    first, *_ = run(plan=PLANS["population"]).progress.history
    assert first.parent.flatten().tolist() != [0, 1, 2, 3]
    assert first.point.flatten(0, 1).unique(dim=0).shape[0] > 1


def test_steps_and_target_end_a_run():
    each = run(rounds=1).events[0].steps
    assert len(run(rounds=10, steps=each).events) == 1
    assert len(run(rounds=10, target=0.0).events) == 1


def test_a_run_continues_from_its_checkpoint_to_the_same_bits(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.raises(BackendError, match="ended before any work"):
        run_search(ONE, Ended(1), checkpoint=path)
    run(checkpoint=path, rounds=1)
    assert_same(run(checkpoint=path), run())


def test_a_killed_supervisor_leaves_no_worker_and_a_run_that_is_continued(tmp_path):
    script, path = tmp_path / "driver.py", tmp_path / "run.pt"
    script.write_text(DRIVER)
    root = Path(__file__).parents[2]
    arguments = [sys.executable, script, path, root]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=root) as driver:
        workers = [psutil.Process(int(pid)) for pid in driver.stdout.readline().split()]
    assert driver.returncode == -9
    assert len(workers) == 2
    assert not psutil.wait_procs(workers, timeout=60)[1]
    assert_same(run(plan=PLANS["population"], checkpoint=path), run(plan=PLANS["population"]))


def test_a_checkpoint_of_another_plan_or_a_damaged_one_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    run(checkpoint=path, rounds=1)
    with pytest.raises(ConfigurationError, match="another plan"):
        run(plan=ONE._replace(seed=9), checkpoint=path)
    path.write_bytes(path.read_bytes()[:-99])
    with pytest.raises(ConfigurationError, match="not a whole run"):
        run(checkpoint=path)


def test_a_checkpoint_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").touch()

    def watch(event):
        raise AssertionError("worked")

    for path, words in ((tmp_path, "is not a file"), (tmp_path / "file" / "run.pt", "cannot write")):
        with pytest.raises(HsokvError, match=words):
            run(checkpoint=path, watch=watch)


@pytest.mark.parametrize(
    ("change", "rounds", "words"),
    [
        ({"agents": 0}, 1, "at least 1"),
        ({"episodes": 0}, 1, "at least 1"),
        ({"agents": 3}, 1, "multiple of 6"),
        ({"generations": 0}, 1, "at least 1"),
        ({}, 0, r"rounds: expected at least 1, got \[0\]"),
    ],
)
def test_values_out_of_range_are_refused(change, rounds, words):
    with pytest.raises(ConfigurationError, match=words):
        run_search(ONE._replace(**change), Halves(1), rounds=rounds)


def test_the_memory_of_policies_keeps_the_best_first_and_every_class_of_scores_and_is_saved():
    memory, other = PolicyMemory(3, 4), PolicyMemory(3, 4)
    memory.write(torch.eye(3), torch.arange(3.0)[:, None], torch.tensor([0.3, 0.9, 0.9]))
    assert memory.best(5).tolist() == [[1.0], [2.0], [0.0]]
    other.load_state_dict(memory.state_dict())
    assert torch.equal(other.best(2), memory.best(2))
    memory.write(torch.eye(3).repeat(10, 1), torch.full((30, 1), 9.0), torch.full((30,), 0.1))
    assert len(memory.values) == 4
    assert memory.best(1).tolist() == [[1.0]]
