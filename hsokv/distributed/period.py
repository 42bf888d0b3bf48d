"""A period: what a worker does between two exchanges with the store, for one or several managers in one batch."""

import time
from importlib import import_module
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from hsokv.distributed.evolution import Evolution, evaluate, improve
from hsokv.distributed.store import Push


class Plan(NamedTuple):
    """What all workers of a run know: the task's module, by name, the settings, the seed and the rounds of a period."""

    task: str
    evolution: Evolution
    seed: int
    rounds: int


class Job(NamedTuple):
    """A period to be worked: managers, the version and the periods that each has behind it, and the learners [L] of
    those whose version the worker does not hold, by owner."""

    owners: tuple[int, ...]
    versions: tuple[int, ...]
    periods: tuple[int, ...]
    learners: dict[int, ndarray]


class Result(NamedTuple):
    """What a job found, a push for every manager, and the seconds it took."""

    pushes: list[Push]
    seconds: float


class Worker:
    """Works periods; holds its managers' learners, so that they are sent again only after a copy or a loss."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.task = import_module(plan.task)
        self.held: dict[int, ndarray] = {}

    def work(self, job: Job) -> Result:
        """The job's rounds and an evaluation; learners are moved on by the deltas that are returned."""
        start = time.perf_counter()
        self.held |= job.learners
        base = np.stack([self.held[owner] for owner in job.owners])
        learners, steps = base, np.zeros(len(base), np.int64)
        for number in range(1, self.plan.rounds + 1):
            rounds = [done * self.plan.rounds + number for done in job.periods]
            learners, made = improve(self.task, learners, self.plan.evolution, self.plan.seed, list(job.owners), rounds)
            steps += made
        delta = learners - base
        # Store and worker both add the delta, in float32, so that both have the same bits.
        self.held |= dict(zip(job.owners, base + delta, strict=True))
        scores, made = evaluate(self.task, base + delta)
        keys = self.task.behaviour((base + delta)[:, : self.task.SIZE]).astype(np.float32)
        found = zip(job.owners, job.versions, delta, keys, scores.tolist(), (steps + made).tolist(), strict=True)
        pushes = [Push(*part) for part in found]
        return Result(pushes, time.perf_counter() - start)
