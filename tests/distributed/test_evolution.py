"""Evolution strategies: known answers and what a round depends on."""

from types import SimpleNamespace

import numpy as np
import pytest

from hsokv.distributed import cartpole, swing_up
from hsokv.distributed.evolution import Evolution, check_evolution, evaluate, improve, init
from hsokv.exceptions import ConfigurationError

SETTINGS = Evolution(candidates=16, episodes_per_candidate=2, sigma=0.5, learning_rate=0.2)


def quadratic(parameters, starts):
    """The score is largest at 1 in every parameter."""
    scores = -((parameters - 1) ** 2).sum(-1)
    return np.repeat(scores[:, None], starts.shape[-1], axis=1), np.full(len(scores), starts.shape[-1])


def climb(task, settings, rounds, seed=0, owner=0):
    learners = init(task, seed, owner)[None]
    for number in range(1, rounds + 1):
        learners, _ = improve(task, learners, settings, seed, [owner], [number])
    return learners


def test_it_climbs_to_the_top_of_a_hill():
    task = SimpleNamespace(SIZE=3, draw_starts=cartpole.draw_starts, rollout=quadratic)
    found = climb(task, Evolution(32, 1, 0.1, 0.05), 200)[0, :3]
    np.testing.assert_allclose(found, 1, atol=0.15)


@pytest.mark.parametrize("seed", range(10))
def test_cartpole_is_solved(seed):
    """At 475 in the mean over 100 episodes whose starts no round saw."""
    learners, number = init(cartpole, seed, 0)[None], 0
    starts = cartpole.draw_starts(np.random.default_rng(1000 + seed), 1, 100)
    while cartpole.rollout(learners[:, : cartpole.SIZE], starts)[0].mean() < cartpole.TARGET:
        number += 1
        assert number <= 100
        learners, _ = improve(cartpole, learners, SETTINGS, seed, [0], [number])


@pytest.mark.parametrize("task", [cartpole, swing_up])
def test_managers_in_a_batch_do_what_each_does_alone(task):
    learners = np.stack([init(task, 3, owner) for owner in (0, 1)])
    together, steps = improve(task, learners, SETTINGS, 3, [0, 1], [1, 5])
    alone = [improve(task, learners[i : i + 1], SETTINGS, 3, [i], [number]) for i, number in ((0, 1), (1, 5))]
    np.testing.assert_array_equal(together, np.concatenate([learner for learner, _ in alone]))
    assert steps.tolist() == [made[0] for _, made in alone]
    np.testing.assert_array_equal(evaluate(task, together)[0][1:], evaluate(task, together[1:])[0])


def test_a_round_is_drawn_from_seed_owner_and_number():
    first = init(cartpole, 0, 0)[None]
    places = ((0, [0], [1]), (0, [0], [1]), (1, [0], [1]), (0, [1], [1]), (0, [0], [2]))
    once, again, *others = (improve(cartpole, first, SETTINGS, *place)[0] for place in places)
    assert (once == again).all()
    assert all((once != other).any() for other in others)


def test_scores_do_not_depend_on_when_they_are_taken():
    learners = np.stack([init(cartpole, 0, owner) for owner in range(2)])
    assert (evaluate(cartpole, learners)[0] == evaluate(cartpole, learners)[0]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidates": 3}, "even number of at least 2, came 3"),
        ({"episodes_per_candidate": 0}, "episodes of a candidate: wanted at least 1, came 0"),
        ({"sigma": 0.0}, "positive"),
        ({"learning_rate": float("nan")}, "positive"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ConfigurationError, match=message):
        check_evolution(SETTINGS._replace(**change))
