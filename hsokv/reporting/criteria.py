"""The verdict on each criterion of the study: pass, fail or not measured, with its evidence. None is ever dropped."""

from collections.abc import Mapping
from typing import Any

from hsokv.analysis.intervals import Interval, Verdict, judge
from hsokv.exceptions import ConfigurationError
from hsokv.records import record_path
from hsokv.reporting import ledger
from hsokv.reporting.duration import judge_time

BOUNDS = {  # what each kind may be held against
    "rate": ("above", "at_least", "below"),
    "lift": ("above", "at_least"),
    "difference": ("above", "at_least"),
    "magnitude": ("below",),
    "not_worse": ("margin",),
}
COMPARISONS = {"above": ">", "at_least": ">=", "below": "<", "margin": ">"}
WITHIN = "within \N{PLUS-MINUS SIGN}"


def judge_criteria(statistics: Mapping[str, Any], configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry a configured criterion, in order: threshold, value, interval, verdict, reason and evidence.

    A rate `above` or `at_least` a threshold, a lift and a difference are judged by `hsokv.analysis.intervals.judge`. A
    rate `below` passes when its whole interval lies under the threshold; a magnitude `below` when it lies between minus
    and plus the threshold; `not_worse` when the interval of the paired difference lies above minus the `margin`.

    A criterion with `tracks` is read on that of these conditions whose mean is highest, and its reason names it.

    A criterion whose benchmark or kind the study cannot measure, or whose runs were not made, is "not measured" with
    the reason; so is one on a synthetic stand-in, which decides nothing.

    Args:
        statistics: `scores`, `contrasts` and `study` of `compute_statistics`.
        configuration: its `criteria`, and its `digest` where it was timed.

    Raises:
        ConfigurationError: a criterion that can be measured names no threshold that its kind can be held against.
    """
    return [_entry(criterion, statistics, configuration) for criterion in configuration["criteria"]]


def _entry(
    criterion: Mapping[str, Any], statistics: Mapping[str, Any], configuration: Mapping[str, Any]
) -> dict[str, Any]:
    bound = next((key for key in COMPARISONS if key in criterion), None)
    kind, score = criterion.get("kind"), criterion.get("score", "accuracy")
    compared = kind in ("difference", "not_worse")
    entry = {
        "name": criterion["name"],
        "benchmark": criterion["benchmark"],
        "kind": kind,
        "unit": "lift" if kind == "lift" else ledger.unit_of(score, difference=compared),
        "threshold": -criterion[bound] if bound == "margin" else criterion[bound] if bound else None,
        "comparison": WITHIN if kind == "magnitude" else COMPARISONS.get(bound),
        "value": None,
        "interval": None,
        "verdict": "not measured",
        "evidence": [],
    }
    row = (statistics.get("scaling") or {}).get("speed_up")
    if score == "speed_up" and row:  # of the distributed swarm, which has no records
        if row["mean"] is None:
            return entry | {"reason": row["reason"]}
        found = Interval(row["mean"], row["low"], row["high"])
        entry["value"], entry["interval"] = found.mean, None if found.low is None else [found.low, found.high]
        return entry | judge(kind, found, entry["threshold"], strict=bound == "above")._asdict()
    if score == "minutes" and "time" in statistics:
        measured = {criterion["benchmark"], *configuration.get("benchmarks", ()), *(["cartpole"] if row else [])}
        others = (other["benchmark"] for other in configuration["criteria"])
        if absent := next((name for name in others if name not in measured), None):
            return entry | {
                "reason": f"{absent} is not in this study's configuration, so a part of the study was timed"
            }
        path = f"{configuration.get('results', 'results')}/time/study.json"
        return entry | judge_time(statistics["time"], entry["threshold"], configuration.get("digest"), path)
    if reason := _not_measurable(criterion, statistics):
        return entry | {"reason": reason}
    if bound not in BOUNDS[kind]:
        wanted = " or ".join(f"`{name}`" for name in BOUNDS[kind])
        raise ConfigurationError(f"criteria.{entry['name']}: wanted a threshold for a {kind}, {wanted}: add one")
    arms = [criterion["arm"], *([criterion["over"]] if "over" in criterion else [])]
    row = _row(criterion, statistics)
    conditions = [row["condition"]] if row and "tracks" in criterion else None
    entry["evidence"] = _evidence(statistics, entry["benchmark"], arms, conditions)
    if row is None:
        return entry | {"reason": f"the runs of {' and '.join(arms)} hold no {score}"}
    if row["status"] != "done":
        return entry | {"reason": f"not run: {row['reason']}"}
    names = {"lift": ("lift", "lift_low", "lift_high")} | dict.fromkeys(("rate", "magnitude"), ("mean", "low", "high"))
    found = Interval(*(row[name] for name in names.get(kind, ("difference", "low", "high"))))
    if found.mean is None:
        return entry | {"reason": f"lift undefined: the interval of {criterion['over']} reaches under 5 points"}
    entry["value"], entry["interval"] = found.mean, None if found.low is None else [found.low, found.high]
    threshold = entry["threshold"]
    if bound == "below":
        verdict = _inside(found, -threshold if kind == "magnitude" else None, threshold)
    elif bound == "margin":
        verdict = _inside(found, threshold, None)
    else:
        verdict = judge(kind, found, threshold, strict=bound == "above")
    if conditions:
        verdict = verdict._replace(reason=f"{verdict.reason}; best track: {row['condition']}")
    return entry | verdict._asdict()


def _inside(found: Interval, low: float | None, high: float | None) -> Verdict:
    """Whether a whole interval lies above `low` and under `high`, as far as these are given."""
    if found.low is None:
        return Verdict("not measured", "fewer than 2 seeds: no interval")
    for words, least, most in (("the estimate", found.mean, found.mean), ("the interval", found.low, found.high)):
        reaches = "is" if words == "the estimate" else "reaches"
        if low is not None and least <= low:
            return Verdict("fail", f"{words} {reaches} {least:.3g}, not above {low:g}")
        if high is not None and most >= high:
            return Verdict("fail", f"{words} {reaches} {most:.3g}, not under {high:g}")
    return Verdict("pass", "the whole interval clears it")


def _not_measurable(criterion: Mapping[str, Any], statistics: Mapping[str, Any]) -> str | None:
    benchmark = statistics["study"]["benchmarks"].get(criterion["benchmark"])
    if benchmark is None:
        return f"{criterion['benchmark']} is not in this study's configuration"
    if benchmark["synthetic"]:
        return f"{criterion['benchmark']} is a synthetic stand-in, which decides no criterion"
    if criterion.get("kind") not in BOUNDS:
        return f"no run of this study measures a {criterion.get('kind')}"
    for arm in (criterion["arm"], criterion.get("over", criterion["arm"])):
        if arm not in (*benchmark["arms"], *benchmark["controls"]):
            if arm in statistics["study"]["arms"]:
                return f"{arm} is not defined for {criterion['benchmark']}"
            return f"{arm} is not in this study's configuration"
    return None


def _row(criterion: Mapping[str, Any], statistics: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The row of statistics that decides the criterion: on the benchmark's headline or, of `tracks`, the best one."""
    score = criterion.get("score", "accuracy")
    if "tracks" in criterion:
        wanted = (criterion["benchmark"], criterion["arm"], score)
        rows = [row for row in statistics["scores"] if (row["benchmark"], row["arm"], row["score"]) == wanted]
        rows = [row for row in rows if row["condition"] in criterion["tracks"]]
        done = [row for row in rows if row["status"] == "done"]
        return max(done, key=lambda row: row["mean"]) if done else next(iter(rows), None)
    if criterion["kind"] in ("rate", "magnitude"):
        rows, keys = statistics["scores"], ("benchmark", "condition", "arm", "score")
        wanted = (criterion["benchmark"], "headline", criterion["arm"], score)
    else:
        rows, keys = statistics["contrasts"], ("benchmark", "a", "b", "score")
        wanted = (criterion["benchmark"], criterion["arm"], criterion["over"], score)
    return next((row for row in rows if tuple(row[key] for key in keys) == wanted), None)


def _evidence(
    statistics: Mapping[str, Any], name: str, arms: list[str], conditions: list[str] | None = None
) -> list[str]:
    benchmark = statistics["study"]["benchmarks"][name]
    return [
        record_path(name, condition, arm, seed, statistics["study"]["records"]).as_posix()
        for condition in conditions or benchmark["headline"]
        for arm in arms
        for seed in benchmark["seeds"]
    ]
