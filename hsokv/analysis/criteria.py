"""The verdict on each criterion of the study: pass, fail or not measured, with its evidence. None is ever dropped."""

import math
import operator
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from hsokv.analysis.frames import HEADLINE, Config, Row
from hsokv.analysis.intervals import Interval
from hsokv.analysis.scores import unit_of
from hsokv.exceptions import check_known

COMPARISONS = {"above": ">", "at_least": ">=", "below": "<", "margin": ">"}
TESTS = {">": (operator.gt, "not above"), ">=": (operator.ge, "under"), "<": (operator.lt, "not under")}
WITHIN = "within \N{PLUS-MINUS SIGN}"
MOST_CORES = 2  # that the criterion on time is meant for
TIMED = "one run from nothing up to its statistics, the swarm's measurement included; figures and pages come after"


class Kind(NamedTuple):
    """A kind of criterion: the columns it is read in, and how it is judged."""

    columns: tuple[str, str, str]
    compared: bool = False  # read from the contrast of two arms
    whole: bool = True  # the whole interval clears the threshold; else the estimate does, and the interval lies above 0


RATE, LIFT, DIFFERENCE = ("mean", "low", "high"), ("lift", "lift_low", "lift_high"), ("difference", "low", "high")
KINDS = {
    "rate": Kind(RATE),
    "lift": Kind(LIFT, compared=True, whole=False),
    "difference": Kind(DIFFERENCE, compared=True, whole=False),
    "magnitude": Kind(RATE),
    "not_worse": Kind(DIFFERENCE, compared=True),
}
"""A line a kind. A magnitude lies between minus and plus the threshold; `not_worse` above minus the margin."""


def judge(estimate: Interval, comparison: str, threshold: float, whole: bool = True) -> tuple[str, str]:
    """The verdict on a value, and why: it clears a threshold by its whole interval, or else with one above 0.

    Without an interval (fewer than two seeds) nothing is decided.

    Args:
        comparison: how the value is held against the threshold: >, >=, < or within \N{PLUS-MINUS SIGN}.

    >>> judge(Interval(0.65, 0.59, 0.71), ">=", 0.6)
    ('fail', 'the interval reaches 0.59, under 0.6')
    """
    if math.isnan(estimate.low):
        return "not measured", "fewer than 2 seeds or test examples: no interval"
    if comparison == WITHIN:
        estimate, comparison = Interval(abs(estimate.mean), 0.0, max(-estimate.low, estimate.high)), "<"
    clears, words = TESTS[comparison]
    end = estimate.high if comparison == "<" else estimate.low
    if not clears(estimate.mean, threshold):
        return "fail", f"the estimate {estimate.mean:.3g} is {words} {threshold:g}"
    if whole and not clears(end, threshold):
        return "fail", f"the interval reaches {end:.3g}, {words} {threshold:g}"
    if not whole and estimate.low <= 0:
        return "fail", f"the interval reaches {estimate.low:.3g}: no difference is not ruled out"
    return "pass", "the whole interval clears it" if whole else "clears it, with the interval above 0"


def criteria_of(scores: pd.DataFrame, contrasts: pd.DataFrame, about: Config, study: Config) -> pd.DataFrame:
    """A row for every configured criterion, in order.

    A criterion with `tracks` is read on that of these conditions whose mean is highest, and its reason names it. One
    whose benchmark or kind the study cannot measure, or whose runs were not made, is "not measured" with the reason; so
    is one on a synthetic stand-in, which decides nothing.
    """
    return pd.DataFrame([_judged(criterion, (scores, contrasts), about, study) for criterion in study["criteria"]])


def failures(criteria: Iterable[Config], allowed: Iterable[str]) -> list[str]:
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


class _NotMeasuredError(Exception):
    """Why a criterion has no verdict."""


def _refuse(*reasons: tuple[object, str]) -> None:
    """Raise the first of the reasons that holds."""
    if reason := next((reason for holds, reason in reasons if holds), None):
        raise _NotMeasuredError(reason)


def _judged(
    criterion: Config,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    about: Config,
    study: Config,
) -> Row:
    """The row of a criterion in the frame `criteria`."""
    bound = next(name for name in COMPARISONS if name in criterion)
    kind, score, threshold = criterion.get("kind"), criterion.get("score", "accuracy"), criterion[bound]
    row = {
        "name": criterion["name"],
        "benchmark": criterion["benchmark"],
        "condition": HEADLINE,
        "kind": kind,
        "unit": "lift" if kind == "lift" else unit_of(score, difference=kind in ("difference", "not_worse")),
        "comparison": WITHIN if kind == "magnitude" else COMPARISONS[bound],
        "threshold": -threshold if bound == "margin" else threshold,
        "verdict": "not measured",
        "evidence": "",
    }
    try:
        if score == "minutes":
            return row | _judged_time(row, about, study)
        if score == "speed_up" and about.get("scaling"):  # of the distributed swarm, which has no records
            estimate = about["scaling"]["speed_up"]
            _refuse((estimate["mean"] is None, estimate["reason"]))
            row["evidence"] = estimate["evidence"]
        else:
            _check_measurable(criterion, about)
            arms = sorted({criterion["arm"], criterion.get("over", criterion["arm"])})
            row["evidence"] = " ".join(f"{about['records']}/{row['benchmark']}/{arm}.jsonl" for arm in arms)
            estimate = _decisive(criterion, score, frames[KINDS[kind].compared])
        mean, low, high = (math.nan if estimate[end] is None else estimate[end] for end in KINDS[kind].columns)
        verdict, reason = judge(Interval(mean, low, high), row["comparison"], row["threshold"], KINDS[kind].whole)
    except _NotMeasuredError as reason:
        return row | {"reason": str(reason)}
    if "tracks" in criterion:
        row["condition"] = estimate["condition"]
        reason = f"{reason}; best track: {estimate['condition']}"
    return row | {"verdict": verdict, "reason": reason, "value": mean, "low": low, "high": high}


def _check_measurable(criterion: Config, about: Config) -> None:
    name, benchmark = criterion["benchmark"], about["benchmarks"].get(criterion["benchmark"])
    arms = (*benchmark["arms"], *benchmark["controls"]) if benchmark else ()
    absent = next((criterion[arm] for arm in ("arm", "over") if criterion.get(arm, *arms[:1]) not in arms), None)
    _refuse(
        (benchmark is None, f"{name} is not in this study's configuration"),
        (benchmark and benchmark["synthetic"], f"{name} is a synthetic stand-in, which decides no criterion"),
        (absent in about["arms"], f"{absent} is not defined for {name}"),
        (absent, f"{absent} is not in this study's configuration"),
    )


def _decisive(criterion: Config, score: str, rows: pd.DataFrame) -> pd.Series:
    """The row that decides the criterion: on the benchmark's headline or, of `tracks`, the best one."""
    arm, over = criterion["arm"], criterion.get("over")
    rows = rows[(rows["benchmark"] == criterion["benchmark"]) & (rows["score"] == score)]
    if compared := "a" in rows:
        rows = rows[(rows["a"] == arm) & (rows["b"] == over)]
    else:
        rows = rows[(rows["arm"] == arm) & rows["condition"].isin(criterion.get("tracks", [HEADLINE]))]
    _refuse((rows.empty, f"the runs of {' and '.join(filter(None, (arm, over)))} hold no {score}"))
    done = rows[rows["status"] == "done"]
    _refuse((done.empty, f"not run: {rows.iloc[0]['reason']}"))
    row = done.iloc[0] if compared else done.loc[done["mean"].idxmax()]
    undefined = criterion["kind"] == "lift" and pd.isna(row.get("lift"))  # no column where none is defined
    _refuse((undefined, f"lift undefined: the interval of {over} reaches under 5 points"))
    return row


def _judged_time(row: Row, about: Config, study: Config) -> Row:
    """The verdict on the time of the whole study: one measurement, from the start of a run to its statistics."""
    measured = {row["benchmark"], *about["benchmarks"], *(["cartpole"] if about.get("scaling") else [])}
    absent = next((other["benchmark"] for other in study["criteria"] if other["benchmark"] not in measured), None)
    time = about["time"] or dict.fromkeys(("configuration", "minutes", "cores"))
    minutes, cores, threshold = time["minutes"], time["cores"], row["threshold"]
    _refuse(
        (absent, f"{absent} is not in this study's configuration, so a part of the study was timed"),
        (about["time"] is None, "a small run is not timed"),
        (time["configuration"] != study.get("digest"), "the time that is kept is of another configuration"),
        (minutes is None, "the run that ended went on from records of an earlier one"),
        (cores is None, f"the run used a cluster, not at most {MOST_CORES} cores"),
        (cores and cores > MOST_CORES, f"the run used {cores} cores, not at most {MOST_CORES}"),
    )
    met = minutes < threshold
    return {
        "value": minutes,
        "verdict": "pass" if met else "fail",
        "reason": TIMED if met else f"{minutes:.3g} is not under {threshold:g}; {TIMED}",
        "evidence": f"{study.get('results', 'results')}/time/study.json",
    }
