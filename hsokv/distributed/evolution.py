"""One evolution strategy over many workers (Salimans et al. 2017): mirrored noise, ranks, Adam, by ask and tell.

A learner is one vector [3 P] float32: the P parameters of a policy and Adam's two moments. Noise and starts of a
generation are drawn from (seed, agent, generation) alone: workers draw them again instead of receiving them, send back
scores alone, and a generation gives the same bits wherever and in however many parts it is evaluated.
"""

from importlib import import_module
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy import ndarray

TASKS = ("swing_up", "cartpole")
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Adam's, as its authors set them
TESTS = 64  # starts that a policy is scored on, the same for all


class Generation(NamedTuple):
    """Candidates of every agent's search, as all workers need them.

    task        name of the task, one of `TASKS`, or of a module with the same functions
    seed        of the run
    number      of the generation, from 1
    candidates  of each agent, even and at least 2
    episodes    of each candidate, at least 1
    parameters  [agents, P] the policies that candidates are drawn around
    sigma       [agents] > 0, the standard deviation of the noise
    """

    task: str
    seed: int
    number: int
    candidates: int
    episodes: int
    parameters: ndarray
    sigma: ndarray


class Part(NamedTuple):
    """Candidates `first` to `last` (excluded) of a generation, all agents' candidates in one row."""

    generation: Generation
    first: int
    last: int


class Trial(NamedTuple):
    """Policies `parameters` [n, P] of a task to be scored on 64 starts that the seed alone decides."""

    task: str
    parameters: ndarray
    seed: int = 20250


def find_task(name: str) -> ModuleType:
    """The module of a task: SIZE, SIGMA, RATE, TARGET, `draw_starts`, `rollout` and `behaviour`."""
    return import_module(f"hsokv.distributed.{name}" if name in TASKS else name)


def init_learner(task: ModuleType, seed: int, agent: int) -> ndarray:
    """An agent's first learner [3 P]: small random parameters, moments of zero."""
    learner, generator = np.zeros(3 * task.SIZE, np.float32), np.random.default_rng([seed, agent, 0])
    learner[: task.SIZE] = 0.1 * generator.standard_normal(task.SIZE)
    return learner


def ask(generation: Generation, parts: int) -> list[Part]:
    """The generation in at most so many parts of equal size."""
    rows = len(generation.parameters) * generation.candidates
    ends = np.linspace(0, rows, min(parts, rows) + 1).astype(int).tolist()
    return [Part(generation, *ends[i : i + 2]) for i in range(len(ends) - 1)]


def evaluate_part(part: Part) -> tuple[ndarray, int]:
    """Mean score of each candidate [last - first], and the environment steps made."""
    generation, first, last = part
    task, count = find_task(generation.task), generation.candidates
    policies, starts = [], []
    for agent in range(first // count, -(-last // count)):
        rows = slice(max(first - agent * count, 0), min(last - agent * count, count))
        noise, own = _draw(task, generation, agent)
        policies.append(generation.parameters[agent] + np.float32(generation.sigma[agent]) * noise[rows])
        # All candidates of an agent start from the same states, so that luck does not rank them.
        starts.append(np.broadcast_to(own, (4, len(policies[-1]), generation.episodes)))
    scores, steps = task.rollout(np.concatenate(policies), np.concatenate(starts, axis=1))
    return scores.mean(-1), int(steps.sum())


def tell(learners: ndarray, generation: Generation, scores: ndarray, rate: ndarray) -> ndarray:
    """Learners [agents, 3 P] after an Adam step of size `rate` [agents] along the estimated gradient.

    g = 1 / (c sigma) sum_i w_i e_i over candidates x + sigma e_i, with w_i their centred ranks in [-1/2, 1/2]; `scores`
    [agents * candidates] in the order of `ask`.
    """
    from scipy.stats import rankdata  # workers do without it

    task, count = find_task(generation.task), generation.candidates
    weights = (rankdata(scores.reshape(-1, count), axis=-1) - 1) / (count - 1) - 0.5
    noise = (_draw(task, generation, agent)[0] for agent in range(len(learners)))
    slope = np.stack([w.astype(np.float32) @ e for w, e in zip(weights, noise, strict=True)])
    slope /= np.float32(count) * generation.sigma.astype(np.float32)[:, None]
    parameters, first, second = np.split(learners, 3, axis=-1)
    first = BETA1 * first + (1 - BETA1) * slope
    second = BETA2 * second + (1 - BETA2) * slope**2
    number = generation.number
    move = (first / (1 - BETA1**number)) / (np.sqrt(second / (1 - BETA2**number)) + EPSILON)
    return np.concatenate([parameters + rate[:, None] * move, first, second], axis=-1).astype(np.float32)


def evaluate(trial: Trial) -> tuple[ndarray, int]:
    """Mean score of each policy [n], and the environment steps made."""
    module, policies = find_task(trial.task), trial.parameters
    starts = module.draw_starts(np.random.default_rng(trial.seed), TESTS)[:, None]
    scores, steps = module.rollout(policies, np.broadcast_to(starts, (4, len(policies), TESTS)))
    return scores.mean(-1), int(steps.sum())


def _draw(task: ModuleType, generation: Generation, agent: int) -> tuple[ndarray, ndarray]:
    """Noise [candidates, P] and starts [4, 1, episodes] of an agent."""
    generator = np.random.default_rng([generation.seed, agent, generation.number])
    half = generator.standard_normal((generation.candidates // 2, task.SIZE), dtype=np.float32)
    return np.concatenate([half, -half]), task.draw_starts(generator, generation.episodes)[:, None]
