"""Evolution strategies (Salimans et al. 2017): mirrored noise, ranks, Adam; several managers in one batch.

A manager's learner is one vector [3 P] float32: the P parameters of its policy and Adam's two moments. Noise and starts
of a round are drawn from (seed, owner, round) alone, so that a round gives the same wherever and whenever it is made.
"""

from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from hsokv.exceptions import ConfigurationError

FIRST, SECOND, SMALL = 0.9, 0.999, 1e-8  # Adam's, as its authors set them
TESTS = 64  # starts that a policy is scored on, the same for all


class Evolution(NamedTuple):
    """`candidates` a round, even and at least 2; `episodes_per_candidate`, at least 1; `sigma` > 0, the noise's
    deviation; `learning_rate` > 0, Adam's."""

    candidates: int
    episodes_per_candidate: int
    sigma: float
    learning_rate: float


def check_evolution(settings: Evolution) -> Evolution:
    """Refuse what lies outside the ranges above; return the settings."""
    if settings.candidates < 2 or settings.candidates % 2:
        raise ConfigurationError(f"candidates: wanted an even number of at least 2, came {settings.candidates}")
    if settings.episodes_per_candidate < 1:
        raise ConfigurationError(f"episodes of a candidate: wanted at least 1, came {settings.episodes_per_candidate}")
    if not (settings.sigma > 0 and settings.learning_rate > 0):
        raise ConfigurationError(
            f"sigma, learning_rate: wanted positive numbers, came {settings.sigma} and {settings.learning_rate}"
        )
    return settings


def init(task: ModuleType, seed: int, owner: int) -> ndarray:
    """A manager's first learner [3 P]: small random parameters, moments of zero."""
    learner = np.zeros(3 * task.SIZE, np.float32)
    learner[: task.SIZE] = 0.1 * _generator(seed, owner, 0).standard_normal(task.SIZE)
    return learner


def improve(
    task: ModuleType, learners: ndarray, settings: Evolution, seed: int, owners: list[int], rounds: list[int]
) -> tuple[ndarray, ndarray]:
    """One round of every manager: learners [m, 3 P] after it, and the environment steps of each [m].

    g = 1 / (c sigma) sum_i w_i e_i over candidates x + sigma e_i, w_i their centred ranks in [-1/2, 1/2]; x moves by an
    Adam step along g. `rounds` [m], from 1, numbers the round of each manager.
    """
    managers, size = len(learners), task.SIZE
    generators = [_generator(seed, owner, number) for owner, number in zip(owners, rounds, strict=True)]
    half = np.stack([g.standard_normal((settings.candidates // 2, size), dtype=np.float32) for g in generators])
    noise = np.concatenate([half, -half], axis=1)
    # The candidates of a manager start from the same places, so that chance tells none from another.
    starts = np.stack([task.draw_starts(g, settings.episodes_per_candidate) for g in generators], axis=1)[:, :, None]
    starts = np.broadcast_to(starts, (4, managers, settings.candidates, settings.episodes_per_candidate))
    candidates = learners[:, None, :size] + np.float32(settings.sigma) * noise
    scores, steps = task.rollout(
        candidates.reshape(-1, size), starts.reshape(4, managers * settings.candidates, settings.episodes_per_candidate)
    )
    weights = _centred_ranks(scores.mean(-1).reshape(managers, settings.candidates))
    slope = np.einsum("mc,mcp->mp", weights, noise) / np.float32(settings.candidates * settings.sigma)
    return _adam(learners, slope, np.asarray(rounds)[:, None], np.float32(settings.learning_rate)), steps.reshape(
        managers, -1
    ).sum(-1)


def evaluate(task: ModuleType, learners: ndarray) -> tuple[ndarray, ndarray]:
    """Mean score [m] of each manager's policy over 64 starts that never change, and its environment steps [m]."""
    starts = task.draw_starts(np.random.default_rng(20250), TESTS)[:, None]
    starts = np.broadcast_to(starts, (4, len(learners), TESTS))
    scores, steps = task.rollout(learners[:, : task.SIZE], starts)
    return scores.mean(-1), steps


def _adam(learners: ndarray, slope: ndarray, count: ndarray, rate: np.float32) -> ndarray:
    parameters, first, second = np.split(learners, 3, axis=-1)
    first = FIRST * first + (1 - FIRST) * slope
    second = SECOND * second + (1 - SECOND) * slope**2
    move = (first / (1 - FIRST**count)) / (np.sqrt(second / (1 - SECOND**count)) + SMALL)
    return np.concatenate([parameters + rate * move, first, second], axis=-1).astype(np.float32)


def _centred_ranks(scores: ndarray) -> ndarray:
    """Ranks along the last axis, spread evenly over [-1/2, 1/2]; equal scores share the mean of their ranks."""
    below = (scores[..., None, :] < scores[..., :, None]).sum(-1)
    equal = (scores[..., None, :] == scores[..., :, None]).sum(-1)
    return ((below + (equal - 1) / 2) / (scores.shape[-1] - 1) - 0.5).astype(np.float32)


def _generator(seed: int, owner: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, owner, number])
