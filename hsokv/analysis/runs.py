"""The runs that a study plans, the records at hand, and what the seeds of each cell of the study tell."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hsokv.analysis.frames import FRAMES, HEADLINE
from hsokv.analysis.intervals import Interval, interval
from hsokv.analysis.scores import JOINT, Run, score_range
from hsokv.exceptions import ConfigurationError, RecordError
from hsokv.records import RunRecord, costs_path, read_costs, read_records

NO_RECORD = "no record"
RERUN = "Delete the record and run `snakemake --cores 4 report` again."
RunKey = tuple[str, str, str, int]  # benchmark, condition, arm and seed
Cell = tuple[str, str, str]  # benchmark, condition or headline, and arm


@dataclass(frozen=True)
class Runs:
    """The runs of a study: its configuration, their records, and `frame`, a row for every planned run.

    A cell is done when every configured seed was run, so no mean is taken over the seeds that happened to end.
    """

    study: Mapping[str, Any]
    records: dict[RunKey, RunRecord]
    frame: pd.DataFrame

    @cached_property
    def done(self) -> dict[RunKey, Run]:
        """Those that are done, each beside that of `joint` on the same condition and seed."""
        runs = ((run, record) for run, record in self.records.items() if record.status == "done")
        return {run: Run(record, self.records.get((*run[:2], JOINT, run[3]))) for run, record in runs}

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Every benchmark with each of the study's arms that run on it; controls are no such arms."""
        return [(name, arm) for name in self.study["benchmarks"] for arm in arms_of(self.study, name)]

    def is_stream(self, benchmark: str) -> bool:
        """Whether the arms of a benchmark learn task after task; False too where it is no benchmark of this study."""
        return self.study["benchmarks"].get(benchmark, {}).get("protocol") == "stream"

    def headline(self, benchmark: str, arm: str) -> list[Run | None]:
        """The headline's runs of an arm, by seed and then by condition; None where one is not done."""
        settings = self.study["benchmarks"][benchmark]
        return [self.done.get((benchmark, c, arm, seed)) for seed in settings["seeds"] for c in settings["headline"]]

    def first(self, benchmark: str, arm: str) -> RunKey:
        """The run of an arm that is shown alone: that of the first headline condition and the first seed."""
        settings = self.study["benchmarks"][benchmark]
        return benchmark, settings["headline"][0], arm, settings["seeds"][0]

    @cached_property
    def cells(self) -> dict[Cell, tuple[str, bool]]:
        """Why each cell is not done ("" where it is), and whether its data are synthetic, in the configuration's order;
        the headline after the conditions."""
        cells = {}
        runs = self.frame[["benchmark", "arm", "condition", "reason", "synthetic"]].itertuples(index=False, name=None)
        for (benchmark, arm), of_arm in groupby(runs, lambda run: run[:2]):
            headline = []
            for condition, of_seeds in groupby(of_arm, lambda run: run[2]):
                *_, reasons, synthetic = zip(*of_seeds, strict=True)
                missing = sum(reason != "" for reason in reasons)
                share = f"{missing} of {len(reasons)} seeds: " if 0 < missing < len(reasons) else ""
                cells[benchmark, condition, arm] = cell = (share + _listed(reasons), any(synthetic))
                if condition in self.study["benchmarks"][benchmark]["headline"]:
                    headline.append(cell)
            cells[benchmark, HEADLINE, arm] = (_listed(reason for reason, _ in headline), headline[0][1])
        return cells

    def why_not(self, benchmark: str, arm: str, missing: str = "") -> str:
        """Why the headline of an arm is not done; where it is, `missing`."""
        return self.cells[benchmark, HEADLINE, arm][0] or missing

    def measure(self, tell: Callable[[Run], Mapping[str, ArrayLike]]) -> dict[tuple[str, str, str, str], np.ndarray]:
        """What every seed of a cell tells, [seeds, ...] by cell and name; a headline is the mean over its conditions.

        Of lists of different lengths only as many points are taken as all have.
        """
        measured = {}
        for name, benchmark in self.study["benchmarks"].items():
            for arm in (*arms_of(self.study, name), *benchmark.get("controls", ())):
                parts = {}
                for condition in benchmark["conditions"]:
                    runs = [self.done.get((name, condition, arm, seed)) for seed in benchmark["seeds"]]
                    parts[condition] = _common([tell(run) if run else {} for run in runs])
                headline = _common([parts[condition] for condition in benchmark["headline"]])
                parts[HEADLINE] = {what: values.mean(axis=0) for what, values in headline.items()}
                for condition, part in parts.items():
                    measured |= {(name, condition, arm, what): values for what, values in part.items()}
        return measured

    def shares(
        self,
        tell: Callable[[Run], Mapping[str, ArrayLike]],
        points: Callable[[str, int], Mapping[str, Any]],
        pairs: Iterable[tuple[str, str]],
        missing: str,
    ) -> pd.DataFrame:
        """The headline of shares in [0, 1] that runs tell: a row for each point of every pair of benchmark and arm.

        `points` gives the columns that tell points apart, of a name and their number; a pair without any has a row that
        says why, `missing` where it was run.
        """
        measured, rows = self.measure(tell), []
        names = list(dict.fromkeys(what for *_, what in measured))
        for name, arm in pairs:
            base = {"benchmark": name, "arm": arm}
            told = {what: measured.get((name, HEADLINE, arm, what)) for what in names}
            told = {what: values for what, values in told.items() if values is not None}
            for what, values in told.items():
                row = base | points(what, values.shape[1]) | {"seeds": len(values)} | status_of("")
                rows.append(row | named(interval(values, bounds=(0.0, 1.0))))
            rows += [] if told else [base | {"seeds": 0} | status_of(self.why_not(name, arm, missing))]
        return exploded(rows)


@dataclass(frozen=True)
class Samples:
    """The scores of cells: `values` [seeds] and, where seeds share a test set, `examples` [seeds, examples]."""

    values: dict[tuple[str, str, str, str], np.ndarray]
    examples: dict[tuple[str, str, str, str], np.ndarray]

    def estimate(self, cell: Cell, score: str) -> Interval:
        """The mean of a score with its interval."""
        return interval(self.values[*cell, score], self.examples.get((*cell, score)), score_range(score))

    def difference(self, cell: Cell, other: Cell, score: str) -> Interval:
        """The mean paired difference of two cells with its interval."""
        x, y = self.examples.get((*cell, score)), self.examples.get((*other, score))
        values = self.values[*cell, score] - self.values[*other, score]
        return interval(values, None if x is None or y is None else x - y, score_range(score, difference=True))


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


def collect(records: Iterable[tuple[RunRecord, str, int]], study: Mapping[str, Any]) -> Runs:
    """The runs of a study, from its records with their files and lines.

    Raises:
        RecordError: a record of no planned run, of another test set, twice, or not paired with others.
    """
    planned = dict.fromkeys(planned_runs(study))
    sizes: dict[tuple, int] = {}  # of test sets
    for record, path, line in records:
        run = (record.benchmark, record.condition, record.arm, record.seed)
        where = f"{path}, line {line}: {'/'.join(map(str, run))}"
        if run not in planned:
            raise RecordError(f"{where} is no run of this configuration. Pass the records that it plans.")
        if planned[run]:
            raise RecordError(f"{where} has a second record. Pass each record once.")
        planned[run] = (record, path, line)
        if record.status == "done":
            if record.data["split"] not in (study["split"], "generated"):
                actual = record.data["split"]
                raise RecordError(f"{where} was evaluated on {actual!r}, not on {study['split']!r}. {RERUN}")
            test = (record.benchmark, record.condition, None if record.shared_test else record.seed)
            size = sizes.setdefault(test, len(record.outcomes)) if record.outcomes else 0
            if size != len(record.outcomes):
                raise RecordError(f"{where} has {len(record.outcomes)} test examples, its pairs have {size}. {RERUN}")
    for name, benchmark in study["benchmarks"].items():
        if len({sizes[name, c, None] for c in benchmark["headline"] if (name, c, None) in sizes}) > 1:
            raise RecordError(f"{name}: its headline conditions share no test set. Make one of them the headline.")
    rows = []
    for run, entry in planned.items():
        record, path, line = entry or (None, "", None)
        row = dict(zip(("benchmark", "condition", "arm", "seed"), run, strict=True)) | {"path": path, "line": line}
        row |= {"status": "not run", "reason": NO_RECORD, "synthetic": run[0].endswith("_synthetic")}
        if record is not None:
            row |= {"status": record.status, "reason": record.reason or "", "code": record.stamp["code"]}
            row |= {"data": record.stamp["data"], "synthetic": row["synthetic"] or bool(record.data.get("synthetic"))}
        rows.append(row)
    made = {run: entry[0] for run, entry in planned.items() if entry}
    return Runs(study, made, pd.DataFrame(rows, columns=FRAMES["runs"]))


def status_of(reason: str) -> dict[str, str]:
    """The columns `status` and `reason` of a row."""
    return {"status": "not run" if reason else "done", "reason": reason}


def named(interval: Interval | None, names: tuple[str, ...] = Interval._fields) -> dict[str, float]:
    """The mean and the ends of an interval under these names; nothing where there is none."""
    return dict(zip(names, interval or (), strict=False))


def exploded(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A row for each point of rows, some of whose columns are lists of points."""
    frame = pd.DataFrame(rows)
    lists = [column for column in frame if any(np.ndim(value) for value in frame[column])]
    return frame.explode(lists, ignore_index=True) if lists else frame


def _common(parts: list[Mapping[str, ArrayLike]]) -> dict[str, np.ndarray]:
    """What all parts tell, [parts, ...] by name."""
    common = {}
    for name in parts[0]:
        if all(name in part for part in parts):
            values = [np.asarray(part[name]) for part in parts]
            if values[0].ndim:
                points = min(value.shape[-1] for value in values)
                values = [value[..., :points] for value in values]
            common[name] = np.stack(values)
    return common


def _listed(reasons: Iterable[str]) -> str:
    """Reasons in one text, each once."""
    return "; ".join(dict.fromkeys(filter(None, reasons)))
