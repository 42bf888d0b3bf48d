"""The distributed swarm in numbers: what was measured, and apart from it what was projected.

Both are documents of results/scaling, made on one machine at one time and kept; scaling_tables.py shows them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from hsokv.analysis.intervals import interval
from hsokv.exceptions import RecordError
from hsokv.records import read_sealed

ARMS = ("none", "synchronous", "asynchronous", "sequential", "random_search")
NODES = 4  # of the criterion on speed-up
TRAFFIC = ("bytes_sent", "bytes_received")
SPENT = ("overhead", "work_seconds", "supervisor_cpu_seconds", "peak_memory_bytes")

Rows = Sequence[Mapping[str, Any]]


def read_scaling(paths: Iterable[Path]) -> dict[str, Any] | None:
    """What `summarise` makes of the documents of what was measured and what was projected; None without any.

    Raises:
        RecordError: one of them is damaged, or is not what measuring or projecting writes.
    """
    paths = list(paths)
    documents = [read_sealed(path) for path in paths]
    if not documents:
        return None
    try:
        return summarise(*documents)
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        names = " and ".join(map(str, paths))
        raise RecordError(
            f"{names}: not what was measured and projected ({error!r}): delete them and run `snakemake scaling`"
        ) from error


def summarise(measured: Mapping[str, Any], projected: Mapping[str, Any]) -> dict[str, Any]:
    """All that pages say of the distributed swarm: rows of `sharing`, `speed`, `validation` and `projection`, the
    `machine`, the settings of `learning`, the median `error` of the simulation and the `speed_up`."""
    return {
        "sharing": [_shared(measured["learning"], arm) for arm in ARMS],
        "speed": _speeds(measured["speed"]),
        "validation": [
            {name: row[name] for name in ("payload", "rounds", "predicted", "low", "high", "measured", "error")}
            for row in projected["validation"]
        ],
        "projection": [
            {name: row[name] for name in ("nodes", "sharing", "latency", "throughput", "low", "high", "store_busy")}
            for row in projected["sweep"]
        ],
        "error": median(row["error"] for row in projected["validation"]),
        "ceiling": measured["ceiling"],
        "machine": {name: measured["machine"][name] for name in ("cores", "load")},
        "learning": {
            "steps": measured["settings"]["learning"]["steps"],
            "seeds": list(measured["settings"]["learning"]["seeds"]),
        },
        "speed_up": speed_up(measured, projected),
    }


def speed_ups(rows: Rows, backend: str, workers: int) -> list[float]:
    """Steps per second over those of the single process in the same turn, the same managers in both."""
    strong = {
        (row["backend"], row["workers"], row["repeat"]): row["throughput"] for row in rows if row["scaling"] == "strong"
    }
    turns = sorted(repeat for at, count, repeat in strong if (at, count) == (backend, workers))
    return [strong[backend, workers, repeat] / strong["single", 1, repeat] for repeat in turns]


def speed_up(measured: Mapping[str, Any], projected: Mapping[str, Any]) -> dict[str, Any]:
    """The speed-up at 4 workers of the better backend and its interval over turns: mean, low and high, or None; and a
    reason why not, with what is projected.

    It counts as measured only where each worker has a core of its own.
    """
    rows, cores = measured["speed"], measured["machine"]["cores"]
    backends = {row["backend"] for row in rows if row["workers"] == NODES and row["scaling"] == "strong"}
    if backends and cores >= NODES:
        found = [interval(speed_ups(rows, backend, NODES)) for backend in backends]
        return {**max(found, key=lambda part: part.mean)._asdict(), "reason": None}
    single = median(row["throughput"] for row in rows if row["backend"] == "single")
    beyond = [row for row in projected["sweep"] if _is_at(row, NODES, "asynchronous", 0.0)]
    words = [
        f"projected at {NODES} nodes: {row['throughput'] / single:.2f} "
        f"[{row['low'] / single:.2f}, {row['high'] / single:.2f}] times a single process"
        for row in beyond
    ]
    return {"mean": None, "low": None, "high": None, "reason": "; ".join([f"{cores} cores", *words])}


def _is_at(row: Mapping[str, Any], nodes: int, sharing: str, latency: float) -> bool:
    return (row["nodes"], row["sharing"], row["latency"]) == (nodes, sharing, latency)


def _shared(learning: Rows, arm: str) -> dict[str, Any]:
    """What the runs of one way of sharing reached, on average; None where no run tells of it."""
    runs = [row for row in learning if row["arm"] == arm]
    reached = [row for row in runs if row["steps_to_target"] is not None]
    return {
        "arm": arm,
        "runs": len(runs),
        "reached": len(reached),
        **{name: _middle(reached, name) for name in ("steps_to_target", "seconds_to_target")},
        **{name: _mean(runs, name) for name in ("best", "copies", "staleness", *TRAFFIC, "overhead")},
    }


def _speeds(found: Rows) -> list[dict[str, Any]]:
    """Medians over turns at each place, and traffic on average."""
    rows = []
    for scaling, backend, workers in dict.fromkeys((row["scaling"], row["backend"], row["workers"]) for row in found):
        here = [row for row in found if (row["scaling"], row["backend"]) == (scaling, backend)]
        runs = [row for row in here if row["workers"] == workers]
        one = [row for row in here if row["workers"] == 1]
        throughput = median(row["throughput"] for row in runs)
        rows.append(
            {
                "scaling": scaling,
                "backend": backend,
                "workers": workers,
                "managers": runs[0]["managers"],
                "throughput": throughput,
                "speed_up": median(speed_ups(found, backend, workers)) if scaling == "strong" else None,
                "over_one": throughput / median(row["throughput"] for row in one) if one else None,
                **{name: _middle(runs, name) for name in SPENT},
                **{name: _mean(runs, name) for name in TRAFFIC},
                "note": runs[0]["note"],
            }
        )
    return rows


def _middle(rows: Rows, name: str) -> float | None:
    return median(row[name] for row in rows) if rows else None


def _mean(rows: Rows, name: str) -> float | None:
    values = [row[name] for row in rows if row.get(name) is not None]
    return mean(values) if values else None
