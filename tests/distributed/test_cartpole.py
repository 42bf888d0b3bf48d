"""CartPole against gymnasium, step by step."""

import gymnasium
import numpy as np

from hsokv.distributed import cartpole


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
