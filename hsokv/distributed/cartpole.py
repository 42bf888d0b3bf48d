"""CartPole, vectorised: a pole on a cart that is pushed left or right (Barto, Sutton and Anderson 1983).

Dynamics, termination and reward are those of gymnasium's CartPole-v1, to the bit: the formulae stand in its order.
A state is an array [4, ...] of position (m), velocity (m/s), angle (rad, 0 is up) and angular velocity (rad/s).
"""

import math

import numpy as np
from numpy import ndarray

GRAVITY, CART, POLE, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02  # SI units
TOTAL, POLE_MOMENT = CART + POLE, POLE * HALF_LENGTH
TRACK, TILT = 2.4, 12 * 2 * math.pi / 360  # beyond these an episode is over
STEPS = 500  # the time limit of an episode
SIZE = 4  # parameters of a linear policy
TARGET = 475 / STEPS  # the mean score over 100 episodes at which CartPole-v1 counts as solved
SIGMA, LEARNING_RATE = 0.5, 0.2  # of an evolution strategy on it
_PROBES = np.array([[-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0], [0, 0, 0, -1]], dtype=np.float64).T


def accelerations(cos: ndarray, sin: ndarray, theta_dot: ndarray, force: ndarray) -> tuple[ndarray, ndarray]:
    """Acceleration of the cart (m/s^2) and of the angle (rad/s^2) by the angle's cosine and sine, its velocity and the
    force in newton, all [...]."""
    push = (force + POLE_MOMENT * np.square(theta_dot) * sin) / TOTAL
    turn = (GRAVITY * sin - cos * push) / (HALF_LENGTH * (4.0 / 3.0 - POLE * np.square(cos) / TOTAL))
    return push - POLE_MOMENT * turn * cos / TOTAL, turn


def step(state: ndarray, right: ndarray) -> tuple[ndarray, ndarray]:
    """One explicit Euler step of 0.02 s; returns the new state [4, ...] and whether the episode is over [...].

    `right` [...] is true where the cart is pushed to the right. The reward is 1 for every step of an episode, its last
    one too.

    >>> state, over = step(np.zeros((4, 1)), np.array([True]))
    >>> state.ravel().round(3).tolist(), over.tolist()
    ([0.0, 0.195, 0.0, -0.293], [False])
    """
    x, x_dot, theta, theta_dot = state
    push, turn = accelerations(np.cos(theta), np.sin(theta), theta_dot, np.where(right, FORCE, -FORCE))
    new = np.empty_like(state)
    new[0] = x + SECONDS * x_dot
    new[1] = x_dot + SECONDS * push
    new[2] = theta + SECONDS * theta_dot
    new[3] = theta_dot + SECONDS * turn
    return new, (np.abs(new[0]) > TRACK) | (np.abs(new[2]) > TILT)


def draw_starts(generator: np.random.Generator, *shape: int) -> ndarray:
    """Start states [4, *shape], every component uniform within 0.05 of 0."""
    return generator.uniform(-0.05, 0.05, (4, *shape))


def rollout(parameters: ndarray, starts: ndarray) -> tuple[ndarray, ndarray]:
    """Scores [c, e] of linear policies, the share of 500 steps survived, and the environment steps of each [c].

    `parameters` [c, 4]: policy i pushes right where parameters_i . state > 0; `starts` [4, c, e].
    """
    weights, state = parameters.T[:, :, None].astype(np.float64), starts.astype(np.float64)
    alive, survived = np.ones(starts.shape[1:], bool), np.zeros(starts.shape[1:], np.int64)
    for _ in range(STEPS):
        survived += alive
        state, over = step(state, (weights * state).sum(0) > 0)
        alive &= ~over
        if not alive.any():
            break
    return survived / STEPS, survived.sum(-1)


def behaviour(parameters: ndarray) -> ndarray:
    """What policies [c, 4] do at probe states, as a key [c, 4]: how hard each leans to the right there."""
    return np.tanh(parameters @ _PROBES)
