"""From the records of a study to its frames: made once, and all that the report reads."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from hsokv.analysis.contrasts import contrasts_of, tracks_of
from hsokv.analysis.criteria import criteria_of
from hsokv.analysis.frames import FORMAT, HEADLINE, Config, Study
from hsokv.analysis.memory import reads_of
from hsokv.analysis.numbers import Numbers
from hsokv.analysis.runs import CELL, Cell, Runs, Samples, collect, named, points_of, read_runs, status_of
from hsokv.analysis.scaling import read_scaling
from hsokv.analysis.scores import STREAM_SCORES, check_scores, examples_of, score_range, scores_of
from hsokv.analysis.swarm import curves_of, lineage_of, regret_of
from hsokv.definitions import Manifest
from hsokv.exceptions import RecordError
from hsokv.files import read_json
from hsokv.records import RunRecord

NO_MATRIX = "its records hold no accuracies by task"
# Curves whose means over the headline are kept.
HEADLINE_CURVES = ["diversity", "copied", "failed", "accuracy_seen", "accuracy_in_force", "update_flops", "event"]


def compute(
    records: Iterable[Path],
    study: Config,
    output_folder: Path,
    scaling: Iterable[Path] = (),
    time: Iterable[Path] = (),
) -> Study:
    """Analyse files of records and write all frames, study.json and criteria.json below `output_folder`.

    `scaling` and `time` are the files of what was measured and projected of the distributed swarm, and of the study's
    time. Raises as `analyse` does, and RecordError for the first file that is damaged; nothing is written then.
    """
    result = analyse(read_runs(records), study, read_scaling(scaling), read_time(time))
    result.write(output_folder)
    return result


def analyse(
    records: Iterable[tuple[RunRecord, str, int]],
    study: Config,
    scaling: Config | None = None,
    time: Config | None = None,
) -> Study:
    """The frames of a study.

    An arm's headline is the mean over the benchmark's headline conditions, seed by seed. A cell is done when every
    configured seed was run; else it says "not run" and why.

    Args:
        records: each record with its file and line, in any order; missing ones become "not run: no record".
        study: the checked configuration: split, benchmarks, arms, variants, baselines, contrasts, criteria, and `small`
            where true. A benchmark names its seeds, headline, conditions, arms and controls; its protocol; as `shots`
            those of the conditions that differ in it alone; as `run_in_overlay` conditions that an overlay runs.
        scaling, time: what `read_scaling` and `read_time` return.

    Raises:
        RecordError: a record of no planned run, of another test set, twice, or not paired with others.
        ConfigurationError: a criterion on a score that does not exist, or two numbers of one name.
    """
    check_scores(study["criteria"])
    runs = collect(records, study)
    regret, spans, of_regret = regret_of(runs)
    examples = runs.measure(lambda record: examples_of(record) if record.shared_test else {})
    values = runs.measure(lambda record: scores_of(record, runs.joint(record)))
    samples = Samples(values | of_regret, examples)
    lineage, averaged = lineage_of(runs)
    about = _about(runs) | {"time": time and dict(time), "scaling": scaling and scaling["about"]}
    about["lineage_ensemble_size"] = averaged
    scores, contrasts = _scores(runs, samples), contrasts_of(runs, samples)
    memory_reads, most_read = reads_of(runs, samples)
    frames = {
        "runs": runs.frame,
        "scores": scores,
        "contrasts": contrasts,
        "tracks": tracks_of(runs, samples),
        "costs": _costs(runs),
        "curves": _curves(runs),
        "regret": regret,
        "regret_spans": spans,
        "task_accuracy": _task_accuracy(runs),
        "memory_reads": memory_reads,
        "most_read": most_read,
        "lineage": lineage,
        "criteria": criteria_of(scores, contrasts, about, study),
    }
    frames |= {f"scaling_{name}": rows for name, rows in (scaling or {}).items() if name != "about"}
    result = Study.of(about, frames)
    Numbers(result)  # two of one name are refused here, before anything is written
    return result


def read_time(paths: Iterable[Path]) -> Config | None:
    """How long the study took, as `hsokv.study.wall_time.measure` wrote it; None without; RecordError where damaged."""
    kinds = {"minutes": int | float | None, "cores": int | None, "configuration": str, "machine": dict}
    for path in paths:
        time = read_json(path)
        if not isinstance(time, dict) or any(not isinstance(time.get(key, ...), kinds[key]) for key in kinds):
            advice = "Delete it, and the records for a time of the whole study."
            raise RecordError(f"{path} is not a measured time. {advice}")
        return time
    return None


def _about(runs: Runs) -> Config:
    """What is said once of a study: study.json."""
    study, expected, done = runs.study, len(runs.frame), len(runs.done)
    wanted = [c.get("at_least", c.get("above")) for c in study["criteria"] if c.get("score") == "diversity"]
    return {
        "format": FORMAT,
        "split": study["split"],
        "small": bool(study.get("small", False)),
        "records": f"{study.get('results', 'results')}/records",
        "versions": sorted({record.version for record in runs.records.values()}),
        "arms": list(study["arms"]),
        "variants": [arm for arm in study["variants"] if arm in study["arms"]],
        "baselines": [arm for arm in study["baselines"] if arm in study["arms"]],
        "benchmarks": {name: _about_benchmark(name, runs) for name in study["benchmarks"]},
        "runs": {"expected": expected, "done": done, "not_run": expected - done},
        "diversity_wanted": next(iter(wanted), None),
    }


def _about_benchmark(name: str, runs: Runs) -> Config:
    benchmark = runs.study["benchmarks"][name]
    data: list[Manifest] = [record.data for run, record in runs.records.items() if run[0] == name]
    encoders = {part["encoder"].get("name"): part["encoder"] for part in data if part.get("encoder")}
    return {
        **{
            key: list(benchmark.get(key, ()))
            for key in ("seeds", "headline", "conditions", "controls", "published", "arms")
        },
        "stream": runs.is_stream(name),
        "shots": dict(benchmark.get("shots", {})),
        "run_in_overlay": dict(benchmark.get("run_in_overlay", {})),
        "synthetic": name.endswith("_synthetic") or any(part.get("synthetic") for part in data),
        "user_copy": any(part.get("kind") == "user copy" for part in data),
        "notes": sorted({part["note"] for part in data if part.get("note")}),
        "data": _about_data(data[0]) if data else {},
        "encoders": [{"name": key, "sha256": encoders[key].get("sha256", {})} for key in sorted(map(str, encoders))],
    }


def _about_data(data: Manifest) -> Config:
    """What is said of the data of a benchmark: source, classes with train and test examples, what was left out."""
    about = {key: data[key] for key in ("kind", "split", "note", "files") if data.get(key)}
    examples = data.get("texts") or data.get("images")
    if not examples:
        return about
    train, test = examples.get("train", {}), examples.get("test", {})
    classes = {label: [train.get(label, 0), test.get(label, 0)] for label in examples["labels"]}
    # The sizes are those of the official or own test set, which development examples are not drawn from.
    largest = max(test.values()) / sum(test.values()) if test and data["split"] == "test" else None
    dropped = {reason: count for reason, count in examples.get("dropped", {}).items() if count}
    return about | {"classes": classes, "largest_class": largest, "dropped": dropped}


def _scores(runs: Runs, samples: Samples) -> pd.DataFrame:
    """A row for every cell and score; a cell that was not run has the scores that its arm has on such benchmarks."""
    measured: dict[Cell, set[str]] = defaultdict(set)
    usual: dict[tuple[bool, str], set[str]] = defaultdict(set)  # by protocol and arm
    for name, condition, arm, score in samples.values:
        measured[name, condition, arm].add(score)
        usual[runs.is_stream(name), arm].add(score)
    for name, arm in dict.fromkeys((name, arm) for name, _, arm in runs.cells):
        stream = runs.is_stream(name)
        expected = {"accuracy", *(["log_loss"] if arm in runs.study["arms"] else []), *(STREAM_SCORES * stream)}
        usual[stream, arm] |= expected
    for criterion in (criterion for criterion in runs.study["criteria"] if "score" in criterion):
        usual[runs.is_stream(criterion["benchmark"]), criterion.get("arm")].add(criterion["score"])
    synthetic = runs.frame.groupby("benchmark")["synthetic"].any()
    rows = []
    for cell, reason in runs.cells.items():
        base = dict(zip(CELL, cell, strict=True)) | {"synthetic": synthetic[cell[0]]} | status_of(reason)
        for score in sorted(usual[runs.is_stream(cell[0]), cell[2]] if reason else measured[cell]):
            seeds = 0 if reason else len(samples.values[*cell, score])
            rows.append(
                base | {"score": score, "seeds": seeds} | named(None if reason else samples.estimate(cell, score))
            )
    return pd.DataFrame(rows)


def _costs(runs: Runs) -> pd.DataFrame:
    """Counted FLOPs per run, the mean over the headline's conditions and the seeds of an arm that were run."""
    rows = []
    for name, arm in runs.pairs:
        flops = pd.DataFrame([record.flops for record in runs.headline(name, arm) if record])
        status = status_of("" if len(flops) else runs.why_not(name, arm))
        rows.append({"benchmark": name, "arm": arm} | flops.mean().add_prefix("flops_").to_dict() | status)
    return pd.DataFrame(rows)


def _curves(runs: Runs) -> pd.DataFrame:
    """The mean of each curve over seeds, point by point, as far as every seed has points."""
    points = points_of(runs.measure(curves_of), score_range)
    kept = (points["condition"] != HEADLINE) | points["name"].isin(HEADLINE_CURVES)
    return points[kept].rename(columns={"name": "curve"})


def _task_accuracy(runs: Runs) -> pd.DataFrame:
    """For every stream and arm the accuracy on task i after task t >= i, of both scenarios: a mean over the headline's
    conditions, then over seeds."""
    streams = [pair for pair in runs.pairs if runs.is_stream(pair[0])]
    points = points_of(runs.measure(accuracies_of))
    after, task = np.tril_indices(points["x"].max() if len(points) else 0)  # the triangle of a matrix, row by row
    points = points.assign(after_task=after[points["x"] - 1] + 1, task=task[points["x"] - 1] + 1)
    return runs.headlines(points, streams, NO_MATRIX).rename(columns={"name": "scenario"})


def accuracies_of(record: RunRecord) -> dict[str, list[float]]:
    """The triangle of a record's accuracy matrices, class- and task-incremental, row by row."""
    matrices = record.instruments.get("accuracy_matrix") or {}
    return {scenario: [value for row in matrix for value in row] for scenario, matrix in matrices.items()}
