"""The runs that a study plans, the records at hand, and from these one long frame of values."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hsokv.analysis.frames import HEADLINE
from hsokv.analysis.scores import JOINT, Run, examples_of, scores_of
from hsokv.exceptions import ConfigurationError, RecordError
from hsokv.records import RunRecord, costs_path, read_costs, read_records

NO_RECORD = "no record"
CELL = ["benchmark", "condition", "arm"]
RunKey = tuple[str, str, str, int]  # benchmark, condition, arm and seed
Records = Mapping[RunKey, RunRecord]


def read_runs(paths: Iterable[Path]) -> Iterator[tuple[RunRecord, str, int]]:
    """Every record with its file and its line, from 1; raises RecordError where one is damaged.

    A run that was timed in parts gets these times as curves, and their means as scores: they are measurements, kept
    beside the records, which hold nothing that another run would not repeat.
    """
    for path in paths:
        records = read_records(path)
        timed = any("update_flops" in record.curves for record in records) and costs_path(path).exists()
        seconds = {(cost.condition, cost.seed): cost.seconds for cost in read_costs(path)} if timed else {}
        for line, record in enumerate(records, start=1):
            if of_run := seconds.get((record.condition, record.seed)):
                means = {name: float(np.mean(times)) for name, times in of_run.items()}
                record = replace(record, curves=record.curves | of_run, scores=record.scores | means)
            yield record, Path(path).as_posix(), line


def arms_of(study: Mapping[str, Any], benchmark: str) -> list[str]:
    """The study's arms that run on a benchmark, in the study's order; ConfigurationError where none are named."""
    named = study["benchmarks"][benchmark].get("arms")
    if named is None or set(named) - set(study["arms"]):
        raise ConfigurationError(
            f"benchmarks.{benchmark}.arms is {named}. Name some of the study's arms: {', '.join(study['arms'])}."
        )
    return [arm for arm in study["arms"] if arm in named]


def is_stream(study: Mapping[str, Any], benchmark: str) -> bool:
    """Whether the arms of a benchmark learn task after task; False too where it is no benchmark of this study."""
    return study["benchmarks"].get(benchmark, {}).get("protocol") == "stream"


def planned_runs(study: Mapping[str, Any]) -> list[RunKey]:
    """Every run of the study: by benchmark, arm (controls last), condition and seed, each in the configuration's order.

    Raises:
        ConfigurationError: a benchmark names no arms, or a headline condition that is not among its conditions.
    """
    runs = []
    for name, benchmark in study["benchmarks"].items():
        if not benchmark["headline"] or set(benchmark["headline"]) - set(benchmark["conditions"]):
            raise ConfigurationError(
                f"benchmarks.{name}.headline is {benchmark['headline']}. "
                f"Name some of its conditions: {', '.join(benchmark['conditions'])}."
            )
        for arm in (*arms_of(study, name), *benchmark.get("controls", ())):
            runs += [(name, c, arm, seed) for c in benchmark["conditions"] for seed in benchmark["seeds"]]
    return runs


def collect_runs(
    found: Iterable[tuple[RunRecord, str, int]], study: Mapping[str, Any]
) -> tuple[dict[RunKey, RunRecord], pd.DataFrame]:
    """The records by run, and the frame `runs` with a row for every planned run, both in the configuration's order.

    Raises:
        RecordError: a record of no planned run, of another test set, twice, or not paired with others.
    """
    planned, records, places, tests = planned_runs(study), {}, {}, {}
    known = set(planned)
    for record, path, line in found:
        run = (record.benchmark, record.condition, record.arm, record.seed)
        name, where = "/".join(map(str, run)), f"{path}, line {line}"
        if run not in known:
            raise RecordError(f"{where}: {name} is no run of this configuration. Pass the records that it plans.")
        if run in records:
            raise RecordError(f"{where}: a second record of {name}. Pass each record once.")
        _check_test_set(record, study["split"], tests, f"{where}: {name}")
        records[run], places[run] = record, (path, line)
    rows = []
    for run in planned:
        record, (path, line) = records.get(run), places.get(run, ("", None))
        row = dict(zip((*CELL, "seed"), run, strict=True)) | {"path": path, "line": line, "code": "", "data": ""}
        row |= {"status": "not run", "reason": NO_RECORD, "synthetic": run[0].endswith("_synthetic")}
        if record is not None:
            row |= {"status": record.status, "reason": record.reason or "", "code": record.stamp["code"]}
            row |= {"data": record.stamp["data"], "synthetic": row["synthetic"] or bool(record.data.get("synthetic"))}
        rows.append(row)
    return {run: records[run] for run in planned if run in records}, pd.DataFrame(rows)


def cells_of(runs: pd.DataFrame, study: Mapping[str, Any]) -> pd.DataFrame:
    """A row for every cell (benchmark, condition or headline, arm) with its status, reason and `synthetic`.

    A cell is done when every configured seed was run, so no mean is taken over the seeds that happened to end.
    """

    def reasons(of_seeds: pd.Series) -> str:
        why = [reason for reason in of_seeds if reason]
        share = f"{len(why)} of {len(of_seeds)} seeds: " if 0 < len(why) < len(of_seeds) else ""
        return share + _listed(why)

    cells = runs.groupby(CELL, sort=False).agg(reason=("reason", reasons), synthetic=("synthetic", "any")).reset_index()
    headline = cells[_in_headline(cells, study)].groupby(["benchmark", "arm"], sort=False)
    over = headline.agg(reason=("reason", _listed), synthetic=("synthetic", "first")).reset_index()
    cells = pd.concat([cells, over.assign(condition=HEADLINE)])
    arms = list(dict.fromkeys(runs["arm"]))
    order = {"benchmark": list(study["benchmarks"]).index, "arm": arms.index}
    cells = cells.sort_values(["benchmark", "arm"], key=lambda names: names.map(order[names.name]), kind="stable")
    return cells.assign(status=np.where(cells["reason"] == "", "done", "not run")).reset_index(drop=True)


def values_of(records: Records, done: set[tuple[str, str, str]]) -> pd.DataFrame:
    """The long frame of the cells that are done: a row a run and score; `examples` holds the score by test example.

    They are [examples] where seeds share a test set, None elsewhere.
    """
    rows = []
    for (benchmark, condition, arm, seed), record in records.items():
        if (benchmark, condition, arm) in done:
            run = Run(record, records.get((benchmark, condition, JOINT, seed)))
            examples = examples_of(run) if record.shared_test else {}
            for score, value in scores_of(run).items():
                rows.append((benchmark, condition, arm, seed, score, value, examples.get(score)))
    return pd.DataFrame(rows, columns=[*CELL, "seed", "score", "value", "examples"])


def points_of(records: Records, done: set[tuple[str, str, str]]) -> pd.DataFrame:
    """The curves of the cells that are done, long: a row a run, curve and x, which counts from 1."""
    rows = []
    for (benchmark, condition, arm, seed), record in records.items():
        if (benchmark, condition, arm) in done:
            for curve, points in curves_of(record).items():
                rows += [(benchmark, condition, arm, seed, curve, x, y) for x, y in enumerate(points, 1)]
    return pd.DataFrame(rows, columns=[*CELL, "seed", "curve", "x", "value"])


def curves_of(record: RunRecord) -> dict[str, list[float]]:
    """The curves of a record, and by round of a swarm the shares of its agents that were `copied` over or `failed`.

    An agent is copied over when it goes on from another's state. After the last round nobody is, so `copied` has one
    value less than there are rounds.
    """
    lineage, failed = record.instruments.get("lineage"), record.curves.get("failed_agents")
    if not lineage:
        return record.curves
    rounds = np.array(lineage).reshape(len(lineage), -1)
    agents = rounds.shape[1]
    shares = {"copied": (rounds != np.arange(agents)).mean(1)[:-1].tolist()}
    return {**record.curves, **shares, **({"failed": [count / agents for count in failed]} if failed else {})}


def complete(values: pd.DataFrame, of: list[str], study: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of what (`of`: the columns that name it) every seed of the cell has."""
    seeds = values["benchmark"].map({name: len(b["seeds"]) for name, b in study["benchmarks"].items()})
    return values[values.groupby([*CELL, *of])["value"].transform("size") == seeds]


def over_headline(values: pd.DataFrame, of: list[str], study: Mapping[str, Any]) -> pd.DataFrame:
    """The mean over the headline's conditions, seed by seed, of what all of them have; in `examples` by example.

    Raises:
        RecordError: headline conditions that do not share a test set.
    """
    part = values[_in_headline(values, study)]
    keys = ["benchmark", "arm", "seed", *of]
    conditions = {name: len(benchmark["headline"]) for name, benchmark in study["benchmarks"].items()}
    groups = part.groupby(keys, sort=False).indices
    groups = {key: rows for key, rows in groups.items() if len(rows) == conditions[key[0]]}
    value = part["value"].to_numpy()
    means = pd.DataFrame(list(groups), columns=keys)
    means = means.assign(condition=HEADLINE, value=[value[rows].mean() for rows in groups.values()])
    if "examples" in part:
        sizes = part["examples"].dropna().map(len).groupby(part["benchmark"]).nunique()
        if apart := list(sizes.index[sizes > 1]):
            raise RecordError(f"{apart[0]}: its headline conditions share no test set. Make one of them the headline.")
        examples = part["examples"].to_numpy()
        means["examples"] = pd.Series([_mean_by_example(examples[rows]) for rows in groups.values()], dtype=object)
    return means


def _mean_by_example(of_conditions: Iterable[np.ndarray | None]) -> np.ndarray | None:
    parts = list(of_conditions)
    return None if any(part is None for part in parts) else np.mean(parts, axis=0)


def _in_headline(frame: pd.DataFrame, study: Mapping[str, Any]) -> pd.Series:
    pairs = {(name, condition) for name, b in study["benchmarks"].items() for condition in b["headline"]}
    inside = [pair in pairs for pair in zip(frame["benchmark"], frame["condition"], strict=True)]
    return pd.Series(inside, frame.index, dtype=bool)


def _listed(reasons: Iterable[str]) -> str:
    """Reasons in one text, each once."""
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def _check_test_set(record: RunRecord, wanted: str, tests: dict[tuple, int], name: str) -> None:
    if record.status != "done":
        return
    rerun = "Delete the record and run `snakemake --cores 4 report` again."
    if record.data["split"] not in (wanted, "generated"):
        raise RecordError(f"{name} was evaluated on {record.data['split']!r}, not on {wanted!r}. {rerun}")
    if record.outcomes:
        test = (record.benchmark, record.condition, None if record.shared_test else record.seed)
        size = tests.setdefault(test, len(record.outcomes))
        if size != len(record.outcomes):
            raise RecordError(f"{name} has {len(record.outcomes)} test examples, its pairs have {size}. {rerun}")
