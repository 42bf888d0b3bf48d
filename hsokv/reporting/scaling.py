"""The distributed swarm in tables: what was measured, and apart from it what was projected.

Both are documents of results/scaling, made on one machine at one time: medians over turns, no numbers of the ledger.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import Any

from hsokv.metrics.statistics import interval
from hsokv.reporting.table import DASH, Table

ARMS = ("none", "synchronous", "asynchronous", "sequential", "random_search")
NODES = 4  # of the criterion on speed-up

Rows = Sequence[Mapping[str, Any]]


def scaling_tables(measured: Mapping[str, Any], projected: Mapping[str, Any]) -> dict[str, Table]:
    """The tables sharing, speed, validation and projection."""
    return {
        "sharing": _sharing(measured),
        "speed": _speed(measured),
        "validation": _validation(measured, projected),
        "projection": _projection(projected),
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


def _sharing(measured: Mapping[str, Any]) -> Table:
    rows = []
    for arm in ARMS:
        runs = [row for row in measured["learning"] if row["arm"] == arm]
        reached = [row for row in runs if row["steps_to_target"] is not None]
        stale = [row["staleness"] for row in runs if row.get("staleness") is not None]
        rows.append(
            (
                arm,
                f"{len(reached)} of {len(runs)}",
                f"{median(row['steps_to_target'] for row in reached) / 1e6:.1f}" if reached else DASH,
                f"{median(row['seconds_to_target'] for row in reached):.1f}" if reached else DASH,
                f"{mean(row['best'] for row in runs):.3f}",
                *(_mean_of(runs, name, form) for name, form in (("copies", "{:.1f}"),)),
                f"{mean(stale):.1f}" if stale else DASH,
                _kilobytes(runs),
                _mean_of(
                    [{**row, "idle": 100 * row["overhead"]} for row in runs if "overhead" in row], "idle", "{:.1f}"
                ),
            )
        )
    settings = measured["settings"]["learning"]
    return Table(
        (
            "arm",
            "reached 0.60",
            "M steps to it",
            "seconds to it",
            "best score",
            "copies",
            "staleness (pushes)",
            "kB to, from workers",
            "not work (%)",
        ),
        tuple(rows),
        f"Sharing on swing-up, {settings['steps']:.0e} environment steps, {len(settings['seeds'])} seeds",
        "Medians over the runs that reached the target, else means over seeds. `sequential` is one evolution strategy "
        f"with twice the candidates; random search knows no copies. {_stand(measured)}",
    )


def _speed(measured: Mapping[str, Any]) -> Table:
    found = measured["speed"]
    places = dict.fromkeys((row["scaling"], row["backend"], row["workers"]) for row in found)
    rows = []
    for scaling, backend, workers in places:
        runs = [row for row in found if (row["scaling"], row["backend"], row["workers"]) == (scaling, backend, workers)]
        middle = {
            name: median(row[name] for row in runs)
            for name in ("throughput", "overhead", "work_seconds", "supervisor_cpu_seconds", "peak_memory_bytes")
        }
        one = [
            row["throughput"]
            for row in found
            if (row["scaling"], row["backend"], row["workers"]) == (scaling, backend, 1)
        ]
        rows.append(
            (
                scaling,
                backend,
                str(workers),
                str(runs[0]["managers"]),
                f"{middle['throughput'] / 1e6:.2f}",
                f"{median(speed_ups(found, backend, workers)):.2f}" if scaling == "strong" else DASH,
                f"{middle['throughput'] / median(one):.2f}" if one else DASH,
                f"{100 * middle['overhead']:.1f}",
                f"{middle['work_seconds']:.1f}, {middle['supervisor_cpu_seconds']:.1f}",
                f"{middle['peak_memory_bytes'] / 2**20:.0f}",
                _kilobytes(runs),
                runs[0]["note"],
            )
        )
    return Table(
        (
            "scaling",
            "backend",
            "workers",
            "managers",
            "M steps/s",
            "speed-up",
            "over one worker",
            "not work (%)",
            "work, supervisor CPU (s)",
            "memory (MiB)",
            "kB to, from workers",
            "note",
        ),
        tuple(rows),
        "Speed of the distributed swarm, measured",
        "Medians over turns. Speed-up is over the best single process on the same managers, turn by turn; the ratio to "
        f"one worker is no speed-up. Two unrelated processes at once do {measured['ceiling']:.2f} of one's work here. "
        f"Memory is the supervisor's peak. {_stand(measured)}",
    )


def _validation(measured: Mapping[str, Any], projected: Mapping[str, Any]) -> Table:
    rows = [
        (
            str(row["payload"]),
            str(row["rounds"]),
            _spread(row["predicted"], row["low"], row["high"]),
            f"{row['measured'] / 1e6:.2f}",
            f"{100 * row['error']:.0f}",
        )
        for row in projected["validation"]
    ]
    middle = median(row["error"] for row in projected["validation"])
    return Table(
        ("managers a worker", "rounds a period", "projected (M steps/s)", "measured (M steps/s)", "error (%)"),
        tuple(rows),
        f"Two workers as projected from one, and as measured; median error {100 * middle:.0f} %",
        "The simulation was fitted to one worker alone, and to what two unrelated processes do at once on this "
        f"machine: {measured['ceiling']:.2f} of one; 30 replications, the middle 95 % of them in brackets.",
    )


def _projection(projected: Mapping[str, Any]) -> Table:
    rows = [
        (
            str(row["nodes"]),
            row["sharing"],
            f"{1e3 * row['latency']:g}",
            _spread(row["throughput"], row["low"], row["high"]),
            f"{100 * row['store_busy']:.1f}",
        )
        for row in projected["sweep"]
    ]
    return Table(
        ("nodes", "sharing", "latency (ms)", "projected (M steps/s)", "store busy (%)"),
        tuple(rows),
        "Projected, not measured: weak scaling of the distributed swarm",
        "A discrete-event simulation of as many nodes with a core each and one store; 30 replications.",
    )


def _stand(measured: Mapping[str, Any]) -> str:
    machine = measured["machine"]
    return f"Measured on {machine['cores']} cores at a load of {machine['load']:g}."


def _spread(middle: float, low: float, high: float) -> str:
    return f"{middle / 1e6:.2f} [{low / 1e6:.2f}, {high / 1e6:.2f}]"


def _mean_of(rows: Rows, name: str, form: str) -> str:
    values = [row[name] for row in rows if row.get(name) is not None]
    return form.format(mean(values)) if values else DASH


def _kilobytes(rows: Iterable[Mapping[str, Any]]) -> str:
    both = [(row["bytes_sent"], row["bytes_received"]) for row in rows if "bytes_sent" in row]
    return ", ".join(f"{mean(part) / 1e3:.0f}" for part in zip(*both, strict=True)) if both else DASH
