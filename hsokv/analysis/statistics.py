"""From the records of a study to its frames: made once, and all that the report reads."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hsokv.analysis.contrasts import Reasons, contrasts_of, tracks_of
from hsokv.analysis.criteria import check_scores, criteria_of
from hsokv.analysis.frames import FORMAT, HEADLINE, Study
from hsokv.analysis.intervals import interval
from hsokv.analysis.memory import memory_of
from hsokv.analysis.numbers import Numbers
from hsokv.analysis.runs import (
    CELL,
    Records,
    arms_of,
    cells_of,
    collect_runs,
    complete,
    is_stream,
    over_headline,
    points_of,
    read_runs,
    values_of,
)
from hsokv.analysis.samples import Samples, ends_of, samples_of, status_of
from hsokv.analysis.scaling import read_scaling
from hsokv.analysis.scores import STREAM_SCORES, score_range
from hsokv.analysis.streams import task_accuracy_of
from hsokv.analysis.swarm import lineage_of, regret_of
from hsokv.exceptions import RecordError
from hsokv.files import read_json
from hsokv.records import RunRecord

HEADLINE_CURVES = (
    "diversity",
    "copied",
    "failed",
    "accuracy_seen",
    "accuracy_in_force",
    "update_flops",
    "event",
)  # whose means over the headline are kept


def compute(
    records: Iterable[Path],
    study: Mapping[str, Any],
    output_folder: Path,
    scaling: Iterable[Path] = (),
    time: Iterable[Path] = (),
) -> Study:
    """Read all records (the first that is damaged is named) and write every frame, study.json and criteria.json.

    Args:
        records: files of records.
        study: the configuration as `analyse` takes it.
        scaling: what was measured and what was projected of the distributed swarm, if anything.
        time: how long the study took, where that was measured.

    Raises:
        RecordError, ConfigurationError: see `analyse`; nothing is written then.
    """
    result = analyse(read_runs(records), study, read_scaling(scaling), read_time(time))
    result.write(output_folder)
    return result


def analyse(
    found: Iterable[tuple[RunRecord, str, int]],
    study: Mapping[str, Any],
    scaling: Mapping[str, Any] | None = None,
    time: Mapping[str, Any] | None = None,
) -> Study:
    """The frames of a study.

    An arm's headline is the mean over the benchmark's headline conditions, seed by seed. A cell is done when every
    configured seed was run; else it says "not run" and why.

    Args:
        found: each record with its file and line, in any order; missing ones become "not run: no record".
        study: split, benchmarks, arms, variants, baselines, contrasts, criteria, and `small` where true. A
            benchmark names its seeds, headline, conditions, arms and controls, with the protocol "stream" where arms
            learn task after task, as `shots` the number of shots of the conditions that differ in it alone, and as
            `run_in_overlay` conditions of others' with the overlay that runs each.
        scaling: what `hsokv.analysis.scaling.read_scaling` returns.
        time: what `read_time` returns.

    Raises:
        RecordError: a record of no planned run, of another test set, twice, or not paired with others.
        ConfigurationError: a headline condition that is not among the conditions, a benchmark that names no arms, a
            criterion on a score that does not exist, or two numbers of one name.
    """
    check_scores(study)
    records, runs = collect_runs(found, study)
    cells = cells_of(runs, study)
    reasons = {cell[:3]: cell[3] for cell in cells[[*CELL, "reason"]].itertuples(index=False, name=None)}
    done = {cell for cell, reason in reasons.items() if not reason}

    values = complete(values_of(records, done), ["score"], study)
    values = pd.concat([values, over_headline(values, ["score"], study)])
    points = complete(points_of(records, done), ["curve", "x"], study)
    headline = points[points["curve"].isin(HEADLINE_CURVES)]
    points = pd.concat([points, over_headline(headline, ["curve", "x"], study)])

    regret, spans, of_regret = regret_of(records, reasons, study)
    samples = samples_of(values) | of_regret
    about = _about(records, runs, study) | {"time": time and dict(time), "scaling": scaling and scaling["about"]}
    frames = {
        "runs": runs,
        "scores": _scores(samples, cells, study),
        "contrasts": contrasts_of(samples, reasons, study),
        "tracks": tracks_of(records, samples, reasons, study),
        "costs": _costs(records, reasons, study),
        "curves": _curves(points, cells),
        "regret": regret,
        "regret_spans": spans,
        "task_accuracy": task_accuracy_of(records, reasons, study),
    } | {f"scaling_{name}": rows for name, rows in (scaling or {}).items() if name != "about"}
    frames["memory_reads"], frames["most_read"], frames["flipped_examples"] = memory_of(
        records, samples, reasons, study
    )
    frames["lineage"], about["lineage_ensemble_size"] = lineage_of(records, study)
    frames["criteria"] = criteria_of(frames["scores"], frames["contrasts"], about, study)
    result = Study.of(about, frames)
    Numbers(result)  # two of one name are refused here, before anything is written
    return result


def read_time(paths: Iterable[Path]) -> dict[str, Any] | None:
    """How long the study took, as `hsokv.study.wall_time.measure` wrote it; None without it.

    Raises:
        RecordError: it is damaged.
    """
    for path in paths:
        time = read_json(path)
        kinds = {"minutes": int | float | None, "cores": int | None, "configuration": str, "machine": dict}
        if not isinstance(time, dict) or any(not isinstance(time.get(key, ...), kinds[key]) for key in kinds):
            raise RecordError(
                f"{path} is not a measured time. Delete it, and the records for a time of the whole study."
            )
        return time
    return None


def _about(records: Records, runs: pd.DataFrame, study: Mapping[str, Any]) -> dict[str, Any]:
    """What is said once of a study: study.json."""
    done = int((runs["status"] == "done").sum())
    wanted = [c.get("at_least", c.get("above")) for c in study["criteria"] if c.get("score") == "diversity"]
    return {
        "format": FORMAT,
        "split": study["split"],
        "small": bool(study.get("small", False)),
        "records": f"{study.get('results', 'results')}/records",
        "versions": sorted({record.version for record in records.values()}),
        "arms": list(study["arms"]),
        "variants": [arm for arm in study["variants"] if arm in study["arms"]],
        "baselines": [arm for arm in study["baselines"] if arm in study["arms"]],
        "benchmarks": {name: _about_benchmark(name, records, study) for name in study["benchmarks"]},
        "runs": {"asked": len(runs), "done": done, "not_run": len(runs) - done},
        "diversity_wanted": next(iter(wanted), None),
    }


def _about_benchmark(name: str, records: Records, study: Mapping[str, Any]) -> dict[str, Any]:
    benchmark, data = study["benchmarks"][name], [run.data for key, run in records.items() if key[0] == name]
    encoders = {part["encoder"].get("name"): part["encoder"] for part in data if part.get("encoder")}
    return {
        **{key: list(benchmark.get(key, ())) for key in ("seeds", "headline", "conditions", "controls", "published")},
        "arms": arms_of(study, name),
        "stream": is_stream(study, name),
        "shots": dict(benchmark.get("shots", {})),
        "run_in_overlay": dict(benchmark.get("run_in_overlay", {})),
        "synthetic": name.endswith("_synthetic") or any(part.get("synthetic") for part in data),
        "user_copy": any(part.get("kind") == "user copy" for part in data),
        "notes": sorted({part["note"] for part in data if part.get("note")}),
        "data": _about_data(data[0]) if data else {},
        "encoders": [{"name": key, "sha256": encoders[key].get("sha256", {})} for key in sorted(map(str, encoders))],
    }


def _about_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of the data of a benchmark: source, classes with train and test examples, what was left out."""
    found = {key: data[key] for key in ("kind", "split", "note", "files") if data.get(key)}
    examples = data.get("texts") or data.get("images")
    if not examples:
        return found
    train, test = examples.get("train", {}), examples.get("test", {})
    classes = {label: [train.get(label, 0), test.get(label, 0)] for label in examples["labels"]}
    # The sizes are those of the official or own test set, which development examples are not drawn from.
    largest = max(test.values()) / sum(test.values()) if test and data["split"] == "test" else None
    dropped = {reason: count for reason, count in examples.get("dropped", {}).items() if count}
    return found | {"classes": classes, "largest_class": largest, "dropped": dropped}


def _scores(samples: Samples, cells: pd.DataFrame, study: Mapping[str, Any]) -> pd.DataFrame:
    """A row for every cell and score; a cell that was not run has the scores that its arm has on such benchmarks."""
    measured: dict[tuple, dict[str, Any]] = {}
    for (*cell, score), sample in samples.items():
        measured.setdefault(tuple(cell), {})[score] = sample
    usual: dict[tuple[bool, str], set[str]] = {}  # by protocol and arm
    for cell in cells.itertuples():
        stream = is_stream(study, cell.benchmark)
        least = {"accuracy", "log_loss"} if cell.arm in study["arms"] else {"accuracy"}
        least |= set(STREAM_SCORES) if stream else set()
        usual.setdefault((stream, cell.arm), least).update(measured.get((cell.benchmark, cell.condition, cell.arm), ()))
    for criterion in (criterion for criterion in study["criteria"] if "score" in criterion):
        known = usual.get((is_stream(study, criterion["benchmark"]), criterion.get("arm")), set())
        known.add(criterion["score"])
    rows = []
    for cell in cells.itertuples():
        base = {"benchmark": cell.benchmark, "condition": cell.condition, "arm": cell.arm, "synthetic": cell.synthetic}
        base |= status_of(cell.reason)
        found = {} if cell.reason else measured[cell.benchmark, cell.condition, cell.arm]
        for score in sorted(usual[is_stream(study, cell.benchmark), cell.arm] if cell.reason else found):
            sample = found.get(score)
            row = base | {"score": score, "seeds": 0 if sample is None else len(sample.values)}
            rows.append(row | ends_of(sample and sample.estimate(score)))
    return pd.DataFrame(rows)


def _costs(records: Records, reasons: Reasons, study: Mapping[str, Any]) -> pd.DataFrame:
    """Counted FLOPs per run, the mean over the headline's conditions and the seeds of an arm that were run."""
    flops = pd.DataFrame(
        [
            {"benchmark": name, "arm": arm, "flops_allowed": run.flops["allowed"], "flops_spent": run.flops["spent"]}
            for (name, condition, arm, _), run in records.items()
            if run.status == "done" and condition in study["benchmarks"][name]["headline"]
        ],
        columns=["benchmark", "arm", "flops_allowed", "flops_spent"],
    )
    means = flops.groupby(["benchmark", "arm"]).mean().to_dict("index")
    rows = []
    for name in study["benchmarks"]:
        for arm in arms_of(study, name):
            spent = means.get((name, arm))
            row = {"benchmark": name, "arm": arm} | (spent or {})
            rows.append(row | status_of(None if spent else reasons[name, HEADLINE, arm]))
    return pd.DataFrame(rows)


def _curves(points: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """The mean of each curve over seeds, point by point, as far as every seed has points."""
    keys = [*CELL, "curve", "x"]
    rows = [
        dict(zip(keys, key, strict=True)) | ends_of(interval(values.to_numpy(), bounds=score_range(key[3])))
        for key, values in points.groupby(keys)["value"]
    ]
    return cells[CELL].merge(pd.DataFrame(rows, columns=[*keys, "mean", "low", "high"]), on=CELL)
