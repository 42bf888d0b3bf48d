"""Swing-up: the pole of CartPole hangs, and is to be brought up and kept there by a continuous force.

The physics are CartPole's, in semi-implicit Euler steps (explicit ones pump energy in). A policy with 113 parameters
maps (x, v, cos, sin, angular velocity), scaled, through 16 tanh units to the force 10 tanh(u) newton. Leaving the track
ends all reward. The score is the share of 500 steps with cos(angle) > 0.95: a reward of 1 + cos would pay for spinning.
On this task random search stays under half the target at the steps a swarm is given, so sharing can be judged on it.
"""

import math

import numpy as np
from numpy import ndarray

from hsokv.distributed.cartpole import FORCE, SECONDS, TRACK, accelerations

STEPS = 500
HIDDEN = 16
SIZE = 5 * HIDDEN + HIDDEN + HIDDEN + 1
TARGET = 0.60
SIGMA, LEARNING_RATE = 0.5, 0.7
UP = 0.95
_SPREAD = np.array([0.5, 0.25, 0.5, 0.5])  # wide: on narrow starts random search is lucky now and then
_SCALE = np.array([1 / TRACK, 1 / 2, 1, 1, 1 / 5], dtype=np.float32)[:, None, None]
_PROBES = 16
PIECE = 1024  # environments in one product: more fall out of the cache, fewer pay for Python's calls


def draw_starts(generator: np.random.Generator, *shape: int) -> ndarray:
    """Start states [4, *shape]: hanging, give or take half a radian."""
    starts = generator.uniform(-1, 1, (4, *shape)) * _SPREAD.reshape(4, *[1] * len(shape))
    starts[2] += math.pi
    return starts


def rollout(parameters: ndarray, starts: ndarray) -> tuple[ndarray, ndarray]:
    """Scores [c, e] of policies [c, 113] from `starts` [4, c, e], and the environment steps of each policy [c].

    A score does not depend, to the bit, on what else is in the batch.
    """
    policies = np.repeat(np.arange(len(parameters)), starts.shape[2])
    states = starts.reshape(4, -1).astype(np.float32)
    pieces = [slice(i, i + PIECE) for i in range(0, len(policies), PIECE)]
    scores = [_rollout(_layers(parameters[policies[piece]]), states[:, piece]) for piece in pieces]
    return np.concatenate(scores).reshape(starts.shape[1:]), np.full(len(parameters), STEPS * starts.shape[2])


def behaviour(parameters: ndarray) -> ndarray:
    """The force, by 10 N, with which policies [c, 113] answer 16 fixed states: a key [c, 16]."""
    x, x_dot, _, theta_dot = draw_starts(np.random.default_rng(0), 1, _PROBES)[:, 0].astype(np.float32)
    theta = np.linspace(0, 2 * math.pi, _PROBES, dtype=np.float32)
    seen = np.stack([x, x_dot, np.cos(theta), np.sin(theta), theta_dot, np.ones_like(theta)])
    layers = _layers(np.repeat(parameters, _PROBES, axis=0))
    return _act(layers, np.tile(seen, len(parameters))).reshape(-1, _PROBES)


def _rollout(layers: tuple[ndarray, ndarray, ndarray], state: ndarray) -> ndarray:
    """Scores [n] of n policies from states [4, n]."""
    seen = np.ones((6, state.shape[1]), np.float32)
    x, x_dot, cos, sin, theta_dot, _ = seen
    seen[[0, 1, 4]], theta = state[[0, 1, 3]], state[2].copy()
    np.cos(theta, out=cos), np.sin(theta, out=sin)
    alive, up = np.ones(len(theta), bool), np.zeros(len(theta), np.int64)
    for _ in range(STEPS):
        push, turn = accelerations(cos, sin, theta_dot, FORCE * _act(layers, seen))
        x_dot += SECONDS * push
        x += SECONDS * x_dot
        theta_dot += SECONDS * turn
        theta += SECONDS * theta_dot
        alive &= np.abs(x) <= TRACK
        # A cart that has left may run to infinity; it is held at the start instead, where nothing overflows.
        seen *= alive
        theta *= alive
        np.cos(theta, out=cos), np.sin(theta, out=sin)
        up += alive & (cos > UP)
    return up / STEPS


def _layers(parameters: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """Of n policies the weights [6, 16, n] of five inputs and a one, the weights [16, n] and the bias [n] above."""
    # Policies lie last, side by side, so that every operation runs along them.
    rows = np.ascontiguousarray(parameters.T, np.float32)
    weights, bias, second, last = np.split(rows, [5 * HIDDEN, 6 * HIDDEN, 7 * HIDDEN])
    first = np.empty((6, HIDDEN, len(parameters)), np.float32)
    np.multiply(weights.reshape(HIDDEN, 5, -1).swapaxes(0, 1), _SCALE, out=first[:5])
    first[5] = bias
    return first, second, last[0]


def _act(layers: tuple[ndarray, ndarray, ndarray], seen: ndarray) -> ndarray:
    """tanh(u) [n] of n policies at what each sees, [6, n]; sums run over whole rows, in one order for any n."""
    first, second, last = layers
    hidden = np.tanh(np.einsum("ihn,in->hn", first, seen))
    return np.tanh(np.einsum("hn,hn->n", second, hidden) + last)
