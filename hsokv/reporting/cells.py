"""The cells of a study: what the seeds of one arm found on one benchmark under one condition, or on its headline."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hsokv.exceptions import ConfigurationError, RecordError
from hsokv.records import RunRecord
from hsokv.reporting import streams, swarm
from hsokv.reporting.asked import Runs, arms_of
from hsokv.reporting.memory import derived_scores, example_scores

HEADLINE = "headline"
CURVES = (*swarm.CURVES, *streams.CURVES)  # means over the headline's conditions are kept


@dataclass(frozen=True)
class Cell:
    """What the seeds of one arm found under one condition, or the reason why there is nothing to show."""

    reason: str | None
    synthetic: bool
    scores: Mapping[str, np.ndarray]  # [seeds]
    examples: Mapping[str, np.ndarray]  # of scores, [seeds, examples], where seeds share a test set
    curves: Mapping[str, np.ndarray]  # [seeds, points]


Cells = Mapping[tuple[str, str, str], Cell]  # by benchmark, condition or "headline", and arm


def cells_of(
    runs: Runs, configuration: Mapping[str, Any], regret: Mapping[tuple[str, str], swarm.Regret]
) -> dict[tuple[str, str, str], Cell]:
    """Every cell of the study: by condition, and the mean over the headline's conditions, seed by seed.

    Raises:
        ConfigurationError: a headline condition that is not among the conditions.
        RecordError: headline conditions that do not share a test set.
    """
    cells = {}
    for name, slice_ in configuration["benchmarks"].items():
        if not slice_["headline"] or set(slice_["headline"]) - set(slice_["conditions"]):
            raise ConfigurationError(
                f"benchmarks.{name}.headline: wanted some of {list(slice_['conditions'])}, came {slice_['headline']}"
            )
        for arm in (*arms_of(configuration, name), *slice_.get("controls", ())):
            for condition in slice_["conditions"]:
                found, reference = (
                    [runs.get((name, condition, a, seed)) for seed in slice_["seeds"]] for a in (arm, streams.JOINT)
                )
                cells[name, condition, arm] = _cell(found, reference, name)
            parts = [cells[name, condition, arm] for condition in slice_["headline"]]
            cells[name, HEADLINE, arm] = _mean(parts, name, swarm.regret_scores(regret.get((name, arm))))
    return cells


def _cell(found: Sequence[RunRecord | None], reference: Sequence[RunRecord | None], benchmark: str) -> Cell:
    kept = [record for record in found if record is not None]
    synthetic = benchmark.endswith("_synthetic") or any(record.data.get("synthetic") for record in kept)
    why = ["no record" if record is None else record.reason for record in found if not record or record.reason]
    if why:
        share = f"{len(why)} of {len(found)} seeds: " if len(why) < len(found) else ""
        return Cell(share + "; ".join(dict.fromkeys(why)), synthetic, {}, {}, {})
    scores = [
        derived_scores(record) | streams.stream_scores(record, joint)
        for record, joint in zip(kept, reference, strict=True)
    ]
    shared = all(record.shared_test and record.outcomes for record in kept)
    examples = [example_scores(record) for record in kept] if shared else []
    curves = [swarm.run_curves(record) for record in kept]
    return Cell(
        None,
        synthetic,
        {name: np.array([row[name] for row in scores]) for name in scores[0] if all(name in row for row in scores)},
        _stacked(examples, np.array),
        _cut(curves, curves[0]),
    )


def _mean(cells: Sequence[Cell], benchmark: str, added: Mapping[str, np.ndarray]) -> Cell:
    """The mean over conditions, seed by seed and, where all share one test set, by example; `added` scores beside."""
    synthetic = cells[0].synthetic
    if reasons := [cell.reason for cell in cells if cell.reason]:
        return Cell("; ".join(dict.fromkeys(reasons)), synthetic, {}, {}, {})
    names = [name for name in cells[0].scores if all(name in cell.scores for cell in cells)]
    examples = [cell.examples for cell in cells]
    if len({part["accuracy"].shape for part in examples if part}) > 1:
        raise RecordError(f"{benchmark}: its headline conditions share no test set: make one of them the headline")
    return Cell(
        None,
        synthetic,
        {name: np.mean([cell.scores[name] for cell in cells], axis=0) for name in names} | added,
        _stacked(examples, lambda parts: np.mean(parts, axis=0)),
        {name: values.mean(0) for name, values in _cut([cell.curves for cell in cells], CURVES).items()},
    )


def _stacked(
    examples: Sequence[Mapping[str, np.ndarray]], together: Callable[[list[np.ndarray]], np.ndarray]
) -> dict[str, np.ndarray]:
    """The scores that all parts have by example, put together."""
    names = [name for name in examples[0] if all(name in part for part in examples)] if examples else []
    return {name: together([part[name] for part in examples]) for name in names}


def _cut(parts: Sequence[Mapping[str, ArrayLike]], names: Iterable[str]) -> dict[str, np.ndarray]:
    """The curves of these names that all parts have, put together as far as all have points."""
    lengths = {name: min(np.shape(part.get(name, ()))[-1] for part in parts) for name in names}
    found = {name: length for name, length in lengths.items() if length}
    return {name: np.array([np.asarray(part[name])[..., :cut] for part in parts]) for name, cut in found.items()}
