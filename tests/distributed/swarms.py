"""A small swarm on CartPole that the tests of the distributed swarm share."""

import numpy as np

from hsokv.distributed import cartpole
from hsokv.distributed.evolution import Evolution, init
from hsokv.distributed.period import Plan
from hsokv.distributed.pool import open_pool
from hsokv.distributed.store import init_store
from hsokv.distributed.supervisor import Limits, Sharing, supervise

PERIODS = 4
PLAN = Plan(
    "hsokv.distributed.cartpole",
    Evolution(candidates=4, episodes_per_candidate=1, sigma=0.5, learning_rate=0.2),
    seed=0,
    rounds=1,
)
PATIENT = Limits(seconds=60, restarts=20)


def first_store(managers=4):
    return init_store(np.stack([init(cartpole, PLAN.seed, owner) for owner in range(managers)]), 4)


def run(pool, plan=PLAN, mode="synchronous", managers=4, limits=PATIENT, **options):
    try:
        return supervise(first_store(managers), plan, Sharing(mode), PERIODS, pool, limits=limits, **options)
    finally:
        pool.close()


def undisturbed(mode="synchronous"):
    """The same swarm in one process, where nothing fails."""
    return run(open_pool("single", PLAN, 1), mode=mode)


def assert_same(found, wanted):
    """Two stores hold the same bits, the ways that led there aside."""
    for name in ("learner", "key", "score", "version", "periods", "steps", "parent"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


def assert_counted_once(outcome):
    """As many pushes accepted as periods asked for, each in the store's counts once."""
    accepted = [event for event in outcome.events if event.kind == "accepted"]
    assert outcome.store.periods.tolist() == [PERIODS] * len(outcome.store.periods)
    assert len(accepted) == outcome.store.periods.sum() == outcome.store.clock
    assert accepted[-1].steps == outcome.store.steps.sum()
