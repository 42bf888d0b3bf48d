"""From the records of a study to its statistics: made once, and all that tables, figures and texts may read."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hsokv.analysis.intervals import interval
from hsokv.files import write_json
from hsokv.records import RunRecord, read_record
from hsokv.reporting import ledger
from hsokv.reporting.asked import Runs, arms_of, by_run, is_stream, runs_asked
from hsokv.reporting.bounds import bounds_of
from hsokv.reporting.cells import HEADLINE, Cells, cells_of
from hsokv.reporting.contrasts import contrasts_of, ends_of
from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.duration import read_time
from hsokv.reporting.memory import inside_memory
from hsokv.reporting.scaling import read_scaling
from hsokv.reporting.scaling_tables import scaling_numbers
from hsokv.reporting.streams import SCORES as STREAM_SCORES
from hsokv.reporting.streams import streams
from hsokv.reporting.swarm import regrets, swarm_at_work
from hsokv.reporting.tracks import tracks

FORMAT = "hsokv-statistics/1"


def compute_statistics(
    records: Iterable[RunRecord],
    configuration: Mapping[str, Any],
    scaling: Mapping[str, Any] | None = None,
    time: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The statistics of a study, as kept in statistics.json: scores, contrasts, costs, curves, memory, swarm, ledger.

    An arm's headline is the mean over the benchmark's headline conditions, seed by seed. A cell is shown when every
    configured seed was run; else it says "not run" and why, so no mean is taken over the seeds that happened to end.
    Holm's family is the configured contrasts; one that was not run counts in it with p = 1.

    Args:
        records: those of the configuration's runs, in any order; missing ones become "not run: no record".
        configuration: evaluate_on, benchmarks, arms, variants, baselines, contrasts, criteria, and `small` where true.
            A benchmark names its seeds, headline, conditions, arms and controls, with the protocol "stream" where arms
            learn task after task, as `shots` the number of shots of the conditions that differ in it alone, and as
            `elsewhere` conditions of others' with the overlay that runs each.
        scaling: `hsokv.reporting.scaling.summarise` of the distributed swarm, where it was measured.
        time: how long the study took, as `hsokv.reporting.duration.read_time` has it, where it was measured.

    Raises:
        RecordError: a record of no run of this configuration, of another test set, twice, or not paired with others.
        ConfigurationError: a headline condition that is not among the conditions, a benchmark that does not say which
            arms run on it, or two numbers of one name.
    """
    runs = by_run(records, configuration)
    regret, spans = regrets(runs, configuration)
    cells = cells_of(runs, configuration, regret)
    reasons = {place: cell.reason for place, cell in cells.items()}
    done = sum(run.status == "done" for run in runs.values())
    asked = len(runs_asked(configuration))
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
            "benchmarks": {name: _benchmark(name, runs, cells, configuration) for name in configuration["benchmarks"]},
            "runs": {"asked": asked, "done": done, "not_run": asked - done},
        },
        "scores": _scores(cells, configuration),
        "contrasts": contrasts_of(cells, configuration),
        "tracks": tracks(runs, cells, configuration),
        "costs": _costs(runs, cells, configuration),
        "curves": _curves(cells),
        "memory": inside_memory(runs, reasons, configuration),
        "streams": streams(runs, reasons, configuration),
        "scaling": scaling and dict(scaling),
        "time": time and dict(time),
        "swarm": swarm_at_work(runs, reasons, configuration, regret, spans),
    }
    statistics["numbers"] = ledger.collect(statistics, judge_criteria(statistics, configuration))
    if scaling:
        folder = f"{configuration.get('results', 'results')}/scaling"
        statistics["numbers"] |= scaling_numbers(scaling, folder)
    return statistics


def write_statistics(
    records: Iterable[Path],
    study: Mapping[str, Any],
    statistics: Path,
    criteria: Path,
    scaling: Iterable[Path] = (),
    time: Iterable[Path] = (),
) -> None:
    """Read all records (the first that is damaged is named) and write both documents.

    `scaling`: what was measured and what was projected of the distributed swarm, if anything; `time`: how long the
    study took, where that was measured.
    """
    computed = compute_statistics(
        [read_record(path) for path in records], study, read_scaling(scaling), read_time(time)
    )
    write_json(criteria, judge_criteria(computed, study))
    write_json(statistics, computed)


def _benchmark(name: str, runs: Runs, cells: Cells, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What the configuration and the data of its records say of a benchmark."""
    slice_ = configuration["benchmarks"][name]
    data = [run.data for (benchmark, *_), run in runs.items() if benchmark == name]
    return {
        **{key: list(slice_.get(key, ())) for key in ("seeds", "headline", "conditions", "controls")},
        "arms": arms_of(configuration, name),
        "stream": is_stream(configuration, name),
        "shots": dict(slice_.get("shots", {})),
        "elsewhere": dict(slice_.get("elsewhere", {})),
        "synthetic": any(cell.synthetic for (benchmark, *_), cell in cells.items() if benchmark == name),
        "user_copy": any(found.get("kind") == "user copy" for found in data),
        "notes": sorted({found["note"] for found in data if found.get("note")}),
    }


def _scores(cells: Cells, configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    known: dict[tuple[bool, str], set[str]] = {}  # what a cell that was not run would have, by protocol and arm
    for (benchmark, _, arm), cell in cells.items():
        base = {"accuracy", "log_loss"} if arm in configuration["arms"] else {"accuracy"}
        base |= set(STREAM_SCORES) if is_stream(configuration, benchmark) else set()
        known.setdefault((is_stream(configuration, benchmark), arm), base).update(cell.scores)
    for criterion in configuration["criteria"]:
        if "score" in criterion:
            place = (is_stream(configuration, criterion["benchmark"]), criterion.get("arm"))
            known.get(place, set()).add(criterion["score"])
    rows = []
    for (benchmark, condition, arm), cell in cells.items():
        for score in sorted(known[is_stream(configuration, benchmark), arm] if cell.reason else cell.scores):
            found = None
            if not cell.reason:
                found = interval(cell.scores[score], cell.examples.get(score), bounds_of(score))
            row = {"benchmark": benchmark, "condition": condition, "arm": arm, "score": score}
            row |= {"seeds": 0 if cell.reason else len(cell.scores[score]), **ends_of(found, "mean", "low", "high")}
            rows.append(row | {**_status(cell.reason), "synthetic": cell.synthetic})
    return rows


def _status(reason: str | None) -> dict[str, str | None]:
    return {"status": "not run" if reason else "done", "reason": reason}


def _costs(runs: Runs, cells: Cells, configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Counted FLOPs per run, the mean over the headline's conditions and the seeds of an arm that were run."""
    rows = []
    for benchmark in configuration["benchmarks"]:
        for arm in arms_of(configuration, benchmark):
            headline = [(benchmark, condition, arm) for condition in configuration["benchmarks"][benchmark]["headline"]]
            of_arm = [run for key, run in runs.items() if key[:3] in headline and run.status == "done"]
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
            points = [interval(point, bounds=bounds_of(name)) for point in values.T]
            row = {"benchmark": benchmark, "condition": condition, "arm": arm, "curve": name}
            row |= {"x": list(range(1, len(points) + 1)), "mean": [point.mean for point in points]}
            rows.append(row | {"low": [point.low for point in points], "high": [point.high for point in points]})
    return rows
