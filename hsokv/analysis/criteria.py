"""The verdict on each criterion of the study: pass, fail or not measured, with its evidence. None is ever dropped."""

import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from hsokv.analysis.frames import HEADLINE
from hsokv.analysis.intervals import Interval
from hsokv.analysis.scores import SCORES, unit_of
from hsokv.exceptions import ConfigurationError, check_known

COMPARISONS = {"above": ">", "at_least": ">=", "below": "<", "margin": ">"}
TESTS = {">": (operator.gt, "not above"), ">=": (operator.ge, "under"), "<": (operator.lt, "not under")}
WITHIN = "within \N{PLUS-MINUS SIGN}"
MOST_CORES = 2  # that the criterion on time is meant for
TIMED = "one run from nothing up to its statistics, the swarm's measurement included; figures and pages come after"


class Kind(NamedTuple):
    """A kind of criterion: the thresholds it takes, the columns it is read in, and how it is judged."""

    thresholds: tuple[str, ...]
    columns: tuple[str, str, str]
    compared: bool = False  # read from the contrast of two arms
    whole: bool = True  # the whole interval clears the threshold; else the estimate does, and the interval lies above 0


RATE, LIFT, DIFFERENCE = ("mean", "low", "high"), ("lift", "lift_low", "lift_high"), ("difference", "low", "high")
KINDS = {
    "rate": Kind(("above", "at_least", "below"), RATE),
    "lift": Kind(("above", "at_least"), LIFT, compared=True, whole=False),
    "difference": Kind(("above", "at_least"), DIFFERENCE, compared=True, whole=False),
    "magnitude": Kind(("below",), RATE),
    "not_worse": Kind(("margin",), DIFFERENCE, compared=True),
}
"""A line a kind. A magnitude lies between minus and plus the threshold; `not_worse` above minus the margin."""


class Verdict(NamedTuple):
    """pass, fail or not measured, and why."""

    verdict: str
    reason: str


def judge(estimate: Interval, comparison: str, threshold: float, whole: bool = True) -> Verdict:
    """Whether a value clears a threshold, by its whole interval, or else with an interval above 0.

    Without an interval (fewer than two seeds) nothing is decided.

    Args:
        comparison: how the value is held against the threshold: >, >=, < or within \N{PLUS-MINUS SIGN}.

    >>> judge(Interval(0.65, 0.59, 0.71), ">=", 0.6)
    Verdict(verdict='fail', reason='the interval reaches 0.59, under 0.6')
    """
    if math.isnan(estimate.low):
        return Verdict("not measured", "fewer than 2 seeds: no interval")
    if comparison == WITHIN:
        estimate, comparison = Interval(abs(estimate.mean), 0.0, max(-estimate.low, estimate.high)), "<"
    clears, words = TESTS[comparison]
    end = estimate.high if comparison == "<" else estimate.low
    if not clears(estimate.mean, threshold):
        return Verdict("fail", f"the estimate {estimate.mean:.3g} is {words} {threshold:g}")
    if whole and not clears(end, threshold):
        return Verdict("fail", f"the interval reaches {end:.3g}, {words} {threshold:g}")
    if not whole and estimate.low <= 0:
        return Verdict("fail", f"the interval reaches {estimate.low:.3g}: no difference is not ruled out")
    return Verdict("pass", "the whole interval clears it" if whole else "clears it, with the interval above 0")


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
        check_known("allow", name, [entry["name"] for entry in criteria])
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
        "comparison": WITHIN if kind == "magnitude" else COMPARISONS.get(bound),
        "threshold": -criterion[bound] if bound == "margin" else criterion[bound] if bound else None,
        "verdict": "not measured",
        "evidence": "",
    }
    measured = (about.get("scaling") or {}).get("speed_up")
    if score == "speed_up" and measured:  # of the distributed swarm, which has no records
        if measured["mean"] is None:
            return row | {"reason": measured["reason"]}
        return row | _decided(row, KINDS[kind], *(math.nan if measured[end] is None else measured[end] for end in RATE))
    if score == "minutes":
        return row | _judged_time(criterion, row["threshold"], about, study)
    if reason := _not_measurable(criterion, about):
        return row | {"reason": reason}
    if bound not in KINDS[kind].thresholds:
        wanted = " or ".join(f"`{name}`" for name in KINDS[kind].thresholds)
        raise ConfigurationError(f"criteria.{row['name']}: a {kind} needs a threshold. Add {wanted}.")
    arms = [criterion["arm"], *([criterion["over"]] if "over" in criterion else [])]
    row["evidence"] = " ".join(f"{about['records']}/{row['benchmark']}/{arm}.jsonl" for arm in sorted(set(arms)))
    deciding = _decisive(criterion, KINDS[kind], score, scores, contrasts)
    if deciding is None:
        return row | {"reason": f"the runs of {' and '.join(arms)} hold no {score}"}
    if deciding["status"] != "done":
        return row | {"reason": f"not run: {deciding['reason']}"}
    ends = [deciding[end] for end in KINDS[kind].columns]
    if pd.isna(ends[0]):
        return row | {"reason": f"lift undefined: the interval of {criterion['over']} reaches under 5 points"}
    row |= _decided(row, KINDS[kind], *ends)
    if "tracks" in criterion:
        condition = deciding["condition"]
        row |= {"condition": condition, "reason": f"{row['reason']}; best track: {condition}"}
    return row


def _decided(row: Mapping[str, Any], kind: Kind, mean: float, low: float, high: float) -> dict[str, Any]:
    verdict = judge(Interval(mean, low, high), row["comparison"], row["threshold"], kind.whole)
    return {"value": mean, "low": low, "high": high} | verdict._asdict()


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
        cores = time["cores"] or "those of a cluster"
        return {"reason": f"the run had more than {MOST_CORES} cores: {cores}"}
    passed = time["minutes"] < threshold
    reason = TIMED if passed else f"{time['minutes']:.3g} is not under {threshold:g}; {TIMED}"
    evidence = f"{study.get('results', 'results')}/time/study.json"
    return {"value": time["minutes"], "verdict": "pass" if passed else "fail", "reason": reason, "evidence": evidence}
