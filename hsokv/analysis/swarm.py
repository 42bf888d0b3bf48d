"""What the swarm did: regret against the operations spent, and the descent of the agents of one named run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hsokv.analysis.contrasts import Reasons
from hsokv.analysis.frames import HEADLINE
from hsokv.analysis.intervals import interval
from hsokv.analysis.runs import Records, arms_of, is_stream
from hsokv.analysis.samples import Sample, ends_of, status_of
from hsokv.analysis.scores import PROPOSED
from hsokv.records import RunRecord

POINTS = 81  # of the grid of FLOPs, log-spaced
NO_CURVE = "its records hold no curve of fold log-loss"
NO_LINEAGE = "its record holds no lineage"


def regret_of(
    records: Records, reasons: Reasons, study: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, dict[tuple[str, str, str, str], Sample]]:
    """The frames `regret` and `regret_spans`, and the samples `regret_area`, `regret_end` and `flops_share`.

    Regret after f FLOPs is the best fold log-loss the arm had reached by then, minus the best that any arm reached on
    that benchmark, condition and seed with the whole allowance, in nats. Before an arm's first value there is none, and
    after its last the best stays. The area is over log10 f, exact for these steps, from the latest first value of an
    arm that has more than one (of any arm, where none has) to the allowance: the benchmark's span. An arm whose first
    value comes later has no area. All are means over the headline's conditions, seed by seed, on a grid of FLOPs.
    """
    rows, spans, samples = [], [], {}
    for name, benchmark in study["benchmarks"].items():
        headline = [(condition, seed) for seed in benchmark["seeds"] for condition in benchmark["headline"]]
        arms = {}
        for arm in arms_of(study, name):
            curves = [_best_so_far(records.get((name, condition, arm, seed))) for condition, seed in headline]
            if all(curve is not None for curve in curves):
                arms[arm] = curves
        if not arms:
            continue
        first = {arm: max(spent[0] for spent, _ in curves) for arm, curves in arms.items()}
        searching = [arm for arm, curves in arms.items() if any(len(spent) > 1 for spent, _ in curves)]
        flops = {arm: [records[name, c, arm, seed].flops for c, seed in headline] for arm in arms}
        allowed = float(max(*(run["allowed"] for runs in flops.values() for run in runs), *first.values()))
        start = float(max(first[arm] for arm in searching or arms))
        spans.append({"benchmark": name, "start": start, "allowed": allowed})
        least = [min(curves[run][1][-1] for curves in arms.values()) for run in range(len(headline))]
        cheapest = min(spent[0] for curves in arms.values() for spent, _ in curves)
        grid = np.geomspace(cheapest, allowed, POINTS)
        grid[-1] = allowed  # what rounding left of it would be before the last value

        def by_seed(values: list, seeds: int = len(benchmark["seeds"])) -> np.ndarray:
            """Means over conditions, [seeds, ...], of values in the order of seeds, then conditions."""
            return np.array(values).reshape(seeds, len(values) // seeds, *np.shape(values[0])).mean(1)

        for arm, curves in arms.items():
            lines = [(spent, best - floor) for (spent, best), floor in zip(curves, least, strict=True)]
            reached = grid[grid >= first[arm]]
            points = by_seed([line[np.searchsorted(spent, reached, side="right") - 1] for spent, line in lines])
            for point, values in zip(reached, points.T, strict=True):
                row = {"benchmark": name, "arm": arm, "flops": point, "seeds": len(values)}
                rows.append(row | ends_of(interval(values)) | status_of(None))
            cell = (name, HEADLINE, arm)
            samples[*cell, "regret_end"] = Sample(by_seed([line[-1] for _, line in lines]))
            samples[*cell, "flops_share"] = Sample(by_seed([run["spent"] / run["allowed"] for run in flops[arm]]))
            if first[arm] <= start:
                areas = [_area(spent, line, start, allowed) for spent, line in lines]
                samples[*cell, "regret_area"] = Sample(by_seed(areas))
    rows += _without_regret(rows, spans, reasons, study)
    return pd.DataFrame(rows), pd.DataFrame(spans), samples


def lineage_of(records: Records, study: Mapping[str, Any]) -> tuple[pd.DataFrame, int | None]:
    """Parents and scores of the agents of `full` in one run, that of the first benchmark's first headline condition and
    seed; and how many agents its prediction averages."""
    name, benchmark = next(iter(study["benchmarks"].items()))
    key = (name, benchmark["headline"][0], PROPOSED, benchmark["seeds"][0])
    base = dict(zip(("benchmark", "condition", "arm", "seed"), key, strict=True))
    if PROPOSED not in study["arms"]:
        return pd.DataFrame(), None
    record = records.get(key)
    told = record.instruments if record else {}
    reason = record.reason if record else "no record"
    if not reason and not (told.get("lineage") and told.get("scores")):
        reason = NO_LINEAGE
    if reason:
        return pd.DataFrame([base | status_of(reason)]), None
    agents = [
        base | {"round": t, "group": g, "agent": a, "parent": parent, "score": score} | status_of(None)
        for t, (parents, scores) in enumerate(zip(told["lineage"], told["scores"], strict=True), start=1)
        for g, group in enumerate(zip(parents, scores, strict=True))
        for a, (parent, score) in enumerate(zip(*group, strict=True))
    ]
    return pd.DataFrame(agents), len(next(iter(told.get("members", {}).values()), ()))


def _without_regret(rows: list, spans: list, reasons: Reasons, study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for every arm with regret on another benchmark and none on this; streams have no folds."""
    have = {(row["benchmark"], row["arm"]) for row in rows}
    searched = {span["benchmark"] for span in spans}
    return [
        {"benchmark": name, "arm": arm, "seeds": 0} | status_of(reasons[name, HEADLINE, arm] or NO_CURVE)
        for name in study["benchmarks"]
        if name in searched or not is_stream(study, name)
        for arm in arms_of(study, name)
        if (name, arm) not in have and any(arm == other for _, other in have)
    ]


def _best_so_far(record: RunRecord | None) -> tuple[np.ndarray, np.ndarray] | None:
    """FLOPs spent and the least fold log-loss till then; None where a record does not tell."""
    curves = record.curves if record is not None and record.status == "done" else {}
    spent, losses = curves.get("spent", ()), curves.get("fold_log_loss", ())
    if not losses or len(losses) != len(spent) or min(spent) <= 0:
        return None
    return np.array(spent, dtype=np.float64), np.minimum.accumulate(np.array(losses, dtype=np.float64))


def _area(spent: np.ndarray, regret: np.ndarray, start: float, allowed: float) -> float:
    """Area under the steps over log10 of FLOPs, within the span; each value holds until the next."""
    return float(regret @ np.diff(np.log10(np.clip([*spent, allowed], start, allowed))))
