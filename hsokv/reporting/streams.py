"""Streams of tasks: scores that follow from a stream's records, and the accuracy on each task after each later one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hsokv.analysis.intervals import interval
from hsokv.records import RunRecord
from hsokv.reporting.asked import Runs, arms_of, is_stream
from hsokv.reporting.bounds import bounds_of

JOINT = "joint"  # retrained on all data seen: what falls in it as classes are added was not forgotten
CURVES = ("accuracy_seen",)  # after each task; means over the headline's conditions are kept
SCENARIOS = ("class_incremental", "task_incremental")
SCORES = ("accuracy_task_incremental", "bwt_task_incremental", "retention")  # of every stream, run or not
CARRIED = ("entries", "statistics", "weights")
KIB = 1024
NO_MATRIX = "its records hold no accuracies by task"


def stream_scores(record: RunRecord, joint: RunRecord | None) -> dict[str, float]:
    """What follows from a stream's record and that of `joint` on the same condition and seed; {} for other records.

    - `excess_forgetting`, `excess_forgetting_task_incremental`: forgetting minus that of `joint`; left out where
      `joint` was not run, and of `joint` itself.
    - `carried_{entries, statistics, weights, total}`: KiB that the arm carries after the last task.
    """
    scores = {}
    carried = record.instruments.get("carried")
    if carried:
        parts = {name: carried[f"{name}_bytes"] / KIB for name in CARRIED}
        scores |= {f"carried_{name}": size for name, size in {**parts, "total": sum(parts.values())}.items()}
    if joint is not None and joint.status == "done" and record.arm != JOINT:
        for name in ("forgetting", "forgetting_task_incremental"):
            if name in record.scores and name in joint.scores:
                scores[f"excess_{name}"] = record.scores[name] - joint.scores[name]
    return scores


def streams(
    runs: Runs, reasons: Mapping[tuple[str, str, str], str | None], configuration: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """For every stream and arm R[t][i], accuracy on task i after task t >= i, of both scenarios, on the headline.

    Each entry is a mean over the headline's conditions, then over seeds, with its interval over seeds.

    Args:
        reasons: why an arm's headline has nothing to show, None where it has, by benchmark, "headline" and arm.
    """
    rows = []
    for benchmark in (name for name in configuration["benchmarks"] if is_stream(configuration, name)):
        slice_ = configuration["benchmarks"][benchmark]
        for arm in arms_of(configuration, benchmark):
            reason = reasons[benchmark, "headline", arm]
            by_seed = [[runs.get((benchmark, c, arm, seed)) for c in slice_["headline"]] for seed in slice_["seeds"]]
            if not reason and not all(r.instruments.get("accuracy_matrix") for row in by_seed for r in row):
                reason = NO_MATRIX
            row = {"benchmark": benchmark, "arm": arm, "seeds": 0 if reason else len(by_seed)}
            row |= {"status": "not run" if reason else "done", "reason": reason}
            rows.append(row | ({} if reason else {name: _matrix(by_seed, name) for name in SCENARIOS}))
    return rows


def _matrix(by_seed: list[list[RunRecord]], scenario: str) -> dict[str, list[list[float | None]]]:
    """Mean and interval of each entry, as rows of the lower triangle."""
    found = [[record.instruments["accuracy_matrix"][scenario] for record in row] for row in by_seed]
    rows: dict[str, list[list[float | None]]] = {"mean": [], "low": [], "high": []}
    for t in range(len(found[0][0])):
        values = np.array([[matrix[t] for matrix in row] for row in found]).mean(1)  # [seeds, t + 1]
        ends = [interval(column, bounds=bounds_of("accuracy")) for column in values.T]
        for end, row in rows.items():
            row.append([getattr(entry, end) for entry in ends])
    return rows
