"""From the records of a study to its statistics: made once, and all that tables, figures and texts may read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hsokv.exceptions import ConfigurationError, RecordError
from hsokv.metrics.statistics import Interval, holm, interval, lift, sign_flip
from hsokv.records import RunRecord
from hsokv.reporting import ledger
from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.memory import derived_scores, example_scores, inside_memory
from hsokv.reporting.swarm import CURVES, Regret, regret_scores, regrets, run_curves, swarm_at_work

FORMAT = "hsokv-statistics/1"
HEADLINE = "headline"
SUBJECT = "full"  # the arm that is shown against every other


@dataclass(frozen=True)
class Cell:
    """What the seeds of one arm found under one condition, or the reason why there is nothing to show."""

    reason: str | None
    synthetic: bool
    scores: Mapping[str, np.ndarray]  # [seeds]
    examples: Mapping[str, np.ndarray]  # of scores, [seeds, examples], where seeds share a test set
    curves: Mapping[str, np.ndarray]  # [seeds, points]


Cells = Mapping[tuple[str, str, str], Cell]  # by benchmark, condition or "headline", and arm


def compute_statistics(records: Iterable[RunRecord], configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The statistics of a study, as kept in statistics.json: scores, contrasts, costs, curves, memory, swarm, ledger.

    An arm's headline is the mean over the benchmark's headline conditions, seed by seed. A cell is shown when every
    configured seed was run; else it says "not run" and why, so no mean is taken over the seeds that happened to end.
    Holm's family is the configured contrasts; one that was not run counts in it with p = 1.

    Args:
        records: those of the configuration's runs, in any order; missing ones become "not run: no record".
        configuration: evaluate_on, benchmarks, arms, variants, baselines, contrasts, criteria, and `small` where true.

    Raises:
        RecordError: a record of no run of this configuration, of another test set, twice, or not paired with others.
        ConfigurationError: a headline condition that is not among the conditions, or two numbers of one name.
    """
    runs = _by_run(records, configuration)
    regret, spans = regrets(runs, configuration)
    cells = _cells(runs, configuration, regret)
    reasons = {place: cell.reason for place, cell in cells.items()}
    benchmarks = configuration["benchmarks"]
    done = sum(run.status == "done" for run in runs.values())
    asked = len(_asked(configuration))
    statistics = {
        "format": FORMAT,
        "evaluate_on": configuration["evaluate_on"],
        "small": bool(configuration.get("small", False)),
        "study": {
            "records": f"{configuration.get('results', 'results')}/records",
            "versions": sorted({run.version for run in runs.values()}),
            "arms": list(configuration["arms"]),
            "variants": [arm for arm in configuration["variants"] if arm in configuration["arms"]],
            "baselines": [arm for arm in configuration["baselines"] if arm in configuration["arms"]],
            "benchmarks": {
                name: {
                    **{key: list(slice_.get(key, ())) for key in ("seeds", "headline", "conditions", "controls")},
                    "synthetic": any(cell.synthetic for (benchmark, *_), cell in cells.items() if benchmark == name),
                }
                for name, slice_ in benchmarks.items()
            },
            "runs": {"asked": asked, "done": done, "not_run": asked - done},
        },
        "scores": _scores(cells, configuration),
        "contrasts": _contrasts(cells, configuration),
        "costs": _costs(runs, cells, configuration),
        "curves": _curves(cells),
        "memory": inside_memory(runs, reasons, configuration),
        "swarm": swarm_at_work(runs, reasons, configuration, regret, spans),
    }
    statistics["numbers"] = ledger.collect(statistics, judge_criteria(statistics, configuration))
    return statistics


def _asked(configuration: Mapping[str, Any]) -> list[tuple[str, str, str, int]]:
    return [
        (name, condition, arm, seed)
        for name, slice_ in configuration["benchmarks"].items()
        for condition in slice_["conditions"]
        for arm in (*configuration["arms"], *slice_.get("controls", ()))
        for seed in slice_["seeds"]
    ]


def _by_run(records: Iterable[RunRecord], configuration: Mapping[str, Any]) -> dict[tuple, RunRecord]:
    asked, runs, tests = set(_asked(configuration)), {}, {}
    for record in records:
        run = (record.benchmark, record.condition, record.arm, record.seed)
        name = "/".join(map(str, run))
        if run not in asked:
            raise RecordError(f"{name} is no run of this configuration: hand over the records it asks for, no others")
        if run in runs:
            raise RecordError(f"two records of {name} were handed over: hand over each once")
        runs[run] = record
        if record.status != "done":
            continue
        if record.data["evaluate_on"] not in (configuration["evaluate_on"], "generated"):
            raise RecordError(
                f"{name} was evaluated on {record.data['evaluate_on']!r}, the configuration wants "
                f"{configuration['evaluate_on']!r}: delete the file and run `snakemake --cores 4 report` again"
            )
        if record.outcomes:
            test = (record.benchmark, record.condition) + (() if record.shared_test else (record.seed,))
            size = tests.setdefault(test, len(record.outcomes))
            if size != len(record.outcomes):
                raise RecordError(
                    f"{name} has {len(record.outcomes)} test examples, its pairs have {size}: delete the records of "
                    f"{record.benchmark}/{record.condition} and run `snakemake --cores 4 report` again"
                )
    return runs


def _cells(
    runs: Mapping[tuple, RunRecord], configuration: Mapping[str, Any], regret: Mapping[tuple[str, str], Regret]
) -> dict[tuple[str, str, str], Cell]:
    cells = {}
    for name, slice_ in configuration["benchmarks"].items():
        if not slice_["headline"] or set(slice_["headline"]) - set(slice_["conditions"]):
            raise ConfigurationError(
                f"benchmarks.{name}.headline: wanted some of {list(slice_['conditions'])}, came {slice_['headline']}"
            )
        for arm in (*configuration["arms"], *slice_.get("controls", ())):
            for condition in slice_["conditions"]:
                found = [runs.get((name, condition, arm, seed)) for seed in slice_["seeds"]]
                cells[name, condition, arm] = _cell(found, name)
            parts = [cells[name, condition, arm] for condition in slice_["headline"]]
            cells[name, HEADLINE, arm] = _mean(parts, name, regret_scores(regret.get((name, arm))))
    return cells


def _cell(found: Sequence[RunRecord | None], benchmark: str) -> Cell:
    kept = [record for record in found if record is not None]
    synthetic = benchmark.endswith("_synthetic") or any(record.data.get("synthetic") for record in kept)
    why = ["no record" if record is None else record.reason for record in found if not record or record.reason]
    if why:
        share = f"{len(why)} of {len(found)} seeds: " if len(why) < len(found) else ""
        return Cell(share + "; ".join(dict.fromkeys(why)), synthetic, {}, {}, {})
    scores = [derived_scores(record) for record in kept]
    shared = all(record.shared_test and record.outcomes for record in kept)
    examples = [example_scores(record) for record in kept] if shared else []
    curves = [run_curves(record) for record in kept]
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


def _ends(found: Interval | None, *names: str) -> dict[str, float | None]:
    return dict(zip(names, found or (None, None, None), strict=True))


def _scores(cells: Cells, configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    known = {arm: {"accuracy", "log_loss"} for arm in configuration["arms"]}  # what a cell that was not run would have
    for (*_, arm), cell in cells.items():
        known.setdefault(arm, {"accuracy"}).update(cell.scores)
    for criterion in configuration["criteria"]:
        if criterion.get("arm") in known and "score" in criterion:
            known[criterion["arm"]].add(criterion["score"])
    rows = []
    for (benchmark, condition, arm), cell in cells.items():
        for score in sorted(known[arm] if cell.reason else cell.scores):
            found = None
            if not cell.reason:
                found = interval(cell.scores[score], cell.examples.get(score))
            row = {"benchmark": benchmark, "condition": condition, "arm": arm, "score": score}
            row |= {"seeds": 0 if cell.reason else len(cell.scores[score]), **_ends(found, "mean", "low", "high")}
            rows.append(row | {**_status(cell.reason), "synthetic": cell.synthetic})
    return rows


def _status(reason: str | None) -> dict[str, str | None]:
    return {"status": "not run" if reason else "done", "reason": reason}


def _contrasts(cells: Cells, configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [_contrast(cells, configuration, **contrast, family=True) for contrast in configuration["contrasts"]]
    adjusted = holm([1.0 if row["p"] is None else row["p"] for row in rows])
    rows = [row | {"p_holm": None if row["p"] is None else p_holm} for row, p_holm in zip(rows, adjusted, strict=True)]
    shown = [(name, SUBJECT, arm) for name in configuration["benchmarks"] for arm in configuration["arms"]]
    shown += [(c["benchmark"], c["arm"], c["over"]) for c in configuration["criteria"] if "over" in c]
    for benchmark, a, b in shown:
        if a == b or a not in configuration["arms"] or benchmark not in configuration["benchmarks"]:
            continue
        if all((row["benchmark"], row["a"], row["b"]) != (benchmark, a, b) for row in rows):
            rows.append(_contrast(cells, configuration, f"{a}_over_{b}_{benchmark}", benchmark, a, b, family=False))
    return rows


def _contrast(
    cells: Cells, configuration: Mapping[str, Any], name: str, benchmark: str, a: str, b: str, family: bool
) -> dict[str, Any]:
    """The headline accuracy of a minus that of b, paired by seed, and its lift; p in the family alone."""
    of_a, of_b = cells.get((benchmark, HEADLINE, a)), cells.get((benchmark, HEADLINE, b))
    difference = relative = p = reason = None
    if benchmark not in configuration["benchmarks"]:
        reason = f"{benchmark} is not in this study's configuration"
    elif of_a is None or of_b is None:
        absent = [arm for arm, cell in ((a, of_a), (b, of_b)) if cell is None]
        reason = f"{' and '.join(absent)} not in this study's configuration"
    elif of_a.reason or of_b.reason:
        reason = "; ".join(dict.fromkeys(cell.reason for cell in (of_a, of_b) if cell.reason))
    else:
        x, y = of_a.scores["accuracy"], of_b.scores["accuracy"]
        outcomes = [cell.examples.get("accuracy") for cell in (of_a, of_b)]
        if any(cell is None for cell in outcomes):
            outcomes = [None, None]
        difference = interval(x - y, None if outcomes[0] is None else outcomes[0] - outcomes[1])
        relative = lift(x, y, np.random.default_rng(list(name.encode())), *outcomes)
        p = sign_flip(x - y) if family and len(x) > 1 else None
    return {
        "name": name,
        "benchmark": benchmark,
        "a": a,
        "b": b,
        "score": "accuracy",
        "family": family,
        **_ends(difference, "difference", "low", "high"),
        **_ends(relative, "lift", "lift_low", "lift_high"),
        "p": p,
        "p_holm": None,
        "seeds": 0 if reason else len(x),
        **_status(reason),
    }


def _costs(runs: Mapping[tuple, RunRecord], cells: Cells, configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Counted FLOPs per run, the mean over the conditions and seeds of an arm that were run."""
    rows = []
    for benchmark in configuration["benchmarks"]:
        for arm in configuration["arms"]:
            of_arm = [run for key, run in runs.items() if (key[0], key[2]) == (benchmark, arm) and run.status == "done"]
            reason = None if of_arm else cells[benchmark, HEADLINE, arm].reason
            allowed, spent = (
                sum(run.flops[key] for run in of_arm) / len(of_arm) if of_arm else None for key in ("allowed", "spent")
            )
            row = {"benchmark": benchmark, "arm": arm, "flops_allowed": allowed, "flops_spent": spent}
            rows.append(row | _status(reason))
    return rows


def _curves(cells: Cells) -> list[dict[str, Any]]:
    """The mean of each curve over seeds, point by point, as far as every seed has points; x counts from 1."""
    rows = []
    for (benchmark, condition, arm), cell in cells.items():
        for name, values in sorted(cell.curves.items()):
            points = [interval(point) for point in values.T]
            row = {"benchmark": benchmark, "condition": condition, "arm": arm, "curve": name}
            row |= {"x": list(range(1, len(points) + 1)), "mean": [point.mean for point in points]}
            rows.append(row | {"low": [point.low for point in points], "high": [point.high for point in points]})
    return rows
