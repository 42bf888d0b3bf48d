"""The verdict on each criterion of the study: pass, fail or not measured, with its evidence. None is ever dropped."""

from collections.abc import Mapping
from typing import Any

from hsokv.exceptions import ConfigurationError
from hsokv.metrics.statistics import Interval, judge
from hsokv.records import record_path
from hsokv.reporting import ledger

KINDS = ("rate", "lift", "difference")
COMPARISONS = {"above": ">", "at_least": ">=", "below": "<"}


def judge_criteria(statistics: Mapping[str, Any], configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry a configured criterion, in order: threshold, value, interval, verdict, reason and evidence.

    A criterion whose benchmark or kind the study cannot measure, or whose runs were not made, is "not measured" with
    the reason; so is one on a synthetic stand-in, which decides nothing.

    Args:
        statistics: `scores`, `contrasts` and `study` of `compute_statistics`.
        configuration: its `criteria`.

    Raises:
        ConfigurationError: a criterion that can be measured names no threshold.
    """
    return [_entry(criterion, statistics) for criterion in configuration["criteria"]]


def _entry(criterion: Mapping[str, Any], statistics: Mapping[str, Any]) -> dict[str, Any]:
    bound = next((key for key in COMPARISONS if key in criterion), None)
    kind, score = criterion.get("kind"), criterion.get("score", "accuracy")
    entry = {
        "name": criterion["name"],
        "benchmark": criterion["benchmark"],
        "kind": kind,
        "unit": {"lift": "lift", "difference": "points"}.get(kind, ledger.unit_of(score)),
        "threshold": criterion[bound] if bound else None,
        "comparison": COMPARISONS.get(bound),
        "value": None,
        "interval": None,
        "verdict": "not measured",
        "evidence": [],
    }
    if reason := _not_measurable(criterion, statistics):
        return entry | {"reason": reason}
    if bound not in ("above", "at_least"):
        raise ConfigurationError(f"criteria.{entry['name']}: wanted a threshold, `above` or `at_least`: add one")
    arms = [criterion["arm"], *([criterion["over"]] if "over" in criterion else [])]
    entry["evidence"] = _evidence(statistics, entry["benchmark"], arms)
    row = _row(criterion, statistics)
    if row is None:
        return entry | {"reason": f"the runs of {' and '.join(arms)} hold no {score}"}
    if row["status"] != "done":
        return entry | {"reason": f"not run: {row['reason']}"}
    names = {"rate": ("mean", "low", "high"), "lift": ("lift", "lift_low", "lift_high")}
    found = Interval(*(row[name] for name in names.get(kind, ("difference", "low", "high"))))
    if found.mean is None:
        return entry | {"reason": f"lift undefined: the interval of {criterion['over']} reaches under 5 points"}
    entry["value"], entry["interval"] = found.mean, None if found.low is None else [found.low, found.high]
    return entry | judge(kind, found, entry["threshold"], strict=bound == "above")._asdict()


def _not_measurable(criterion: Mapping[str, Any], statistics: Mapping[str, Any]) -> str | None:
    benchmark = statistics["study"]["benchmarks"].get(criterion["benchmark"])
    if benchmark is None:
        return f"{criterion['benchmark']} is not in this study's configuration"
    if benchmark["synthetic"]:
        return f"{criterion['benchmark']} is a synthetic stand-in, which decides no criterion"
    if criterion.get("kind") not in KINDS:
        return f"no run of this study measures a {criterion.get('kind')}"
    for arm in (criterion["arm"], criterion.get("over", criterion["arm"])):
        if arm not in (*statistics["study"]["arms"], *benchmark["controls"]):
            return f"{arm} is not in this study's configuration"
    return None


def _row(criterion: Mapping[str, Any], statistics: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The row of statistics that decides the criterion, on the benchmark's headline."""
    if criterion["kind"] == "rate":
        rows, keys = statistics["scores"], ("benchmark", "condition", "arm", "score")
        wanted = (criterion["benchmark"], "headline", criterion["arm"], criterion["score"])
    else:
        rows, keys = statistics["contrasts"], ("benchmark", "a", "b", "score")
        wanted = (criterion["benchmark"], criterion["arm"], criterion["over"], criterion.get("score", "accuracy"))
    return next((row for row in rows if tuple(row[key] for key in keys) == wanted), None)


def _evidence(statistics: Mapping[str, Any], name: str, arms: list[str]) -> list[str]:
    benchmark = statistics["study"]["benchmarks"][name]
    return [
        record_path(name, condition, arm, seed, statistics["study"]["records"]).as_posix()
        for condition in benchmark["headline"]
        for arm in arms
        for seed in benchmark["seeds"]
    ]
