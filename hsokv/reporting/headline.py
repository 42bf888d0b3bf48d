"""What the first paragraph of the report must say, decided from the statistics alone."""

from collections.abc import Mapping
from typing import Any

SUBJECT, ABLATED = "full", "kv_only"
RELATIONS = {
    "behind": "is behind",
    "not told apart": "is not told apart from",
    "ahead": "is ahead of",
    "not measured": "is set apart by no interval from",
}


def headline(statistics: Mapping[str, Any]) -> dict[str, Any]:
    """How `full` stands to the best plain baseline and to `kv_only` on each benchmark, and the sentence that leads.

    `full` is "ahead" of an arm where the interval of their paired difference lies above 0, "behind" where it lies
    under 0, "not told apart" where it reaches 0, and "not measured" without an interval.

    Returns:
        `small`; `lead`, the first sentence of the report, on benchmarks that are no stand-ins; and `benchmarks`, in
        the order of the configuration: name, synthetic, status, reason, `best_baseline` and `kv_only`, each None or
        (arm, relation, difference of full minus the arm, low, high).
    """
    rows = [_of_benchmark(statistics, name) for name in statistics["study"]["benchmarks"]]
    return {"small": statistics["small"], "lead": _lead(rows), "benchmarks": rows}


def _of_benchmark(statistics: Mapping[str, Any], name: str) -> dict[str, Any]:
    study, numbers = statistics["study"], statistics["numbers"]
    keys = {arm: f"{name}.headline.{arm}.accuracy.mean" for arm in study["arms"]}
    means = {arm: numbers[key]["value"] for arm, key in keys.items() if numbers[key]["value"] is not None}
    row = {"name": name, "synthetic": study["benchmarks"][name]["synthetic"], "status": "done", "reason": None}
    row |= {"best_baseline": None, "kv_only": None}
    if SUBJECT not in means:
        missing = numbers[keys[SUBJECT]]["reason"] if SUBJECT in keys else f"{SUBJECT} is not in the configuration"
        return row | {"status": "not run", "reason": missing}
    baselines = [arm for arm in study["baselines"] if arm in means]
    if baselines:
        row["best_baseline"] = _standing(statistics, name, max(baselines, key=means.__getitem__))
    if ABLATED in means:
        row["kv_only"] = _standing(statistics, name, ABLATED)
    return row


def _lead(rows: list[dict[str, Any]]) -> str:
    """Whether the full system beats the best plain baseline anywhere, and whether the swarm adds to the memory."""
    claims = []
    for key, rival in (("best_baseline", "the best plain baseline"), ("kv_only", "its memory alone")):
        standings = {row["name"]: row[key]["relation"] for row in rows if row[key] and not row["synthetic"]}
        if not standings:
            claims.append(f"no run compares it with {rival}")
        for relation, words in RELATIONS.items():
            if names := [name for name, found in standings.items() if found == relation]:
                claims.append(f"it {words} {rival} on {' and '.join(names)}")
    return f"With the same allowance of counted operations, the full system: {'; '.join(claims)}."


def _standing(statistics: Mapping[str, Any], benchmark: str, arm: str) -> dict[str, Any]:
    row = next(r for r in statistics["contrasts"] if (r["benchmark"], r["a"], r["b"]) == (benchmark, SUBJECT, arm))
    low, high = row["low"], row["high"]
    relation = "not measured"
    if low is not None:
        relation = "ahead" if low > 0 else "behind" if high < 0 else "not told apart"
    return {"arm": arm, "relation": relation, "difference": row["difference"], "low": low, "high": high}
