"""CartPole against gymnasium, step by step; what the physics and the score of swing-up must do."""

import math

import gymnasium
import numpy as np
import pytest

from hsokv.distributed import cartpole, swing_up


def test_an_episode_of_cartpole_equals_gymnasiums_to_the_bit():
    environment = gymnasium.make("CartPole-v1")
    draws = np.random.default_rng(0)
    for seed in range(20):
        environment.reset(seed=seed)
        state = np.array(environment.unwrapped.state)[:, None]
        bias, ended = draws.uniform(0.3, 0.7), False
        while not ended:
            right = draws.random() < bias
            _, reward, terminated, truncated, _ = environment.step(int(right))
            state, over = cartpole.step(state, np.array([right]))
            assert (state[:, 0] == environment.unwrapped.state).all()
            assert (over[0], 1.0) == (terminated, reward)
            ended = terminated or truncated
    state = np.zeros((4, 3))  # carts that leave and a pole that falls
    state[0, 0], state[1, 0], state[2, 1], state[3, 1] = 2.39, 5.0, 0.209, 3.0
    assert cartpole.step(state, np.ones(3, bool))[1].tolist() == [True, True, False]


def test_a_score_of_cartpole_is_gymnasiums_return():
    environment = gymnasium.make("CartPole-v1")
    policies = np.array([[0.0, 0.0, 1.0, 0.0], [0.1, 0.5, 3.0, 1.0], [0.0, 0.0, -1.0, 0.0]])
    starts = cartpole.draw_starts(np.random.default_rng(2), 3, 4)
    scores, steps = cartpole.rollout(policies, starts)
    returns = np.zeros((3, 4))
    for policy, episode in np.ndindex(3, 4):
        environment.reset()
        environment.unwrapped.state = starts[:, policy, episode]
        ended = False
        while not ended:
            action = int(policies[policy] @ np.array(environment.unwrapped.state) > 0)
            _, reward, terminated, truncated, _ = environment.step(action)
            returns[policy, episode] += reward
            ended = terminated or truncated
    np.testing.assert_allclose(scores * cartpole.STEPS, returns)
    assert steps.tolist() == returns.sum(1).tolist()


def test_swing_up_rewards_a_pole_that_stands_until_the_cart_leaves_and_keeps_its_energy():
    policies, starts = np.zeros((1, swing_up.SIZE), np.float32), np.zeros((4, 1, 4))  # no force
    starts[2, 0, 1] = math.pi  # it hangs
    starts[1, 0, 2] = 2.4  # m/s: off the track after one second, the pole upright all the while
    starts[2, 0, 3] = math.pi - 0.45  # it never comes up; explicit Euler steps would let it gain a quarter and more
    scores, steps = swing_up.rollout(policies, starts)
    assert scores[0].tolist() == [1.0, 0.0, pytest.approx(0.1, abs=0.01), 0.0]
    assert steps.tolist() == [4 * swing_up.STEPS]
    assert (np.abs(swing_up.behaviour(policies)) == 0).all()
    starts = swing_up.draw_starts(np.random.default_rng(0), 1000)
    assert (np.abs(starts - [[0], [0], [math.pi], [0]]).max(1) <= [0.5, 0.25, 0.5, 0.5]).all()


def test_a_batch_of_swing_up_in_pieces_equals_single_rollouts():
    """To the bit, or who works with whom would matter: a swing multiplies the last digits."""
    generator = np.random.default_rng(0)
    policies = 2 * generator.standard_normal((swing_up.PIECE // 2 + 3, swing_up.SIZE)).astype(np.float32)
    starts = swing_up.draw_starts(generator, len(policies), 2)
    scores, keys = swing_up.rollout(policies, starts)[0], swing_up.behaviour(policies)
    assert len(np.unique(scores)) > 10
    for first, count in ((0, 1), (100, 7), (swing_up.PIECE // 2 - 1, 3)):
        some = slice(first, first + count)
        np.testing.assert_array_equal(swing_up.rollout(policies[some], starts[:, some])[0], scores[some])
        np.testing.assert_array_equal(swing_up.behaviour(policies[some]), keys[some])
