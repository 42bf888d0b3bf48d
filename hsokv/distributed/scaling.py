"""What is measured of the distributed swarm: how soon each way of searching reaches the target, and how fast it runs.

Measurements depend on the machine and its moment, so they say what they were taken on, and are kept.
"""

import os
import resource
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from typing import NamedTuple, TypedDict

import numpy as np

from hsokv.distributed import swing_up
from hsokv.distributed.evolution import Trial, evaluate, find_task
from hsokv.distributed.executors import Executor, connect_ray, cores, open_executor
from hsokv.distributed.nodes import Distant, EqualShare, equal_share_nodes
from hsokv.distributed.search import Plan, run_search
from hsokv.distributed.simulation import Measured, ServiceRow
from hsokv.swarm.history import describe

SEQUENTIAL = {"candidates": 128, "episodes": 1}  # of the single search that needs fewest steps; tuned on other seeds
BATCH = 256  # policies that random search draws and tries at a time


class LearningSettings(TypedDict):
    """What `measure_learning` reads: `candidates` in a generation, `rounds` of generations, `steps` of a run."""

    candidates: int
    episodes_per_candidate: int
    rounds: int
    steps: float
    seeds: list[int]


class SpeedSettings(TypedDict):
    """What is timed: `rounds` generations in each of `periods`, `repeats` times, on so many `workers` and nodes."""

    candidates: int
    episodes_per_candidate: int
    rounds: int
    periods: int
    repeats: int
    workers: list[int]
    backends: list[str]
    equal_share: EqualShare | None


class Speed(NamedTuple):
    """Environment steps a second, wall seconds, the `overhead` of `_overhead`, and what supervisor and workers took."""

    throughput: float
    seconds: float
    overhead: float
    bytes_sent: int
    supervisor_cpu_seconds: float
    work_seconds: float
    peak_memory_bytes: int


def machine() -> dict[str, float]:
    """What a measurement stands on: cores, and load in the minute before."""
    return {"cores": cores(), "load": round(os.getloadavg()[0], 2)}


def learning_arms(candidates: int, episodes: int, managers: int, rounds: int) -> dict[str, Plan]:
    """Ways of searching that have as many candidates in a generation in all, but for `sequential`, which has few.

    one_search    one strategy over all workers; one_process is the same search in one process
    independent   a strategy for each of `managers` agents; nobody copies
    population    the same in two groups, with learning rates and noise of their own; the good ones are copied
    """
    whole = Plan(candidates=candidates, episodes=episodes, generations=rounds)
    groups = 2 if managers % 2 == 0 else 1
    return {
        "one_search": whole,
        "one_process": whole,
        "independent": whole._replace(agents=managers, copies=False),
        "population": whole._replace(managers=groups, agents=managers // groups),
        "sequential": whole._replace(**SEQUENTIAL),
    }


def measure_learning(settings: LearningSettings, managers: int) -> list[dict[str, object]]:
    """One row per arm and seed, on swing-up, all with the same allowance of steps, on two processes or in one."""
    episodes, rows = settings["episodes_per_candidate"], []
    arms = learning_arms(settings["candidates"], episodes, managers, settings["rounds"])
    with open_executor("processes", 2) as many, open_executor("single", 1) as one:
        run_search(arms["one_search"], many, rounds=1)  # in which workers load what they need
        for seed in settings["seeds"]:
            for arm, plan in arms.items():
                executor = one if arm in ("sequential", "one_process") else many
                rows.append({"arm": arm, "seed": seed, **_learn(plan._replace(seed=seed), executor, settings["steps"])})
            start = time.perf_counter()
            score, steps = random_search("swing_up", settings["steps"], episodes, seed)
            found = _reached(score, steps, time.perf_counter() - start)
            rows.append({"arm": "random_search", "seed": seed, **found, "curve": [[steps, score]]})
    return rows


def random_search(name: str, steps: float, episodes: int, seed: int) -> tuple[float, int]:
    """The score, as agents are scored, of the best of policies from a standard normal distribution, and steps made.

    Each policy is tried in `episodes` episodes; the best of a batch is scored where none before was
    better, until a score reaches the task's target or `steps` environment steps are made. Scoring counts too.
    """
    task, generator = find_task(name), np.random.default_rng([seed, 1])
    best, score, made = -np.inf, 0.0, 0
    while made < steps and score < task.TARGET:
        policies = generator.standard_normal((BATCH, task.SIZE), dtype=np.float32)
        begin = np.broadcast_to(task.draw_starts(generator, 1, episodes), (4, BATCH, episodes))
        scores, count = task.rollout(policies, begin)
        made += int(count.sum())
        means = scores.mean(-1)
        if means.max() >= best:  # of equals on few starts the later may be the better
            best = means.max()
            found, count = evaluate(Trial(name, policies[[means.argmax()]]))
            score, made = max(score, float(found[0])), made + count
    return score, made


def _reached(best: float, steps: int, seconds: float) -> dict[str, float | None]:
    """The best score, and what it took where that is the target."""
    reached = best >= swing_up.TARGET
    return {
        "best": best,
        "steps_to_target": steps if reached else None,
        "seconds_to_target": seconds if reached else None,
    }


def _learn(plan: Plan, executor: Executor, steps: float) -> dict[str, object]:
    """What a run took to the target, its best score by steps, and the swarm's instruments."""
    sent, first = executor.sent, len(executor.timings)
    outcome = run_search(plan, executor, steps=steps, target=swing_up.TARGET)
    last, told = outcome.events[-1], describe(outcome.progress.initial, outcome.progress.history, 1)
    own = [[g * plan.agents + a for a in range(plan.agents)] for g in range(plan.managers)]
    return {
        **_reached(last.best, last.steps, last.seconds),
        "curve": [[event.steps, event.best] for event in outcome.events],
        "copies": sum(int((np.array(parents) != own).sum()) for parents in told.lineage),
        "diversity": told.diversity[1],
        "lineage": told.lineage,
        "bytes_sent": executor.sent - sent,
        "overhead": _overhead(executor, first, last.seconds),
    }


def _overhead(executor: Executor, first: int, seconds: float) -> float:
    """The share of the busiest worker's time that was not work."""
    work = np.bincount([t.worker for t in executor.timings[first:]], [t.work for t in executor.timings[first:]])
    return max(0.0, 1 - float(work.max()) / seconds)


def timed(executor: Executor, plan: Plan, periods: int, share: float | None, latency: float = 0.0) -> Speed:
    """A run of so many rounds on warm workers, held to `share` of a core each if one is given."""
    with equal_share_nodes(executor, share) if share is not None else nullcontext():
        far = Distant(executor, latency) if latency else executor
        sent, first, before = executor.sent, len(executor.timings), time.process_time()
        last = run_search(plan, far, rounds=periods).events[-1]
        used = time.process_time() - before
    return Speed(
        throughput=last.steps / last.seconds,
        seconds=last.seconds,
        overhead=_overhead(executor, first, last.seconds),
        bytes_sent=executor.sent - sent,
        supervisor_cpu_seconds=used,
        work_seconds=sum(timing.work for timing in executor.timings[first:]),
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def speed_plan(settings: SpeedSettings, nodes: int = 1) -> Plan:
    """The one search that is timed, with `candidates` for each of so many nodes."""
    candidates = settings["candidates"] * nodes
    return Plan(candidates=candidates, episodes=settings["episodes_per_candidate"], generations=settings["rounds"])


def measure_speed(settings: SpeedSettings, address: str | None = None) -> list[dict[str, object]]:
    """Environment steps a second by backend, workers and node, in turns, so that other load weighs on all alike.

    Strong scaling: the same candidates in all; weak: as many for each worker. Without the address of a cluster, whole
    cores are measured for as many workers as there are cores.
    """
    rows, counts = [], [count for count in settings["workers"] if address or count <= cores()]
    kinds = [("cores", None, counts)]
    if settings["equal_share"]:
        kinds.append(("equal_share", settings["equal_share"]["share"], settings["equal_share"]["nodes"]))
    if "ray" in settings["backends"] and address is None:
        connect_ray(None, max(count for _, _, workers in kinds for count in workers))  # a core each, as Ray counts them
    small = Plan(candidates=16, episodes=1, generations=1)
    for node, share, workers in kinds:
        # Quotas are set on this machine, where a cluster's workers need not be.
        here = [backend for backend in settings["backends"] if (backend, node) != ("ray", "equal_share") or not address]
        contestants = [("single", 1), *((backend, count) for backend in here for count in workers)]
        for repeat in range(settings["repeats"]):
            for backend, count in contestants:
                with open_executor(backend, count, address=address if backend == "ray" else None) as executor:
                    timed(executor, small, 1, None)  # in which workers load what they need
                    for scaling in ("strong", "weak") if backend != "single" else ("strong",):
                        plan = speed_plan(settings, count if scaling == "weak" else 1)
                        row = {"scaling": scaling, "backend": backend, "node": node, "workers": count}
                        row |= {"candidates": plan.candidates, "repeat": repeat}
                        speed = timed(executor, plan, settings["periods"], share)
                        rows.append(row | speed._asdict() | machine())
    return rows


class Measurement(TypedDict):
    """`services` of one node for each size of part, and `configurations`: all nodes and latencies, strong scaling."""

    services: list[ServiceRow]
    configurations: list[Measured]


def measure_service(settings: SpeedSettings, latencies: Sequence[float]) -> Measurement:
    """What the simulation is fitted to, and what it is tried on; nodes are of equal share where the settings say so."""
    share, nodes = None, settings["workers"]
    if settings["equal_share"]:
        share, nodes = settings["equal_share"]["share"], settings["equal_share"]["nodes"]
    services: list[ServiceRow] = []
    configurations: list[Measured] = []
    whole = speed_plan(settings)
    with ExitStack() as stack:
        executors = {n: stack.enter_context(open_executor("processes", n)) for n in sorted({1, *nodes})}
        for executor in executors.values():
            timed(executor, whole, 1, None)
        for count in nodes:
            plan, one = whole._replace(candidates=whole.candidates // count), executors[1]
            first = len(one.timings)
            found = timed(one, plan, settings["periods"] * settings["repeats"], share)
            generations = settings["periods"] * settings["repeats"] * plan.generations
            # The last part of every round scores the agent, and counts as work of the supervisor.
            timings = one.timings[first:-1]  # but for the finalists
            timings = [t for i, t in enumerate(timings) if i % (plan.generations + 1) != plan.generations]
            work, transfer = [t.work for t in timings], [t.transfer for t in timings]
            supervise = (found.seconds - sum(work) - sum(transfer)) / generations
            steps = round(found.throughput * found.seconds / generations)
            services.append(
                {
                    "candidates": plan.candidates,
                    "work": work,
                    "transfer": transfer,
                    "handle": _handling(one),
                    "supervise": max(0.0, supervise),
                    "steps": steps,
                    "trips": 1 + 1 / plan.generations,
                }
            )
        for count in nodes:
            for latency in latencies:
                turns = range(settings["repeats"])
                found = [timed(executors[count], whole, settings["periods"], share, latency) for _ in turns]
                throughput = float(np.median([run.throughput for run in found]))
                row = {"nodes": count, "latency": latency, "candidates": whole.candidates, "throughput": throughput}
                configurations.append(row)
    return {"services": services, "configurations": configurations}


def _handling(executor: Executor) -> float:
    """Processor seconds of the supervisor for a part, one way."""
    before, parts = time.process_time(), 200
    executor.map(abs, [0] * parts)
    return (time.process_time() - before) / (2 * parts)


def measure_ceiling(settings: SpeedSettings) -> float:
    """How many times the work of one process two do at once here: 2 where they do not disturb each other."""
    trial = Trial("swing_up", np.zeros((settings["candidates"] // 4, swing_up.SIZE), np.float32))
    with open_executor("processes", 2) as executor:

        def seconds(workers: int) -> float:
            first = len(executor.timings)
            executor.map(evaluate, [trial] * workers)
            return float(np.mean([timing.work for timing in executor.timings[first:]]))

        seconds(2)  # in which processes load what they need
        return float(np.median([2 * seconds(1) / seconds(2) for _ in range(settings["repeats"])]))
