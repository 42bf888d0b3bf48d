"""The verdict on each criterion of the study: pass, fail or not measured, with its evidence. None is ever dropped."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from hsokv.analysis.frames import HEADLINE
from hsokv.analysis.intervals import Interval, Verdict, judge
from hsokv.analysis.scores import SCORES, unit_of
from hsokv.exceptions import ConfigurationError, check_known

COMPARISONS = {"above": ">", "at_least": ">=", "below": "<", "margin": ">"}
MOST_CORES = 2  # that the criterion on time is meant for
TIMED = "one run from nothing up to its statistics, the swarm's measurement included; figures and pages come after"


class Kind(NamedTuple):
    """A kind of criterion: the thresholds it takes, the columns it is read in, and how it is judged."""

    thresholds: tuple[str, ...]
    columns: tuple[str, str, str]
    verdict: Callable[[Interval, float, str], Verdict]  # of an interval, the threshold and its name
    compared: bool = False  # read from the contrast of two arms


def _inside(found: Interval, low: float | None, high: float | None) -> Verdict:
    """Whether a whole interval lies above `low` and under `high`, as far as these are given."""
    if found.low is None:
        return Verdict("not measured", "fewer than 2 seeds: no interval")
    for words, least, most in (("the estimate is", found.mean, found.mean), ("the interval reaches", *found[1:])):
        if low is not None and least <= low:
            return Verdict("fail", f"{words} {least:.3g}, not above {low:g}")
        if high is not None and most >= high:
            return Verdict("fail", f"{words} {most:.3g}, not under {high:g}")
    return Verdict("pass", "the whole interval clears it")


def _rate(found: Interval, threshold: float, name: str) -> Verdict:
    return _inside(found, None, threshold) if name == "below" else judge("rate", found, threshold, name == "above")


RATE, LIFT, DIFFERENCE = ("mean", "low", "high"), ("lift", "lift_low", "lift_high"), ("difference", "low", "high")
KINDS = {
    "rate": Kind(("above", "at_least", "below"), RATE, _rate),
    "lift": Kind(("above", "at_least"), LIFT, lambda f, x, name: judge("lift", f, x, name == "above"), True),
    "difference": Kind(
        ("above", "at_least"), DIFFERENCE, lambda f, x, name: judge("difference", f, x, name == "above"), True
    ),
    "magnitude": Kind(("below",), RATE, lambda f, x, name: _inside(f, -x, x)),
    "not_worse": Kind(("margin",), DIFFERENCE, lambda f, x, name: _inside(f, x, None), True),
}
"""A line a kind. A magnitude lies between minus and plus the threshold; `not_worse` above minus the margin."""


def check_scores(study: Mapping[str, Any]) -> None:
    """Raise ConfigurationError, with the nearest name, where a criterion is on a score that does not exist."""
    for criterion in study["criteria"]:
        if "score" in criterion:
            check_known(f"criteria.{criterion['name']}.score", criterion["score"], SCORES)


def criteria_of(
    scores: pd.DataFrame, contrasts: pd.DataFrame, about: Mapping[str, Any], study: Mapping[str, Any]
) -> pd.DataFrame:
    """A row for every configured criterion, in order.

    A criterion with `tracks` is read on that of these conditions whose mean is highest, and its reason names it. One
    whose benchmark or kind the study cannot measure, or whose runs were not made, is "not measured" with the reason; so
    is one on a synthetic stand-in, which decides nothing.

    Raises:
        ConfigurationError: a criterion that can be measured has no threshold that its kind takes.
    """
    return pd.DataFrame([_judged(criterion, scores, contrasts, about, study) for criterion in study["criteria"]])


def failures(criteria: Iterable[Mapping[str, Any]], allowed: Iterable[str]) -> list[str]:
    """Names of the criteria that fail and are not `allowed` to, in order; what was not measured does not fail.

    Raises:
        ConfigurationError: one that is allowed is no criterion.

    >>> failures([{"name": "a", "verdict": "fail"}, {"name": "b", "verdict": "not measured"}], [])
    ['a']
    """
    criteria, allowed = list(criteria), list(allowed)
    for name in allowed:
        check_known("expected_failures", name, [entry["name"] for entry in criteria])
    return [entry["name"] for entry in criteria if entry["verdict"] == "fail" and entry["name"] not in allowed]


def _judged(
    criterion: Mapping[str, Any],
    scores: pd.DataFrame,
    contrasts: pd.DataFrame,
    about: Mapping[str, Any],
    study: Mapping[str, Any],
) -> dict[str, Any]:
    bound = next((name for name in COMPARISONS if name in criterion), None)
    kind, score = criterion.get("kind"), criterion.get("score", "accuracy")
    compared = kind in ("difference", "not_worse")
    row = {
        "name": criterion["name"],
        "benchmark": criterion["benchmark"],
        "condition": HEADLINE,
        "kind": kind,
        "unit": "lift" if kind == "lift" else unit_of(score, difference=compared),
        "comparison": "within \N{PLUS-MINUS SIGN}" if kind == "magnitude" else COMPARISONS.get(bound),
        "threshold": -criterion[bound] if bound == "margin" else criterion[bound] if bound else None,
        "verdict": "not measured",
        "evidence": "",
    }
    measured = (about.get("scaling") or {}).get("speed_up")
    if score == "speed_up" and measured:  # of the distributed swarm, which has no records
        if measured["mean"] is None:
            return row | {"reason": measured["reason"]}
        found = Interval(measured["mean"], measured["low"], measured["high"])
        return row | _decided(KINDS[kind], found, row["threshold"], bound) | {"evidence": measured["evidence"]}
    if score == "minutes":
        return row | _judged_time(criterion, row["threshold"], about, study)
    if reason := _not_measurable(criterion, about):
        return row | {"reason": reason}
    if bound not in KINDS[kind].thresholds:
        wanted = " or ".join(f"`{name}`" for name in KINDS[kind].thresholds)
        raise ConfigurationError(f"criteria.{row['name']}: a {kind} needs a threshold. Add {wanted}.")
    arms = [criterion["arm"], *([criterion["over"]] if "over" in criterion else [])]
    row["evidence"] = " ".join(f"{about['records']}/{row['benchmark']}/{arm}.jsonl" for arm in sorted(set(arms)))
    found = _decisive(criterion, KINDS[kind], score, scores, contrasts)
    if found is None:
        return row | {"reason": f"the runs of {' and '.join(arms)} hold no {score}"}
    if found["status"] != "done":
        return row | {"reason": f"not run: {found['reason']}"}
    interval = Interval(*(None if pd.isna(found[end]) else found[end] for end in KINDS[kind].columns))
    if interval.mean is None:
        return row | {"reason": f"lift undefined: the interval of {criterion['over']} reaches under 5 points"}
    row |= _decided(KINDS[kind], interval, row["threshold"], bound)
    if "tracks" in criterion:
        row |= {"condition": found["condition"], "reason": f"{row['reason']}; best track: {found['condition']}"}
    return row


def _decided(kind: Kind, found: Interval, threshold: float, bound: str) -> dict[str, Any]:
    return {"value": found.mean, "low": found.low, "high": found.high} | kind.verdict(found, threshold, bound)._asdict()


def _decisive(
    criterion: Mapping[str, Any], kind: Kind, score: str, scores: pd.DataFrame, contrasts: pd.DataFrame
) -> Mapping[str, Any] | None:
    """The row that decides the criterion: on the benchmark's headline or, of `tracks`, the best one."""
    if kind.compared:
        wanted = {"benchmark": criterion["benchmark"], "a": criterion["arm"], "b": criterion["over"], "score": score}
        rows = contrasts
    else:
        wanted = {"benchmark": criterion["benchmark"], "arm": criterion["arm"], "score": score}
        rows = scores[scores["condition"].isin(criterion.get("tracks", [HEADLINE]))]
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    done = rows[rows["status"] == "done"]
    if not kind.compared and len(done):
        return done.loc[done["mean"].idxmax()]
    return rows.iloc[0] if len(rows) else None


def _not_measurable(criterion: Mapping[str, Any], about: Mapping[str, Any]) -> str | None:
    name, benchmark = criterion["benchmark"], about["benchmarks"].get(criterion["benchmark"])
    if benchmark is None:
        return f"{name} is not in this study's configuration"
    if benchmark["synthetic"]:
        return f"{name} is a synthetic stand-in, which decides no criterion"
    if criterion.get("kind") not in KINDS:
        return f"no run of this study measures a {criterion.get('kind')}"
    for arm in (criterion["arm"], criterion.get("over", criterion["arm"])):
        if arm not in (*benchmark["arms"], *benchmark["controls"]):
            known = arm in about["arms"]
            return f"{arm} is not defined for {name}" if known else f"{arm} is not in this study's configuration"
    return None


def _judged_time(
    criterion: Mapping[str, Any], threshold: float, about: Mapping[str, Any], study: Mapping[str, Any]
) -> dict[str, Any]:
    """The verdict on the time of the whole study: one measurement, from the start of a run to its statistics."""
    measured = {criterion["benchmark"], *about["benchmarks"], *(["cartpole"] if about.get("scaling") else [])}
    if absent := next((other["benchmark"] for other in study["criteria"] if other["benchmark"] not in measured), None):
        return {"reason": f"{absent} is not in this study's configuration, so a part of the study was timed"}
    time = about["time"]
    if time is None:
        return {"reason": "a small run is not timed"}
    if time["configuration"] != study.get("digest"):
        return {"reason": "the time that is kept is of another configuration"}
    if time["minutes"] is None:
        return {"reason": "the run that ended went on from records of an earlier one"}
    if time["cores"] is None or time["cores"] > MOST_CORES:
        came = time["cores"] or "those of a cluster"
        return {"reason": f"wanted a run with at most {MOST_CORES} cores, came one with {came}"}
    passed = time["minutes"] < threshold
    reason = TIMED if passed else f"{time['minutes']:.3g} is not under {threshold:g}; {TIMED}"
    evidence = f"{study.get('results', 'results')}/time/study.json"
    return {"value": time["minutes"], "verdict": "pass" if passed else "fail", "reason": reason, "evidence": evidence}
