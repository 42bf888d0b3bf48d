"""Paired differences between arms: the family that was fixed before any run, and those that are shown beside it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hsokv.analysis.intervals import Interval, holm, interval, lift, sign_flip
from hsokv.reporting.asked import arms_of
from hsokv.reporting.bounds import bounds_of
from hsokv.reporting.cells import HEADLINE, Cells

SUBJECT = "full"  # the arm that is shown against every other
ACCURACY = "accuracy"


def contrasts_of(cells: Cells, configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The configured family, then `full` minus every other arm of each benchmark, then what a criterion compares.

    Holm's family is the configured contrasts; one that was not run counts in it with p = 1. Criteria compare any score;
    a pair whose runs hold no such score has no row.
    """
    rows = [_contrast(cells, configuration, **contrast, family=True) for contrast in configuration["contrasts"]]
    adjusted = holm([1.0 if row["p"] is None else row["p"] for row in rows])
    rows = [row | {"p_holm": None if row["p"] is None else p_holm} for row, p_holm in zip(rows, adjusted, strict=True)]
    names = configuration["benchmarks"]
    shown = [(name, SUBJECT, arm, ACCURACY) for name in names for arm in arms_of(configuration, name)]
    shown += [
        (criterion["benchmark"], criterion["arm"], criterion["over"], criterion.get("score", ACCURACY))
        for criterion in configuration["criteria"]
        if "over" in criterion
    ]
    for benchmark, a, b, score in shown:
        if a == b or (benchmark, HEADLINE, a) not in cells:
            continue
        pair = [cell for arm in (a, b) if (cell := cells.get((benchmark, HEADLINE, arm)))]
        if not all(cell.reason or score in cell.scores for cell in pair):
            continue
        if all((row["benchmark"], row["a"], row["b"], row["score"]) != (benchmark, a, b, score) for row in rows):
            name = f"{a}_over_{b}_{benchmark}" + (f"_{score}" if score != ACCURACY else "")
            rows.append(_contrast(cells, configuration, name, benchmark, a, b, family=False, score=score))
    return rows


def ends_of(found: Interval | None, *names: str) -> dict[str, float | None]:
    """The mean and the ends of an interval under these names, None where there is none."""
    return dict(zip(names, found or (None, None, None), strict=True))


def _contrast(
    cells: Cells,
    configuration: Mapping[str, Any],
    name: str,
    benchmark: str,
    a: str,
    b: str,
    family: bool,
    score: str = ACCURACY,
) -> dict[str, Any]:
    """The headline score of a minus that of b, paired by seed; for accuracy also its lift; p in the family alone."""
    of_a, of_b = cells.get((benchmark, HEADLINE, a)), cells.get((benchmark, HEADLINE, b))
    difference = relative = p = reason = None
    if benchmark not in configuration["benchmarks"]:
        reason = f"{benchmark} is not in this study's configuration"
    elif of_a is None or of_b is None:
        absent = [arm for arm, cell in ((a, of_a), (b, of_b)) if cell is None]
        foreign = [arm for arm in absent if arm not in configuration["arms"]]
        reason = (
            f"{' and '.join(foreign)} not in this study's configuration"
            if foreign
            else f"{' and '.join(absent)} not defined for {benchmark}"
        )
    elif of_a.reason or of_b.reason:
        reason = "; ".join(dict.fromkeys(cell.reason for cell in (of_a, of_b) if cell.reason))
    else:
        x, y = of_a.scores[score], of_b.scores[score]
        outcomes = [cell.examples.get(score) for cell in (of_a, of_b)]
        if any(cell is None for cell in outcomes):
            outcomes = [None, None]
        apart = None if outcomes[0] is None else outcomes[0] - outcomes[1]
        difference = interval(x - y, apart, bounds_of(score, difference=True))
        if score == ACCURACY:
            relative = lift(x, y, np.random.default_rng(list(name.encode())), *outcomes)
        p = sign_flip(x - y) if family and len(x) > 1 else None
    return {
        "name": name,
        "benchmark": benchmark,
        "a": a,
        "b": b,
        "score": score,
        "family": family,
        **ends_of(difference, "difference", "low", "high"),
        **ends_of(relative, "lift", "lift_low", "lift_high"),
        "p": p,
        "p_holm": None,
        "seeds": 0 if reason else len(x),
        "status": "not run" if reason else "done",
        "reason": reason,
    }
