"""The distributed swarm in numbers: what was measured, and apart from it what was projected.

Both are documents of results/scaling, made on one machine at one time and kept.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hsokv.analysis.frames import FRAMES
from hsokv.analysis.intervals import interval
from hsokv.exceptions import RecordError
from hsokv.records import read_sealed

ARMS = ["none", "synchronous", "asynchronous", "sequential", "random_search"]
POINTS = 200  # of a curve
NODES = 4  # of the criterion on speed-up
SPENT = ["overhead", "work_seconds", "supervisor_cpu_seconds", "peak_memory_bytes"]
TRAFFIC = ["bytes_sent", "bytes_received"]


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
            f"{names} are not what was measured and projected ({error!r}). Delete them and run `snakemake scaling`."
        ) from error


def summarise(measured: Mapping[str, Any], projected: Mapping[str, Any]) -> dict[str, Any]:
    """The frames `sharing`, `curves`, `speed`, `validation` and `projection`; and `about`: the median `error` of the
    simulation, the `ceiling`, the `machine`, the settings of `learning` and the `speed_up`."""
    validation, speed = pd.DataFrame(projected["validation"]), pd.DataFrame(measured["speed"])
    if speed[["scaling", "backend", "workers", "repeat", "throughput"]].isna().any(axis=None):  # pandas would skip it
        raise ValueError("a turn misses its workers or its throughput")
    learning = measured["settings"]["learning"]
    return {
        "sharing": _sharing(pd.DataFrame(measured["learning"])),
        "curves": _curves(pd.DataFrame(measured["learning"])),
        "speed": _speed(speed),
        "validation": validation[FRAMES["scaling_validation"]],  # a column that is missing is a damaged document
        "projection": pd.DataFrame(projected["sweep"])[FRAMES["scaling_projection"]],
        "about": {
            "error": float(validation["error"].median()),
            "ceiling": measured["ceiling"],
            "machine": {name: measured["machine"][name] for name in ("cores", "load")},
            "learning": {"steps": learning["steps"], "seeds": list(learning["seeds"])},
            "speed_up": speed_up(speed, measured["machine"]["cores"], projected["sweep"]),
        },
    }


def speed_ups(speed: pd.DataFrame) -> pd.DataFrame:
    """The rows of strong scaling with their `speed_up`: steps per second over those of the single process in the same
    turn, the same managers in both."""
    strong = speed[speed["scaling"] == "strong"]
    single = strong[(strong["backend"] == "single") & (strong["workers"] == 1)].set_index("repeat")["throughput"]
    return strong.assign(speed_up=strong["throughput"] / strong["repeat"].map(single)).sort_values("repeat")


def speed_up(speed: pd.DataFrame, cores: int, sweep: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The speed-up at 4 workers of the better backend and its interval over turns: mean, low and high, or None; and a
    reason why not, with what is projected.

    It counts as measured only where each worker has a core of its own.
    """
    ups = speed_ups(speed)
    of_backends = [interval(turns) for _, turns in ups[ups["workers"] == NODES].groupby("backend")["speed_up"]]
    if of_backends and cores >= NODES:
        best = max(of_backends, key=lambda estimate: estimate.mean)._asdict()
        return {name: None if np.isnan(end) else end for name, end in best.items()} | {"reason": None}
    single = speed.loc[speed["backend"] == "single", "throughput"].median()
    words = [
        f"projected at {NODES} nodes: {row['throughput'] / single:.2f} "
        f"[{row['low'] / single:.2f}, {row['high'] / single:.2f}] times a single process"
        for row in sweep
        if (row["nodes"], row["sharing"], row["latency"]) == (NODES, "asynchronous", 0.0)
    ]
    return {"mean": None, "low": None, "high": None, "reason": "; ".join([f"{cores} cores", *words])}


def _sharing(learning: pd.DataFrame) -> pd.DataFrame:
    """What the runs of each way of sharing reached, on average; empty where no run tells of it."""
    means = {name: (name, "mean") for name in ("best", "copies", "staleness", *TRAFFIC, "overhead")}
    learning = learning.reindex(columns=learning.columns.union([*means], sort=False))
    reached = learning[learning["steps_to_target"].notna()].groupby("arm")
    reached = reached.agg(
        reached=("arm", "size"),
        steps_to_target=("steps_to_target", "median"),
        seconds_to_target=("seconds_to_target", "median"),
        seconds_to_target_low=("seconds_to_target", "min"),
        seconds_to_target_high=("seconds_to_target", "max"),
    )
    rows = learning.groupby("arm").agg(runs=("arm", "size"), **means).join(reached).reindex(ARMS)
    return rows.fillna({"runs": 0, "reached": 0}).rename_axis("arm").reset_index()


def _curves(learning: pd.DataFrame) -> pd.DataFrame:
    """The best score so far of each way of sharing at `POINTS` numbers of steps, mean over runs; 0 before the first."""
    steps = np.linspace(0, max(curve[-1][0] for curve in learning["curve"]), POINTS)
    rows = []
    for arm in (arm for arm in ARMS if (learning["arm"] == arm).any()):
        runs = [np.array(curve, float).T for curve in learning.loc[learning["arm"] == arm, "curve"]]
        best = [np.append(0.0, scores)[np.searchsorted(at, steps, side="right")] for at, scores in runs]
        rows.append(pd.DataFrame({"arm": arm, "steps": steps, "mean": np.mean(best, axis=0)}))
    return pd.concat(rows, ignore_index=True)


def _speed(speed: pd.DataFrame) -> pd.DataFrame:
    """Medians over turns of each number of workers, and traffic on average."""
    keys = ["scaling", "backend", "workers"]
    how = {"managers": "first", "note": "first"} | dict.fromkeys(SPENT, "median") | dict.fromkeys(TRAFFIC, "mean")
    rows = speed.groupby(keys, sort=False).agg(
        throughput=("throughput", "median"),
        throughput_low=("throughput", "min"),
        throughput_high=("throughput", "max"),
        **{name: (name, of_turns) for name, of_turns in how.items()},
    )
    turns = speed_ups(speed).groupby(keys)["speed_up"]
    rows = rows.join(turns.agg(speed_up="median", speed_up_low="min", speed_up_high="max")).reset_index()
    one = rows[rows["workers"] == 1].set_index(["scaling", "backend"])["throughput"].rename("one")
    rows = rows.join(one, on=["scaling", "backend"])
    return rows.assign(over_one=rows["throughput"] / rows["one"])
