"""CartPole against gymnasium, step by step."""

import gymnasium
import numpy as np
import pytest

from hsokv.distributed import cartpole
from hsokv.exceptions import ConfigurationError


def test_an_episode_equals_gymnasiums_to_the_bit():
    environment = gymnasium.make("CartPole-v1")
    draws = np.random.default_rng(0)
    for seed in range(50):
        environment.reset(seed=seed)
        state = np.array(environment.unwrapped.state)[:, None]
        bias = draws.uniform(0.3, 0.7)
        while True:
            right = draws.random() < bias
            _, reward, terminated, truncated, _ = environment.step(int(right))
            state, over = cartpole.step(state, np.array([right]))
            assert (state[:, 0] == environment.unwrapped.state).all()
            assert (over[0], 1.0) == (terminated, reward)
            if terminated or truncated:
                break


def test_a_batch_with_new_starts_equals_gymnasiums_vector_environment():
    theirs = gymnasium.make_vec("CartPole-v1", num_envs=32, vectorization_mode="vector_entry_point")
    theirs.reset(seed=5)
    episodes = cartpole.begin(np.random.default_rng(5), 32)
    generator = np.random.default_rng(5)
    cartpole.draw_starts(generator, 32)
    balance, push = np.array([0.1, 0.5, 3.0, 1.0]), np.random.default_rng(1)
    ended = np.zeros(2, int)
    for _ in range(1200):  # past the time limit: a balanced episode is cut, a pushed one falls
        right = (balance @ episodes.state > 0) ^ (push.random(32) < np.linspace(0, 0.6, 32))
        seen, *others = theirs.step(right.astype(np.int64))
        episodes, *ours = cartpole.advance(episodes, right, generator)
        assert (episodes.state.T.astype(np.float32) == seen).all()
        for mine, other in zip(ours, others, strict=False):
            assert (mine == other).all()
        ended += [ours[1].sum(), ours[2].sum()]
    assert ended.min() > 0


def test_a_score_is_gymnasiums_return():
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


def test_a_falling_pole_and_a_leaving_cart_end_an_episode():
    state = np.zeros((4, 3))
    state[0, 0], state[1, 0], state[2, 1], state[3, 1] = 2.39, 5.0, 0.209, 3.0
    assert cartpole.step(state, np.ones(3, bool))[1].tolist() == [True, True, False]


@pytest.mark.parametrize("task", ["cartpole", "swing_up"])
def test_zero_episodes_are_refused(task):
    from importlib import import_module

    task = import_module(f"hsokv.distributed.{task}")
    with pytest.raises(ConfigurationError, match="episodes: wanted at least 1, came 0"):
        task.rollout(np.zeros((1, task.SIZE)), np.zeros((4, 1, 0)))
    with pytest.raises(ConfigurationError, match="episodes: wanted at least 1, came 0"):
        cartpole.begin(np.random.default_rng(0), 0)
