"""What the memory mends and what it breaks: the outcome on each test example, with the memory and without it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hsokv.records import RunRecord
from hsokv.reporting.asked import Runs, arms_of, is_stream

SUBJECT, HEADLINE = "full", "headline"
SHOWN = 3  # examples that are named, of each kind
OFTEN = 2  # seeds in which an example must have been mended, or broken, to be named
KINDS = {"mended": (1, 0), "broken": (0, 1), "right_both": (1, 1), "wrong_both": (0, 0)}  # right with, right without
SCORES = {f"memory_{kind}": kind for kind in KINDS}


def outcomes_of(text: str) -> np.ndarray:
    """The outcomes of a record as numbers [examples], 1 for right."""
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.float64) - ord("0")


def by_example(record: RunRecord) -> dict[str, np.ndarray]:
    """Which test examples [examples] are `memory_{mended, broken, right_both, wrong_both}`, 1 where they are.

    Mended: right, and wrong once the memory's part of the prediction is zeroed; broken: the other way round; the others
    are right, or wrong, either way. Their shares add up to 1. {} for an arm without a memory.
    """
    without = (record.instruments.get("memory") or {}).get("outcomes_without")
    if not without or not record.outcomes:
        return {}
    right, alone = outcomes_of(record.outcomes), outcomes_of(without)
    return {score: ((right == KINDS[k][0]) & (alone == KINDS[k][1])).astype(np.float64) for score, k in SCORES.items()}


def mended_scores(record: RunRecord) -> dict[str, float]:
    """Shares of test examples of each kind, and how many `memory_{mended, broken}_examples` there are of all."""
    found = by_example(record)
    if not found:
        return {}
    counts = {f"memory_{kind}_examples": float(found[f"memory_{kind}"].sum()) for kind in ("mended", "broken")}
    return {name: float(shares.mean()) for name, shares in found.items()} | counts


def most_often(
    runs: Runs, reasons: Mapping[tuple[str, str, str], str | None], configuration: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The test examples that the memory of `full` mends, and those it breaks, in most seeds.

    Of benchmarks that are no streams and whose seeds share a test set, under the first headline condition. An example
    is its place in the test file, from 0; of equals the earlier comes first.

    Args:
        reasons: why an arm's headline has nothing to show, None where it has, by benchmark, "headline" and arm.
    """
    rows = []
    for benchmark, slice_ in configuration["benchmarks"].items():
        if SUBJECT not in arms_of(configuration, benchmark) or is_stream(configuration, benchmark):
            continue
        condition = slice_["headline"][0]
        found = [runs.get((benchmark, condition, SUBJECT, seed)) for seed in slice_["seeds"]]
        if reasons[benchmark, HEADLINE, SUBJECT] or not all(r.shared_test and by_example(r) for r in found):
            continue
        row = {"benchmark": benchmark, "condition": condition, "arm": SUBJECT, "seeds": len(found)}
        for kind in ("mended", "broken"):
            row[kind] = _most(np.sum([by_example(record)[f"memory_{kind}"] for record in found], axis=0))
        rows.append(row)
    return rows


def _most(times: np.ndarray) -> list[dict[str, int]]:
    order = np.argsort(-times, kind="stable")[:SHOWN].tolist()
    return [{"example": place, "seeds": int(times[place])} for place in order if times[place] >= OFTEN]
