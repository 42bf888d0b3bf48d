"""What is measured of the swarm: how fast it learns by way of sharing, how fast it goes by number of workers.

Measurements, not computations: they depend on the machine and on its moment, so they say what they were taken on, and
are kept. They are no `hsokv.records.RunRecord`, which wants right and wrong answers to test examples.
"""

import os
import resource
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import numpy as np

from hsokv.distributed import cartpole, swing_up
from hsokv.distributed.evolution import TESTS, Evolution, check_evolution, init
from hsokv.distributed.period import Job, Plan
from hsokv.distributed.pool import Lost, Pool, cores, open_pool
from hsokv.distributed.random_search import random_search
from hsokv.distributed.store import Store, init_store
from hsokv.distributed.supervisor import MODES, Limits, Outcome, Sharing, supervise
from hsokv.exceptions import BackendError

TASKS = {"cartpole": cartpole, "swing_up": swing_up}


def make_plan(task: str, settings: Mapping[str, Any], seed: int) -> Plan:
    """A plan with the settings' candidates, episodes and rounds, and the task's sigma and learning rate."""
    module = TASKS[task]
    evolution = Evolution(settings["candidates"], settings["episodes_per_candidate"], module.SIGMA, module.RATE)
    return Plan(module.__name__, check_evolution(evolution), seed, settings["rounds"])


def first_store(task: str, managers: int, seed: int) -> Store:
    """The store before a run: every manager's first learner."""
    module = TASKS[task]
    keys = module.behaviour(np.zeros((1, module.SIZE), np.float32)).shape[1]
    return init_store(np.stack([init(module, seed, owner) for owner in range(managers)]), keys)


def machine(workers: int) -> dict[str, Any]:
    """What the measurement stands on, with a note where workers exceed cores."""
    note = f"{workers} workers on {cores()} cores: they take turns" if workers > cores() else ""
    return {"cores": cores(), "load": round(os.getloadavg()[0], 2), "note": note}


def measure_learning(
    settings: Mapping[str, Any], managers: int, backend: str, workers: int, address: str | None = None
) -> list[dict[str, Any]]:
    """One row per arm and seed of the sharing arms, one sequential evolution strategy and random search, on swing-up.

    `settings`: candidates, starts, rounds, every, steps and seeds. All arms may make the same number of steps; the
    sequential one is a single manager with twice the candidates, in one process.
    """
    rows = []
    for seed in settings["seeds"]:
        plan = make_plan("swing_up", settings, seed)
        arms = [(mode, plan, managers, backend, workers) for mode in MODES]
        single = make_plan("swing_up", {**settings, "candidates": 2 * settings["candidates"]}, seed)
        for arm, own, count, where, many in [*arms, ("sequential", single, 1, "single", 1)]:
            pool = open_pool(where, own, many, address=address if where == "ray" else None)
            sharing = Sharing(arm if arm in MODES else "none", sync_every=settings["sync_every"])
            rows.append({"arm": arm, "seed": seed, **_learn(pool, own, sharing, count, settings["steps"])})
        start = time.perf_counter()
        score, steps = random_search(swing_up, settings["steps"], settings["episodes_per_candidate"], seed)
        reached = score >= swing_up.TARGET
        rows.append(
            {
                "arm": "random_search",
                "seed": seed,
                "best": score,
                "steps_to_target": steps if reached else None,
                "seconds_to_target": time.perf_counter() - start if reached else None,
                "curve": [[steps, score]],
            }
        )
    return rows


def _learn(pool: Pool, plan: Plan, sharing: Sharing, managers: int, steps: float) -> dict[str, Any]:
    """The curve of the best score so far against steps, what it took to the target, and what was exchanged."""
    each = swing_up.STEPS * (plan.rounds * plan.evolution.candidates * plan.evolution.episodes_per_candidate + TESTS)
    periods, store = max(1, int(steps // (managers * each))), first_store("swing_up", managers, plan.seed)
    try:
        outcome = supervise(store, plan, sharing, periods, pool, target=swing_up.TARGET)
    finally:
        pool.close()
    curve, best = [], 0.0
    for event in outcome.events:
        if event.kind == "accepted":
            best = max(best, event.value)
            curve.append([event.steps, best])
    reached = best >= swing_up.TARGET
    copies = [event.value for event in outcome.events if event.kind == "copied"]
    return {
        "best": best,
        "steps_to_target": curve[-1][0] if reached else None,
        "seconds_to_target": outcome.seconds if reached else None,
        "curve": curve,
        "copies": len(copies),
        "staleness": float(np.mean(copies)) if copies else None,
        "bytes_sent": outcome.sent,
        "bytes_received": outcome.received,
        "overhead": overhead(outcome, pool.workers),
    }


def overhead(outcome: Outcome, workers: int) -> float:
    """The share of the busiest worker's time that was not work."""
    longest = max((sum(s.work for s in outcome.spells if s.worker == worker) for worker in range(workers)), default=0)
    return max(0.0, 1 - longest / outcome.seconds)


def measure_speed(
    settings: Mapping[str, Any], managers: int, contestants: list[tuple[str, int]], address: str | None = None
) -> list[dict[str, Any]]:
    """Environment steps per second of (backend, workers), in turns, so that what else runs weighs on all alike.

    `settings`: candidates, starts, rounds, periods, repeats. Strong scaling shares `managers` out among the workers;
    weak scaling gives each worker as many. The first period, in which workers start, is not timed.
    """
    rows = []
    for kind in ("strong", "weak"):
        plan = make_plan("swing_up", settings, 0)
        for repeat in range(settings["repeats"]):
            for backend, workers in contestants:
                if kind == "weak" and backend == "single":
                    continue
                count = managers if kind == "strong" else managers * workers
                _, found = timed(plan, count, backend, workers, settings["periods"], address=address)
                place = {"scaling": kind, "backend": backend, "workers": workers, "managers": count, "repeat": repeat}
                rows.append(place | found | machine(workers))
    return rows


def timed(
    plan: Plan,
    managers: int,
    backend: str,
    workers: int,
    periods: int,
    mode: str = "asynchronous",
    address: str | None = None,
) -> tuple[Outcome, dict[str, Any]]:
    """A run on warm workers of its own, and what it was measured to be; see `timed_on`."""
    with closing(open_pool(backend, plan, workers, address=address if backend == "ray" else None)) as pool:
        timed_on(pool, plan, managers, 1, mode)
        return timed_on(pool, plan, managers, periods, mode)


def timed_on(
    pool: Pool, plan: Plan, managers: int, periods: int, mode: str = "asynchronous"
) -> tuple[Outcome, dict[str, Any]]:
    """A run on an idle pool, and what it was measured to be: steps per second, overhead, bytes, CPU and memory."""
    store, before = first_store("swing_up", managers, 0), _cpu_seconds()
    outcome = supervise(store, plan, Sharing(mode), periods, pool, limits=Limits(seconds=300))
    used = _cpu_seconds() - before
    return outcome, {
        "throughput": int(outcome.store.steps.sum()) / outcome.seconds,
        "seconds": outcome.seconds,
        "overhead": overhead(outcome, pool.workers),
        "bytes_sent": outcome.sent,
        "bytes_received": outcome.received,
        "supervisor_cpu_seconds": used,
        "work_seconds": sum(spell.work for spell in outcome.spells),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def measure_ceiling(plan: Plan, managers: int, repeats: int) -> float:
    """How many times the work of one process this machine lets two do at once: 2 where they do not disturb each other.

    Both work the whole period of a single process, and neither knows of the other: no swarm on two of this machine's
    cores goes further.
    """
    store = first_store("swing_up", managers, plan.seed)
    owners, zeros = tuple(range(managers)), (0,) * managers
    job = Job(owners, zeros, zeros, dict(enumerate(store.learner)))
    with closing(open_pool("processes", plan, 2)) as pool:
        _work(pool, job, 2)  # in which processes start
        return float(np.median([2 * _work(pool, job, 1) / _work(pool, job, 2) for _ in range(repeats)]))


def _work(pool: Pool, job: Job, workers: int) -> float:
    """Mean seconds of a job that so many workers are given at once."""
    for worker in range(workers):
        pool.submit(worker, job)
    seconds: list[float] = []
    while len(seconds) < workers:
        answers = pool.wait(Limits().seconds)
        if not answers or any(isinstance(answer, Lost) for _, answer in answers):
            raise BackendError("a process ended or stood still while the machine was being measured; measure anew")
        seconds += [answer.seconds for _, answer in answers]
    return float(np.mean(seconds))


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
