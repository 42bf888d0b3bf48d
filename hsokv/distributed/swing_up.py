"""Swing-up: the pole of CartPole hangs, and is to be brought up and kept there by a continuous force.

The physics are CartPole's, in semi-implicit Euler steps (explicit ones pump energy in). A policy with 113 parameters
maps (x, v, cos, sin, angular velocity), scaled, through 16 tanh units to the force 10 tanh(u) newton. Leaving the track
ends all reward. The score is the share of 500 steps with cos(angle) > 0.95: a reward of 1 + cos would pay for spinning.
On this task random search stays under half the target at the steps a swarm is given, so sharing can be judged on it.
"""

import math

import numpy as np
from numpy import ndarray

from hsokv.distributed.cartpole import FORCE, SECONDS, TRACK, accelerations, check_episodes

STEPS = 500
HIDDEN = 16
SIZE = 5 * HIDDEN + HIDDEN + HIDDEN + 1
TARGET = 0.60
SIGMA, RATE = 0.5, 0.2
UP = 0.95
_SPREAD = np.array([0.5, 0.25, 0.5, 0.5])  # wide: on narrow starts random search is lucky now and then
_SCALE = np.array([1 / TRACK, 1 / 2, 1, 1, 1 / 5], dtype=np.float32)
_PROBES = 16
PIECE = 512  # candidates in one product: more fall out of the cache, fewer pay for Python's calls


def draw_starts(generator: np.random.Generator, *shape: int) -> ndarray:
    """Start states [4, *shape]: hanging, give or take half a radian."""
    starts = generator.uniform(-1, 1, (4, *shape)) * _SPREAD.reshape(4, *[1] * len(shape))
    starts[2] += math.pi
    return starts


def rollout(parameters: ndarray, starts: ndarray) -> tuple[ndarray, ndarray]:
    """Scores [c, e] of policies [c, 113] from `starts` [4, c, e], and the environment steps of each policy [c]."""
    check_episodes(starts[0].size)
    pieces = range(0, len(parameters), PIECE)
    scores = [_rollout(parameters[i : i + PIECE], starts[:, i : i + PIECE]) for i in pieces]
    return np.concatenate(scores), np.full(len(parameters), STEPS * starts.shape[2])


def behaviour(parameters: ndarray) -> ndarray:
    """The force, by 10 N, with which policies [c, 113] answer 16 fixed states: a key [c, 16]."""
    probes = draw_starts(np.random.default_rng(0), 1, _PROBES)
    probes[2] = np.linspace(0, 2 * math.pi, _PROBES)
    return _act(*_layers(parameters), np.broadcast_to(probes, (4, len(parameters), _PROBES)).astype(np.float32))


def _rollout(parameters: ndarray, starts: ndarray) -> ndarray:
    layers = _layers(parameters)
    state = starts.astype(np.float32)
    alive, up = np.ones(starts.shape[1:], bool), np.zeros(starts.shape[1:], np.int64)
    for _ in range(STEPS):
        push, turn = accelerations(state, np.float32(FORCE) * _act(*layers, state))
        state[1] += np.float32(SECONDS) * push
        state[0] += np.float32(SECONDS) * state[1]
        state[3] += np.float32(SECONDS) * turn
        state[2] += np.float32(SECONDS) * state[3]
        alive &= np.abs(state[0]) <= TRACK
        # A cart that has left may run to infinity; it is held at the start instead, where nothing overflows.
        state *= alive
        up += alive & (np.cos(state[2]) > UP)
    return up / STEPS


def _layers(parameters: ndarray) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """Weights [c, 16, 5], biases [c, 16, 1], weights [c, 1, 16] and biases [c, 1, 1] of the two layers."""
    first, bias, second, last = np.split(parameters.astype(np.float32), [5 * HIDDEN, 6 * HIDDEN, 7 * HIDDEN], axis=-1)
    return first.reshape(-1, HIDDEN, 5) * _SCALE, bias[:, :, None], second[:, None], last[:, :, None]


def _act(first: ndarray, bias: ndarray, second: ndarray, last: ndarray, state: ndarray) -> ndarray:
    """tanh(u) [c, e] at states [4, c, e]."""
    x, x_dot, theta, theta_dot = state
    seen = np.stack([x, x_dot, np.cos(theta), np.sin(theta), theta_dot], axis=1)
    return np.tanh(second @ np.tanh(first @ seen + bias) + last)[:, 0]
