"""The swing-up task: what its physics and its score must do."""

import math

import numpy as np
import pytest

from hsokv.distributed import swing_up


def still(policies=1, episodes=1):
    """Policies whose force is nothing."""
    return np.zeros((policies, swing_up.SIZE), np.float32), np.zeros((4, policies, episodes))


def test_a_pole_that_stands_is_up_and_one_that_hangs_is_not():
    policy, starts = still(episodes=2)
    starts[2, 0, 1] = math.pi
    scores, steps = swing_up.rollout(policy, starts)
    assert scores.tolist() == [[1.0, 0.0]]
    assert steps.tolist() == [2 * swing_up.STEPS]


def test_leaving_the_track_ends_all_reward():
    policy, starts = still()
    starts[1] = 2.4  # m/s: off the track after one second, the pole upright all the while
    assert swing_up.rollout(policy, starts)[0][0, 0] == pytest.approx(0.1, abs=0.01)


def test_a_swing_without_force_keeps_its_energy():
    """Explicit Euler steps would let it gain a quarter and more."""
    policy, starts = still()
    starts[2] = math.pi - 0.45  # it swings to the other side and never comes up
    assert swing_up.rollout(policy, starts)[0][0, 0] == 0
    assert (np.abs(swing_up.behaviour(policy)) == 0).all()


def test_a_batch_in_pieces_equals_single_rollouts():
    """To the bit, or who works with whom would matter: a swing multiplies the last digits."""
    generator = np.random.default_rng(0)
    policies = 2 * generator.standard_normal((swing_up.PIECE // 2 + 3, swing_up.SIZE)).astype(np.float32)
    starts = swing_up.draw_starts(generator, len(policies), 2)
    scores, _ = swing_up.rollout(policies, starts)
    keys = swing_up.behaviour(policies)
    assert len(np.unique(scores)) > 10
    for first, count in ((0, 1), (3, 2), (100, 7), (swing_up.PIECE // 2 - 1, 3)):
        some = slice(first, first + count)
        np.testing.assert_array_equal(swing_up.rollout(policies[some], starts[:, some])[0], scores[some])
        np.testing.assert_array_equal(swing_up.behaviour(policies[some]), keys[some])


def test_starts_hang_within_their_ranges():
    starts = swing_up.draw_starts(np.random.default_rng(0), 1000)
    assert (np.abs(starts - [[0], [0], [math.pi], [0]]).max(1) <= [0.5, 0.25, 0.5, 0.5]).all()
    assert (np.cos(starts[2]) < 0).all()
