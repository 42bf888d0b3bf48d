"""Paired differences between arms: the family that was fixed before any run, those shown beside it, and the tracks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hsokv.analysis.frames import HEADLINE
from hsokv.analysis.intervals import holm, lift, sign_flip
from hsokv.analysis.runs import Records, arms_of, is_stream
from hsokv.analysis.samples import Samples, ends_of, status_of
from hsokv.analysis.scores import JOINT, PROPOSED

ACCURACY = "accuracy"
FROZEN = "frozen"

Reasons = Mapping[tuple[str, str, str], str]  # why a cell is not done, by benchmark, condition and arm; "" where it is


def contrasts_of(samples: Samples, reasons: Reasons, study: Mapping[str, Any]) -> pd.DataFrame:
    """The configured family, then `full` minus every other arm of each benchmark, then what a criterion compares.

    Holm's family is the configured contrasts; one that was not run counts in it with p = 1. Criteria compare any score;
    a pair whose runs hold no such score has no row.
    """
    rows = [_contrast(samples, reasons, study, **contrast, family=True) for contrast in study["contrasts"]]
    adjusted = holm([1.0 if row["p"] is None else row["p"] for row in rows])
    rows = [row | {"p_holm": None if row["p"] is None else p} for row, p in zip(rows, adjusted, strict=True)]
    shown = [(name, PROPOSED, arm, ACCURACY) for name in study["benchmarks"] for arm in arms_of(study, name)]
    shown += [(c["benchmark"], c["arm"], c["over"], c.get("score", ACCURACY)) for c in study["criteria"] if "over" in c]
    there = {(row["benchmark"], row["a"], row["b"], row["score"]) for row in rows}
    for benchmark, a, b, score in shown:
        if a == b or (benchmark, HEADLINE, a) not in reasons or (benchmark, a, b, score) in there:
            continue
        pair = [(benchmark, HEADLINE, arm) for arm in (a, b) if (benchmark, HEADLINE, arm) in reasons]
        if all(reasons[cell] or (*cell, score) in samples for cell in pair):
            name = f"{a}_over_{b}_{benchmark}" + (f"_{score}" if score != ACCURACY else "")
            rows.append(_contrast(samples, reasons, study, name, benchmark, a, b, score=score))
            there.add((benchmark, a, b, score))
    return pd.DataFrame(rows)


def _contrast(
    samples: Samples,
    reasons: Reasons,
    study: Mapping[str, Any],
    name: str,
    benchmark: str,
    a: str,
    b: str,
    family: bool = False,
    score: str = ACCURACY,
) -> dict[str, Any]:
    """The headline score of a minus that of b, paired by seed; for accuracy also its lift; p in the family alone."""
    row = {"name": name, "benchmark": benchmark, "a": a, "b": b, "score": score, "family": family, "p": None}
    reason = _why_not(reasons, study, benchmark, a, b)
    if reason:
        return row | {"seeds": 0} | status_of(reason)
    x, y = (samples[benchmark, HEADLINE, arm, score] for arm in (a, b))
    row |= ends_of(x.minus(y, score), "difference", "low", "high") | {"seeds": len(x.values)} | status_of(None)
    if score == ACCURACY:
        outcomes = (x.examples, y.examples)
        outcomes = (None, None) if any(of_arm is None for of_arm in outcomes) else outcomes
        relative = lift(x.values, y.values, np.random.default_rng(list(name.encode())), *outcomes)
        row |= ends_of(relative, "lift", "lift_low", "lift_high")
    if family and len(x.values) > 1:
        row["p"] = sign_flip(x.values - y.values)
    return row


def _why_not(reasons: Reasons, study: Mapping[str, Any], benchmark: str, a: str, b: str) -> str:
    if benchmark not in study["benchmarks"]:
        return f"{benchmark} is not in this study's configuration"
    absent = [arm for arm in (a, b) if (benchmark, HEADLINE, arm) not in reasons]
    if foreign := [arm for arm in absent if arm not in study["arms"]]:
        return f"{' and '.join(foreign)} not in this study's configuration"
    if absent:
        return f"{' and '.join(absent)} not defined for {benchmark}"
    return "; ".join(dict.fromkeys(filter(None, (reasons[benchmark, HEADLINE, arm] for arm in (a, b)))))


def tracks_of(records: Records, samples: Samples, reasons: Reasons, study: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each condition of the benchmarks that are no streams: its encoder, and `full` minus the best baseline.

    Conditions that teach from other things, or with another encoder, are tracks: arms are compared inside one. `joint`
    is no baseline here.
    """
    rows = []
    for name, benchmark in study["benchmarks"].items():
        if is_stream(study, name) or PROPOSED not in arms_of(study, name):
            continue
        rivals = [arm for arm in study["baselines"] if arm in arms_of(study, name) and arm != JOINT]
        for condition in benchmark["conditions"]:
            row = {"benchmark": name, "condition": condition}
            row |= _encoder([run for key, run in records.items() if key[:3] == (name, condition, PROPOSED)])
            found = {arm: samples.get((name, condition, arm, ACCURACY)) for arm in (PROPOSED, *rivals)}
            proposed, done = found.pop(PROPOSED), {arm: sample for arm, sample in found.items() if sample}
            if proposed is None or not done:
                reason = reasons[name, condition, PROPOSED] or "no baseline was run"
                rows.append(row | status_of(reason))
                continue
            best = max(done, key=lambda arm: done[arm].values.mean())
            difference = ends_of(proposed.minus(done[best], ACCURACY), "difference", "low", "high")
            rows.append(row | {"best": best} | difference | status_of(None))
    return pd.DataFrame(rows)


def _encoder(runs: list[Any]) -> dict[str, Any]:
    """What the records of a condition say of its encoder."""
    if not runs:
        return {}
    tuning = runs[0].configuration.get("condition", {}).get("tuning", {})
    encoders = [run.data.get("encoder", {}) for run in runs]
    flops = [encoder["tuning_flops"] for encoder in encoders if "tuning_flops" in encoder]
    return {
        "encoder": encoders[0].get("name"),
        "tuned_by": tuning["by"].replace("_", "-") if tuning else FROZEN,
        "tuning_flops": float(np.mean(flops)) if flops else None,
    }
