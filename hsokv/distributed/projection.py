"""The simulation fitted to one worker, tried on two, and taken to more nodes than there are: all of it *projected*."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
from numpy import ndarray

from hsokv.distributed.evolution import TESTS
from hsokv.distributed.pool import open_pool
from hsokv.distributed.scaling import machine, make_plan, timed_on
from hsokv.distributed.simulation import Service, project
from hsokv.distributed.supervisor import Outcome, Spell
from hsokv.distributed.swing_up import STEPS


def measure_configurations(settings: Mapping[str, Any], backend: str) -> list[dict[str, Any]]:
    """One and two workers at two payloads and two sharing periods, in turns: what the simulation is fitted to and what
    it is tried on.

    A payload is the learners of 1 or 4 managers a worker, with as many candidates in all; a sharing period is
    `rounds` or 4 times as many. Throughput is the median over `repeats`, in which all take turns.
    """
    places = [
        (managers, rounds, workers)
        for managers in (1, 4)
        for rounds in (settings["rounds"], 4 * settings["rounds"])
        for workers in (1, 2)
    ]
    runs: dict[tuple[int, int, int], list[tuple[Outcome, dict[str, Any]]]] = {place: [] for place in places}
    with ExitStack() as stack:
        pools = {}
        for managers, rounds, workers in places:
            own = {**settings, "candidates": settings["candidates"] // managers, "rounds": rounds}
            plan = make_plan("swing_up", own, 0)
            pool = stack.enter_context(closing(open_pool(backend, plan, workers)))
            timed_on(pool, plan, managers * workers, 1)  # in which workers start
            pools[managers, rounds, workers] = (pool, plan)
        for _ in range(settings["repeats"]):
            for (managers, rounds, workers), (pool, plan) in pools.items():
                found = timed_on(pool, plan, managers * workers, settings["periods"])
                runs[managers, rounds, workers].append(found)
    return [_configuration(*place, settings["candidates"] // place[0], of) for place, of in runs.items()]


def _configuration(
    managers: int, rounds: int, workers: int, candidates: int, runs: list[tuple[Outcome, dict[str, Any]]]
) -> dict[str, Any]:
    place = {"payload": managers, "rounds": rounds, "candidates": candidates, "workers": workers}
    found = {name: float(np.median([found[name] for _, found in runs])) for name in runs[0][1]}
    service = service_times([spell for outcome, _ in runs for spell in outcome.spells])
    return {**place, **found, "service": service, **machine(workers)}


def service_times(spells: Sequence[Spell]) -> dict[str, list[float]]:
    """Measured seconds of every job: work, transfer and merge."""
    return {name: [getattr(spell, name) for spell in spells] for name in ("work", "transfer", "merge")}


def service_of(row: Mapping[str, Any]) -> Service:
    """The service that one worker was measured to give."""
    work, transfer, merge = (np.maximum(row["service"][name], 0.0) for name in ("work", "transfer", "merge"))
    # Two starts a candidate, as measured; the evaluation counts as it does in the store.
    steps = STEPS * row["payload"] * (row["rounds"] * row["candidates"] * row["episodes_per_candidate"] + TESTS)
    return Service(work, merge, transfer, steps)


def validate(
    rows: Sequence[Mapping[str, Any]], periods: int, episodes_per_candidate: int, seed: int, ceiling: float
) -> list[dict[str, Any]]:
    """Throughput of two workers as predicted from one worker alone and as measured, and the relative error, by
    configuration.

    The two share this machine, on which any two processes do `ceiling` times the work of one: work takes 2 / ceiling
    times as long as alone.
    """
    found = []
    for one in rows:
        if one["workers"] != 1:
            continue
        two = next(r for r in rows if r["workers"] == 2 and all(r[k] == one[k] for k in ("payload", "rounds")))
        draws = np.random.default_rng([seed, one["payload"], one["rounds"]])
        service = service_of({**one, "episodes_per_candidate": episodes_per_candidate})
        service = service._replace(work=service.work * 2 / ceiling)
        predicted = project(service, 2, periods, "asynchronous", draws).throughput
        low, high = _ends(predicted)
        found.append(
            {
                "payload": one["payload"],
                "rounds": one["rounds"],
                "predicted": float(predicted.mean()),
                "low": low,
                "high": high,
                "measured": two["throughput"],
                "error": abs(float(predicted.mean()) / two["throughput"] - 1),
            }
        )
    return found


def sweep(
    service: Service, nodes: Sequence[int], latencies: Sequence[float], periods: int, seed: int
) -> list[dict[str, Any]]:
    """Projected throughput over nodes and latencies, weak scaling, with intervals over the replications."""
    rows = []
    for latency in latencies:
        for count in nodes:
            for mode in ("synchronous", "asynchronous"):
                draws = np.random.default_rng([seed, count])
                found = project(service, count, periods, mode, draws, latency=latency)
                low, high = _ends(found.throughput)
                rows.append(
                    {
                        "nodes": count,
                        "latency": latency,
                        "sharing": mode,
                        "throughput": float(found.throughput.mean()),
                        "low": low,
                        "high": high,
                        "store_busy": float(found.store_busy.mean()),
                    }
                )
    return rows


def _ends(values: ndarray) -> tuple[float, float]:
    """The middle 95 % of the replications."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
