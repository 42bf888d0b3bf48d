"""The distributed swarm in numbers: what was measured, and apart from it what was projected.

Both are documents of results/scaling, made on one machine at one time and kept.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from hsokv.analysis.frames import FRAMES, Config, Row
from hsokv.analysis.intervals import interval
from hsokv.exceptions import RecordError
from hsokv.records import read_sealed

ARMS = ["one_search", "one_process", "independent", "population", "sequential", "random_search"]
POINTS = 200  # of a curve
NODES = 4  # of the criterion on speed-up
TURN = ["scaling", "backend", "node", "workers"]  # what the turns of a measurement have in common
SPENT = ["overhead", "work_seconds", "supervisor_cpu_seconds", "peak_memory_bytes"]
NODE_NAMES = {"cores": "whole cores", "equal_share": "equal-share nodes"}  # the better measurement first


def read_scaling(paths: Iterable[Path]) -> Config | None:
    """What `summarise` makes of the documents of what was measured and what was projected; None without any.

    Raises RecordError where one of them is damaged, or is not what measuring or projecting writes.
    """
    documents = {path: read_sealed(path) for path in paths}
    try:
        return summarise(*documents.values()) if documents else None
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        wrong = f"{' and '.join(map(str, documents))} are not what was measured and projected ({error!r})"
        raise RecordError(f"{wrong}. Delete them and run `snakemake scaling`.") from error


def summarise(measured: Config, projected: Config) -> Config:
    """The frames `sharing`, `curves`, `speed`, `validation` and `projection`; and `about`: the median `error` of the
    simulation, the `ceiling`, the `machine`, the settings of `learning` and the `speed_up`."""
    validation, speed = pd.DataFrame(projected["validation"]), pd.DataFrame(measured["speed"])
    searches = pd.DataFrame(measured["learning"])
    if speed[[*TURN, "repeat", "throughput"]].isna().any(axis=None):  # pandas would skip it
        raise ValueError("a turn misses its workers or its throughput")
    learning = measured["settings"]["learning"]
    return {
        "sharing": _sharing(searches),
        "curves": _curves(searches),
        "speed": _speed(speed),
        "validation": validation[FRAMES["scaling_validation"]],  # a column that is missing is a damaged document
        "projection": pd.DataFrame(projected["sweep"])[FRAMES["scaling_projection"]],
        "about": {
            "error": float(validation["error"].median()),
            "ceiling": measured["ceiling"],
            "machine": {name: measured["machine"][name] for name in ("cores", "load")},
            "learning": {"steps": learning["steps"], "seeds": list(learning["seeds"])},
            "speed_up": speed_up(speed, measured["no_equal_share"], projected["sweep"]),
        },
    }


def speed_ups(speed: pd.DataFrame) -> pd.DataFrame:
    """The rows of strong scaling with their `speed_up`: steps per second over those of the single process on such a
    node in the same turn, the same candidates in both."""
    strong, turn = speed[speed["scaling"] == "strong"], ["node", "repeat"]
    single = strong[strong["backend"] == "single"].set_index(turn)["throughput"].rename("single")
    strong = strong.join(single, on=turn).sort_values("repeat")
    return strong.assign(speed_up=strong["throughput"] / strong["single"])


def speed_up(speed: pd.DataFrame, not_equal: str | None, sweep: Iterable[Config]) -> Row:
    """The speed-up at 4 nodes of the better backend and its interval over turns: mean, low and high, or None; what it
    was measured on, `evidence`; and a reason why there is none, with what is projected.

    Whole cores are taken where four were measured, else equal-share nodes.
    """
    ups = speed_ups(speed)
    for node, name in NODE_NAMES.items():
        turns = ups[(ups["workers"] == NODES) & (ups["node"] == node)].groupby("backend")["speed_up"]
        if len(turns):
            best, found = max(((backend, interval(own)) for backend, own in turns), key=lambda pair: pair[1].mean)
            ends = {name: None if np.isnan(end) else end for name, end in found._asdict().items()}
            return ends | {"reason": None, "evidence": f"{NODES} {name}, {best}"}
    single = speed.loc[speed["backend"] == "single", "throughput"].median()
    words = [
        f"projected at {NODES} nodes: {row['throughput'] / single:.2f} "
        f"[{row['low'] / single:.2f}, {row['high'] / single:.2f}] times a single process"
        for row in sweep
        if (row["nodes"], row["latency"]) == (NODES, 0.0)
    ]
    reason = "; ".join([f"fewer than {NODES} cores", *([not_equal] if not_equal else []), *words])
    return {"mean": None, "low": None, "high": None, "reason": reason, "evidence": ""}


def _sharing(learning: pd.DataFrame) -> pd.DataFrame:
    """What the runs of each way of searching reached, on average; empty where no run tells of it."""
    means = {name: (name, "mean") for name in ("best", "copies", "diversity", "bytes_sent", "overhead")}
    learning = learning.reindex(columns=learning.columns.union([*means], sort=False))
    reached = learning[learning["steps_to_target"].notna()].groupby("arm")
    seconds = reached["seconds_to_target"]
    reached = reached["steps_to_target"].agg(reached="size", steps_to_target="median")
    ends = {"seconds_to_target": "median", "seconds_to_target_low": "min", "seconds_to_target_high": "max"}
    reached = reached.join(seconds.agg(**ends))
    rows = learning.groupby("arm").agg(runs=("arm", "size"), **means).join(reached).reindex(ARMS)
    return rows.fillna({"runs": 0, "reached": 0}).rename_axis("arm").reset_index()


def _curves(learning: pd.DataFrame) -> pd.DataFrame:
    """The best score so far of each arm at `POINTS` numbers of steps, mean over runs; 0 before the first."""
    steps = np.linspace(0, max(curve[-1][0] for curve in learning["curve"]), POINTS)
    rows = []
    for arm in (arm for arm in ARMS if (learning["arm"] == arm).any()):
        runs = [np.array(curve, float).T for curve in learning.loc[learning["arm"] == arm, "curve"]]
        best = [np.append(0.0, scores)[np.searchsorted(at, steps, side="right")] for at, scores in runs]
        rows.append(pd.DataFrame({"arm": arm, "steps": steps, "mean": np.mean(best, axis=0)}))
    return pd.concat(rows, ignore_index=True)


def _speed(speed: pd.DataFrame) -> pd.DataFrame:
    """Medians over turns of each number of workers, and traffic on average."""
    turns, ups = speed.groupby(TURN, sort=False), speed_ups(speed).groupby(TURN)["speed_up"]
    rows = turns.agg({"candidates": "first", "bytes_sent": "mean"} | dict.fromkeys(SPENT, "median"))
    rows = rows.join(turns["throughput"].agg(throughput="median", throughput_low="min", throughput_high="max"))
    rows = rows.join(ups.agg(speed_up="median", speed_up_low="min", speed_up_high="max")).reset_index()
    one = rows[rows["workers"] == 1].set_index(TURN[:3])["throughput"].rename("one")
    rows = rows.join(one, on=TURN[:3])
    return rows.assign(over_one=rows["throughput"] / rows["one"])
