"""Evolution strategies and random search: known answers and what a generation depends on."""

import sys
from types import ModuleType

import numpy as np
import pytest

from hsokv.distributed import cartpole, swing_up
from hsokv.distributed.evolution import Generation, Trial, ask, evaluate, evaluate_part, find_task, init_learner, tell
from hsokv.distributed.scaling import random_search


def generation(task="cartpole", learners=None, number=1, seed=0, **changes):
    size = find_task(task).SIZE
    learners = init_learner(find_task(task), seed, 0)[None] if learners is None else learners
    sigma = np.full(len(learners), 0.5)
    return Generation(task, seed, number, 16, 2, learners[:, :size], sigma)._replace(**changes)


def scores_of(asked, parts=1):
    return np.concatenate([evaluate_part(part)[0] for part in ask(asked, parts)])


def climb(task, generations, rate=0.2, seed=0, **changes):
    """The learners of every generation."""
    learners = init_learner(find_task(task), seed, 0)[None]
    for number in range(1, generations + 1):
        asked = generation(task, learners, number, seed, **changes)
        learners = tell(learners, asked, scores_of(asked), np.array([rate]))
        yield learners


def test_it_climbs_to_the_top_of_a_hill(monkeypatch):
    hill = ModuleType("hill")
    hill.SIZE, hill.draw_starts = 3, cartpole.draw_starts

    def rollout(parameters, starts):  # the score is largest at 1 in every parameter
        scores = -((parameters - 1) ** 2).sum(-1)
        return np.repeat(scores[:, None], starts.shape[-1], axis=1), np.full(len(scores), starts.shape[-1])

    hill.rollout = rollout
    monkeypatch.setitem(sys.modules, "hill", hill)
    *_, learners = climb("hill", 200, 0.05, candidates=32, episodes=1, sigma=np.array([0.1]))
    np.testing.assert_allclose(learners[0, :3], 1, atol=0.15)


@pytest.mark.parametrize("seed", range(3))
def test_cartpole_is_solved(seed):
    """In the mean over 100 episodes whose starts no generation saw."""
    starts = cartpole.draw_starts(np.random.default_rng(1000 + seed), 1, 100)
    policies = (learners[:, : cartpole.SIZE] for learners in climb("cartpole", 100, seed=seed))
    assert any(cartpole.rollout(policy, starts)[0].mean() >= cartpole.TARGET for policy in policies)


def test_random_search_solves_cartpole_and_stays_under_half_the_target_on_swing_up():
    score, steps = random_search("cartpole", 2_000_000, 2, 0)
    assert (score >= cartpole.TARGET, steps < 2_000_000) == (True, True)
    score, steps = random_search("swing_up", 300_000, 2, 0)
    assert (score < swing_up.TARGET / 2, steps >= 300_000) == (True, True)


@pytest.mark.parametrize("task", ["cartpole", "swing_up"])
def test_parts_together_give_the_bits_of_the_whole(task):
    learners = np.stack([init_learner(find_task(task), 3, agent) for agent in (0, 1)])
    asked = generation(task, learners)
    for parts in (3, 99):
        np.testing.assert_array_equal(scores_of(asked, parts), scores_of(asked))
        assert sum(evaluate_part(part)[1] for part in ask(asked, parts)) == evaluate_part(ask(asked, 1)[0])[1]


def test_agents_in_a_batch_do_what_the_first_does_alone():
    learners = np.stack([init_learner(cartpole, 3, agent) for agent in (0, 1)])
    both, first = generation(learners=learners), generation(learners=learners[:1])
    together = tell(learners, both, scores_of(both), np.array([0.2, 0.1]))
    np.testing.assert_array_equal(together[:1], tell(learners[:1], first, scores_of(first), np.array([0.2])))
    policies = learners[:, : cartpole.SIZE]
    both, first = (evaluate(Trial("cartpole", some))[0] for some in (policies, policies[:1]))
    assert (both[:1] == first).all()


def test_a_generation_is_drawn_from_seed_and_number():
    learners = init_learner(cartpole, 0, 0)[None]
    once, again, *others = (
        scores_of(generation(learners=learners, number=number, seed=seed))
        for seed, number in ((0, 1), (0, 1), (1, 1), (0, 2))
    )
    assert (once == again).all()
    assert all((once != other).any() for other in others)
