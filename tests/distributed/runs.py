"""A small search on CartPole that the tests of the distributed swarm share, and functions for workers."""

import os
import signal
import time
from pathlib import Path

import torch

from hsokv.distributed.executors import Limits, open_executor
from hsokv.distributed.search import Plan, run_search

ROUNDS = 3
ONE = Plan("cartpole", seed=3, candidates=16, episodes=1, generations=2)
PLANS = {"one": ONE, "population": ONE._replace(managers=2, agents=2), "apart": ONE._replace(agents=4, copies=False)}
PATIENT = Limits(seconds=60, restarts=20)


def run(backend="single", workers=1, plan=ONE, limits=PATIENT, **options):
    with open_executor(backend, workers, limits=limits) as executor:
        return run_search(plan, executor, **{"rounds": ROUNDS} | options)


def assert_same(outcome, expected):
    """Two runs ended with the same bits, and counted the same steps once."""
    assert torch.equal(outcome.progress.state.learners, expected.progress.state.learners)
    assert torch.equal(outcome.progress.state.score, expected.progress.state.score)
    assert torch.equal(outcome.policy, expected.policy)
    counts = [[(event.steps, event.score) for event in of.events] for of in (outcome, expected)]
    assert counts[0] == counts[1]
    assert outcome.score == expected.score
    assert outcome.memory.values.keys() == expected.memory.values.keys()


def once(path, act):
    """Do something in the first worker that comes here, and in no other."""
    try:
        Path(path).touch(exist_ok=False)
    except FileExistsError:
        return
    act()


def double(number):
    return 2 * number


def killed_once(part):
    path, number = part
    once(path, lambda: os.kill(os.getpid(), signal.SIGKILL))
    return 2 * number


def stuck_once(part):
    path, number = part
    once(path, lambda: time.sleep(600))
    return 2 * number


def nan_once(part):
    path, number = part
    found = []
    once(path, lambda: found.append(float("nan")))
    return found[0] if found else 2 * number


def always_killed(part):
    os.kill(os.getpid(), signal.SIGKILL)


def fails(part):
    raise ValueError("there is no such policy")
