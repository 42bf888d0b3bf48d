"""Paired differences between arms: the family that was fixed before any run, those shown beside it, and the tracks."""

import numpy as np
import pandas as pd

from hsokv.analysis.frames import HEADLINE, Row
from hsokv.analysis.intervals import holm, lift, sign_flip
from hsokv.analysis.runs import Runs, Samples, named, status_of
from hsokv.analysis.scores import JOINT, PROPOSED

ACCURACY = "accuracy"
DIFFERENCE, LIFT = ("difference", "low", "high"), ("lift", "lift_low", "lift_high")


def contrasts_of(runs: Runs, samples: Samples) -> pd.DataFrame:
    """The configured family, then `full` minus every other arm of each benchmark, then what a criterion compares.

    Holm's family is the configured contrasts; one that was not run counts in it with p = 1. Criteria compare any score;
    a pair whose runs hold no such score has no row.
    """
    study = runs.study
    rows = [_contrast(runs, samples, **contrast, family=True) for contrast in study["contrasts"]]
    for row, adjusted in zip(rows, holm([row.get("p", 1.0) for row in rows]), strict=True):
        row |= {"p_holm": adjusted} if "p" in row else {}
    shown = [(name, PROPOSED, arm, ACCURACY) for name, arm in runs.pairs]
    shown += [(c["benchmark"], c["arm"], c["over"], c.get("score", ACCURACY)) for c in study["criteria"] if "over" in c]
    known = {(row["benchmark"], row["a"], row["b"], row["score"]) for row in rows}
    for benchmark, a, b, score in dict.fromkeys(shown):
        cells = [(benchmark, HEADLINE, arm) for arm in (a, b)]
        if a == b or cells[0] not in runs.cells or (benchmark, a, b, score) in known:
            continue
        if all(cell not in runs.cells or runs.cells[cell] or (*cell, score) in samples.values for cell in cells):
            name = f"{a}_over_{b}_{benchmark}" + (f"_{score}" if score != ACCURACY else "")
            rows.append(_contrast(runs, samples, name, benchmark, a, b, score=score))
    return pd.DataFrame(rows)


def _contrast(
    runs: Runs, samples: Samples, name: str, benchmark: str, a: str, b: str, family: bool = False, score: str = ACCURACY
) -> Row:
    """The headline score of a minus that of b, paired by seed; for accuracy also its lift; p in the family alone."""
    row = {"name": name, "benchmark": benchmark, "a": a, "b": b, "score": score, "family": family}
    if reason := _why_not(runs, benchmark, a, b):
        return row | {"seeds": 0} | status_of(reason)
    first, second = (benchmark, HEADLINE, a), (benchmark, HEADLINE, b)
    x, y = samples.values[*first, score], samples.values[*second, score]
    row |= {"seeds": len(x)} | status_of("") | named(samples.difference(first, second, score), DIFFERENCE)
    if score == ACCURACY:
        examples = (samples.examples.get((*cell, score)) for cell in (first, second))
        row |= named(lift(x, y, np.random.default_rng(list(name.encode())), *examples), LIFT)
    return row | ({"p": sign_flip(x - y)} if family and len(x) > 1 else {})


def _why_not(runs: Runs, benchmark: str, a: str, b: str) -> str:
    if benchmark not in runs.study["benchmarks"]:
        return f"{benchmark} is not in this study's configuration"
    absent = [arm for arm in (a, b) if (benchmark, HEADLINE, arm) not in runs.cells]
    if foreign := [arm for arm in absent if arm not in runs.study["arms"]]:
        return f"{' and '.join(foreign)} not in this study's configuration"
    if absent:
        return f"{' and '.join(absent)} not defined for {benchmark}"
    return "; ".join(dict.fromkeys(filter(None, (runs.why_not(benchmark, arm) for arm in (a, b)))))


def tracks_of(runs: Runs, samples: Samples) -> pd.DataFrame:
    """A row for each condition of the benchmarks that are no streams: its encoder, and `full` minus the best baseline.

    Conditions that teach from other things, or with another encoder, are tracks: arms are compared inside one. `joint`
    is no baseline here.
    """
    rows = []
    for name, benchmark in runs.study["benchmarks"].items():
        if runs.is_stream(name) or (name, PROPOSED) not in runs.pairs:
            continue
        rivals = [arm for arm in runs.study["baselines"] if (name, arm) in runs.pairs and arm != JOINT]
        for condition in benchmark["conditions"]:
            proposed = (name, condition, PROPOSED)
            row = {"benchmark": name, "condition": condition} | _encoder(runs, proposed)
            done = {arm: samples.values.get((name, condition, arm, ACCURACY)) for arm in (PROPOSED, *rivals)}
            means = {arm: values.mean() for arm, values in done.items() if values is not None}
            if means.pop(PROPOSED, None) is None or not means:
                rows.append(row | status_of(runs.cells[proposed] or "no baseline was run"))
                continue
            best = max(means, key=means.__getitem__)
            difference = samples.difference(proposed, (name, condition, best), ACCURACY)
            rows.append(row | {"best": best} | named(difference, DIFFERENCE) | status_of(""))
    return pd.DataFrame(rows)


def _encoder(runs: Runs, cell: tuple[str, str, str]) -> Row:
    """What the records of a cell say of its encoder."""
    records = [record for run, record in runs.records.items() if run[:3] == cell]
    if not records:
        return {}
    tuning = records[0].configuration.get("condition", {}).get("tuning", {})
    encoders = pd.DataFrame([record.data.get("encoder", {}) for record in records], columns=["name", "tuning_flops"])
    tuned_by = tuning["by"].replace("_", "-") if tuning else "frozen"
    return {"encoder": encoders["name"][0], "tuned_by": tuned_by, "tuning_flops": encoders["tuning_flops"].mean()}
