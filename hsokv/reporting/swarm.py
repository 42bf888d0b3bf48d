"""What the swarm did: regret against the operations spent, who was copied, and the descent of one named run."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hsokv.analysis.intervals import interval
from hsokv.records import RunRecord
from hsokv.reporting.asked import Runs, arms_of, is_stream

SUBJECT, HEADLINE = "full", "headline"
CURVES = ("diversity", "copied", "failed")  # by round; means over the headline's conditions are kept
POINTS = 81  # of the grid of FLOPs, log-spaced
NO_LINEAGE = "its record holds no lineage"

Reasons = Mapping[tuple[str, str, str], str | None]  # why a cell has nothing to show, by benchmark, condition and arm


class Regret(NamedTuple):
    """Regret of one arm on a benchmark's headline, in nats; means over its conditions, seed by seed.

    `flops`: the points of the grid from which on every run of the arm has a value; `values` [seeds, points] there;
    `end` [seeds] after the whole allowance; `area` [seeds] in nats times decades, None where the arm's first value
    comes after the start of the common part; `share` [seeds], the part of the allowance that it spent.
    """

    flops: np.ndarray
    values: np.ndarray
    end: np.ndarray
    area: np.ndarray | None
    share: np.ndarray


class Span(NamedTuple):
    """The common part of a benchmark, in counted FLOPs: area under regret is taken from `start` to `allowed`."""

    start: float
    allowed: float


def run_curves(record: RunRecord) -> dict[str, list[float]]:
    """The curves of a record, and by round of a swarm the shares of its agents that were `copied` over or `failed`.

    An agent is copied over when it goes on from another's state. After the last round nobody is, so `copied` has one
    value less than there are rounds, and a search of one round has none.
    """
    lineage, failed = record.instruments.get("lineage"), record.curves.get("failed_agents")
    if not lineage:
        return dict(record.curves)
    rounds = np.array(lineage).reshape(len(lineage), -1)
    agents = rounds.shape[1]
    shares = {"copied": (rounds != np.arange(agents)).mean(1)[:-1].tolist()}
    if failed:
        shares["failed"] = [count / agents for count in failed]
    return {**record.curves, **shares}


def regrets(runs: Runs, configuration: Mapping[str, Any]) -> tuple[dict[tuple[str, str], Regret], dict[str, Span]]:
    """Regret of every arm that searches by fold log-loss, by benchmark and arm, and each benchmark's common part.

    Regret after f FLOPs is the best fold log-loss the arm had reached by then, minus the best that any arm reached on
    that benchmark, condition and seed with the whole allowance. Before an arm's first value there is none, and after
    its last the best stays. The area is over log10 f, exact for these steps, from the latest first value of an arm
    that has more than one (of any arm, where none has) to the allowance.

    Returns:
        arms of which a headline run was not made or holds no curve are left out, benchmarks without any arm too.
    """
    found, spans = {}, {}
    for name, slice_ in configuration["benchmarks"].items():
        places = [(condition, seed) for seed in slice_["seeds"] for condition in slice_["headline"]]
        arms = {}
        for arm in arms_of(configuration, name):
            curves = [_best_so_far(runs.get((name, condition, arm, seed))) for condition, seed in places]
            if all(curve is not None for curve in curves):
                arms[arm] = curves
        if not arms:
            continue
        begin = {arm: max(spent[0] for spent, _ in curves) for arm, curves in arms.items()}
        searching = [arm for arm, curves in arms.items() if any(len(spent) > 1 for spent, _ in curves)]
        own = [runs[name, condition, arm, seed] for condition, seed in places for arm in arms]
        allowed = max(*(run.flops["allowed"] for run in own), *begin.values())
        spans[name] = Span(float(max(begin[arm] for arm in searching or arms)), float(allowed))
        least = [min(curves[place][1][-1] for curves in arms.values()) for place in range(len(places))]
        cheapest = min(spent[0] for curves in arms.values() for spent, _ in curves)
        grid = np.geomspace(cheapest, allowed, POINTS)
        grid[-1] = allowed  # what rounding left of it would be before the last value
        for arm, curves in arms.items():
            lines = [(spent, best - floor) for (spent, best), floor in zip(curves, least, strict=True)]
            flops, seeds = grid[grid >= begin[arm]], len(slice_["seeds"])
            values = [line[np.searchsorted(spent, flops, side="right") - 1] for spent, line in lines]
            end, area = [line[-1] for _, line in lines], None
            if begin[arm] <= spans[name].start:
                area = _by_seed([_area(spent, line, spans[name]) for spent, line in lines], seeds)
            flops_of = [runs[name, condition, arm, seed].flops for condition, seed in places]
            share = _by_seed([spent["spent"] / spent["allowed"] for spent in flops_of], seeds)
            found[name, arm] = Regret(flops, _by_seed(values, seeds), _by_seed(end, seeds), area, share)
    return found, spans


def regret_scores(regret: Regret | None) -> dict[str, np.ndarray]:
    """What regret adds to the scores of an arm's headline, [seeds]; nothing for an arm that has none."""
    if regret is None:
        return {}
    scores = {"regret_area": regret.area, "regret_end": regret.end, "flops_share": regret.share}
    return {name: score for name, score in scores.items() if score is not None}


def swarm_at_work(
    runs: Runs, reasons: Reasons, configuration: Mapping[str, Any], found: Mapping, spans: Mapping[str, Span]
) -> dict[str, Any]:
    """What figures and texts say of the swarm beside scores and curves.

    `regret`: for every benchmark each arm with a curve anywhere, its mean and interval over seeds on the grid;
    `spans`: the common part of each benchmark; `diversity_wanted`: the threshold of the criterion on diversity, if
    there is one; `lineage`: parents and scores of the agents of `full` in one run, that of the first benchmark's first
    headline condition and seed.

    Args:
        found, spans: what `regrets` returned for the same runs.
    """
    rows = []
    for benchmark in configuration["benchmarks"]:
        if is_stream(configuration, benchmark) and benchmark not in spans:
            continue  # streams have no folds
        for arm in (arm for arm in arms_of(configuration, benchmark) if any(key[1] == arm for key in found)):
            regret, reason = found.get((benchmark, arm)), reasons[benchmark, HEADLINE, arm]
            row: dict[str, Any] = {"benchmark": benchmark, "arm": arm, "seeds": 0, "flops": []}
            row |= _status(None if regret else reason or "its records hold no curve of fold log-loss")
            if regret:
                ends = [interval(point) for point in regret.values.T]
                row |= {"seeds": len(regret.values), "flops": regret.flops.tolist()}
                row |= {end: [getattr(point, end) for point in ends] for end in ("mean", "low", "high")}
            rows.append(row)
    wanted = [c.get("at_least", c.get("above")) for c in configuration["criteria"] if c.get("score") == "diversity"]
    return {
        "regret": rows,
        "spans": {name: span._asdict() for name, span in spans.items()},
        "diversity_wanted": next(iter(wanted), None),
        "lineage": _lineage(runs, configuration) if SUBJECT in configuration["arms"] else None,
    }


def _best_so_far(record: RunRecord | None) -> tuple[np.ndarray, np.ndarray] | None:
    """FLOPs spent and the least fold log-loss till then; None where a record does not tell."""
    curves = record.curves if record is not None and record.status == "done" else {}
    spent, losses = curves.get("spent", ()), curves.get("fold_log_loss", ())
    if not losses or len(losses) != len(spent) or min(spent) <= 0:
        return None
    return np.array(spent, dtype=np.float64), np.minimum.accumulate(np.array(losses, dtype=np.float64))


def _by_seed(values: list, seeds: int) -> np.ndarray:
    """Means over conditions, [seeds, ...], of values in the order of seeds, then conditions."""
    return np.array(values).reshape(seeds, len(values) // seeds, *np.shape(values[0])).mean(1)


def _area(spent: np.ndarray, regret: np.ndarray, span: Span) -> float:
    """Area under the steps over log10 of FLOPs, within the span; each value holds until the next."""
    edges = np.log10(np.clip([*spent, span.allowed], *span))
    return float(regret @ np.diff(edges))


def _lineage(runs: Runs, configuration: Mapping[str, Any]) -> dict[str, Any]:
    benchmark, slice_ = next(iter(configuration["benchmarks"].items()))
    place = (benchmark, slice_["headline"][0], SUBJECT, slice_["seeds"][0])
    record = runs.get(place)
    told = record.instruments if record is not None else {}
    reason = "no record" if record is None else record.reason
    if not reason and not (told.get("lineage") and told.get("scores")):
        reason = NO_LINEAGE
    row = dict(zip(("benchmark", "condition", "arm", "seed"), place, strict=True)) | _status(reason)
    members: Sequence = next(iter(told.get("members", {}).values()), ())
    return row | ({} if reason else {"parents": told["lineage"], "scores": told["scores"], "averaged": len(members)})


def _status(reason: str | None) -> dict[str, str | None]:
    return {"status": "not run" if reason else "done", "reason": reason}
