"""A small search on CartPole that the tests of the distributed swarm share."""

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
