"""Condition by condition: which encoder every arm was given, what tuning it cost, and how `full` stands there to the
best plain baseline. Conditions that teach from other things, or with another encoder, are tracks: arms are compared
inside one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hsokv.analysis.intervals import interval
from hsokv.records import RunRecord
from hsokv.reporting.asked import Runs, arms_of, is_stream
from hsokv.reporting.bounds import bounds_of
from hsokv.reporting.cells import Cells
from hsokv.reporting.contrasts import ACCURACY, SUBJECT, ends_of
from hsokv.reporting.headline import REFERENCE

FROZEN = "frozen"


def tracks(runs: Runs, cells: Cells, configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each condition of the benchmarks that are no streams, in the order of the configuration.

    Each names `encoder` (what is known of it, None where nothing was encoded), `tuned_by` ("frozen", or the way of
    tuning), `tuning_flops` (mean over seeds), `best` (the plain baseline with the highest mean accuracy), and the
    paired difference of `full` minus it: `difference`, `low`, `high`; with `status` and `reason`.
    """
    return [
        {"benchmark": name, "condition": condition, **_of_condition(runs, cells, configuration, name, condition)}
        for name, slice_ in configuration["benchmarks"].items()
        if not is_stream(configuration, name) and SUBJECT in arms_of(configuration, name)
        for condition in slice_["conditions"]
    ]


def _of_condition(
    runs: Runs, cells: Cells, configuration: Mapping[str, Any], name: str, condition: str
) -> dict[str, Any]:
    seeds = configuration["benchmarks"][name]["seeds"]
    found = [run for seed in seeds if (run := runs.get((name, condition, SUBJECT, seed)))]
    row = {"encoder": None, "tuned_by": None, "tuning_flops": None, "best": None} | _encoder(found)
    subject = cells[name, condition, SUBJECT]
    rivals = [arm for arm in configuration["baselines"] if arm in arms_of(configuration, name) and arm != REFERENCE]
    done = {arm: cell for arm in rivals if not (cell := cells[name, condition, arm]).reason}
    if subject.reason or not done:
        reason = subject.reason or "no baseline was run"
        return row | ends_of(None, "difference", "low", "high") | {"status": "not run", "reason": reason}
    best = max(done, key=lambda arm: done[arm].scores[ACCURACY].mean())
    pair = [cell.examples.get(ACCURACY) for cell in (subject, done[best])]
    difference = interval(
        subject.scores[ACCURACY] - done[best].scores[ACCURACY],
        None if any(examples is None for examples in pair) else pair[0] - pair[1],
        bounds_of(ACCURACY, difference=True),
    )
    return row | {"best": best, **ends_of(difference, "difference", "low", "high"), "status": "done", "reason": None}


def _encoder(found: list[RunRecord]) -> dict[str, Any]:
    """What the records of a condition say of its encoder."""
    if not found:
        return {}
    tuning = found[0].configuration.get("condition", {}).get("tuning", {})
    encoders = [run.data.get("encoder", {}) for run in found]
    flops = [encoder["tuning_flops"] for encoder in encoders if "tuning_flops" in encoder]
    return {
        "encoder": encoders[0].get("name"),
        "tuned_by": tuning["by"].replace("_", "-") if tuning else FROZEN,
        "tuning_flops": float(np.mean(flops)) if flops else None,
    }
