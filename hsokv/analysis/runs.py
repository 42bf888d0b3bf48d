"""The runs that a study plans, the records at hand, and what the seeds of each cell of the study tell."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import BaseModel, ValidationError, model_validator

from hsokv.analysis.frames import FRAMES, HEADLINE, Config
from hsokv.analysis.intervals import Interval, interval
from hsokv.analysis.scores import ENTRIES, JOINT, score_range
from hsokv.exceptions import RecordError
from hsokv.records import RunRecord, costs_path, read_costs, read_records

RERUN = "Delete the record and run `snakemake --cores 4 report` again."
RunKey = tuple[str, str, str, int]  # benchmark, condition, arm and seed
Cell = tuple[str, str, str]  # benchmark, condition or headline, and arm
Key = tuple[str, str, str, str]  # a cell and the name of a score or of a curve
RUN, CELL = ["benchmark", "condition", "arm", "seed"], ["benchmark", "condition", "arm"]


class _Memory(BaseModel, strict=True):
    labels: list[int] = []
    counts: list[float] = []
    numbers: list[int] = []
    reads: list[int] = []
    right: list[int] = []
    texts: list[str] = []
    outcomes_without: str = ""

    @model_validator(mode="after")
    def _alike(self) -> "_Memory":
        told = [len(self.__dict__[name]) for name in ENTRIES if name in self.model_fields_set]
        if len(set(told)) > 1:
            raise ValueError(f"{', '.join(ENTRIES)} tell of {told} entries")
        return self


class _Instruments(BaseModel, strict=True):
    memory: _Memory | None = None
    carried: dict[str, int] = {}
    outcomes_task_incremental: str = ""
    accuracy_matrix: dict[str, list[list[float]]] = {}
    lineage: list[list[list[int]]] = []
    scores: list[list[list[float | None]]] = []
    members: dict[str, list[float | int | str]] = {}


class _Examples(BaseModel, strict=True):
    labels: list[str]
    train: dict[str, int] = {}
    test: dict[str, int] = {}
    dropped: dict[str, int] = {}


class _Encoder(BaseModel, strict=True):
    name: str | None = None
    sha256: dict[str, str] = {}
    tuning_flops: int | None = None


class _Data(BaseModel, strict=True):
    synthetic: bool = False
    split: str = ""
    kind: str = ""
    note: str | None = None
    files: dict[str, str] = {}
    encoder: _Encoder | None = None
    texts: _Examples | None = None
    images: _Examples | None = None


class _Told(BaseModel, strict=True):
    """What the statistics read of the open parts of a record, of whose forms its checksum says nothing."""

    instruments: _Instruments
    data: _Data


@dataclass(frozen=True)
class Runs:
    """The runs of a study: its configuration, their records, and `frame`, a row for every planned run.

    A cell is done when every configured seed was run, so no mean is taken over the seeds that happened to end.
    """

    study: Config
    records: dict[RunKey, RunRecord]
    frame: pd.DataFrame

    @cached_property
    def done(self) -> dict[RunKey, RunRecord]:
        """The records of those that are done."""
        return {run: record for run, record in self.records.items() if record.status == "done"}

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Every benchmark with each of the study's arms that run on it; controls are no such arms."""
        return [(name, arm) for name, benchmark in self.study["benchmarks"].items() for arm in benchmark["arms"]]

    def is_stream(self, benchmark: str) -> bool:
        """Whether the arms of a benchmark learn task after task; False too where it is no benchmark of this study."""
        return self.study["benchmarks"].get(benchmark, {}).get("protocol") == "stream"

    def joint(self, record: RunRecord) -> RunRecord | None:
        """The record of `joint` on the same condition and seed."""
        return self.records.get((record.benchmark, record.condition, JOINT, record.seed))

    def headline(self, benchmark: str, arm: str) -> list[RunRecord | None]:
        """The headline's runs of an arm, by seed and then by condition; None where one is not done."""
        settings = self.study["benchmarks"][benchmark]
        return [self.done.get((benchmark, c, arm, seed)) for seed in settings["seeds"] for c in settings["headline"]]

    def first(self, benchmark: str, arm: str) -> RunKey:
        """The run of an arm that is shown alone: that of the first headline condition and the first seed."""
        settings = self.study["benchmarks"][benchmark]
        return benchmark, settings["headline"][0], arm, settings["seeds"][0]

    @cached_property
    def cells(self) -> dict[Cell, str]:
        """Why each cell is not done, "" where it is; in the configuration's order, a headline after its conditions."""
        reasons = self.frame.groupby(CELL, sort=False)["reason"].agg(_reason).to_dict()
        cells = {}
        for name, benchmark in self.study["benchmarks"].items():
            for arm in (*benchmark["arms"], *benchmark.get("controls", ())):
                cells |= {cell: reasons[cell] for cell in ((name, c, arm) for c in benchmark["conditions"])}
                cells[name, HEADLINE, arm] = _listed(cells[name, c, arm] for c in benchmark["headline"])
        return cells

    def why_not(self, benchmark: str, arm: str, missing: str = "") -> str:
        """Why the headline of an arm is not done; where it is, `missing`."""
        return self.cells[benchmark, HEADLINE, arm] or missing

    def measure(self, tell: Callable[[RunRecord], Mapping[str, ArrayLike]]) -> dict[Key, np.ndarray]:
        """What every seed of a cell tells, [seeds, ...] by cell and name; a headline is the mean over its conditions.

        Of lists of different lengths only as many points are taken as all have.
        """
        parts: dict[Cell, dict[str, np.ndarray]] = {}
        for name, condition, arm in self.cells:
            benchmark = self.study["benchmarks"][name]
            if condition == HEADLINE:
                common = _common([parts[name, c, arm] for c in benchmark["headline"]])
                parts[name, condition, arm] = {what: values.mean(axis=0) for what, values in common.items()}
            else:
                runs = [self.done.get((name, condition, arm, seed)) for seed in benchmark["seeds"]]
                parts[name, condition, arm] = _common([tell(run) if run else {} for run in runs])
        return {(*cell, what): values for cell, part in parts.items() for what, values in part.items()}

    def headlines(self, points: pd.DataFrame, pairs: list[tuple[str, str]], missing: str) -> pd.DataFrame:
        """The headline's points of pairs of benchmark and arm; a pair without any has a row that says why, `missing`
        where it was run."""
        rows = points[points["condition"] == HEADLINE]
        rows = pd.DataFrame(pairs, columns=["benchmark", "arm"]).merge(rows, how="left", on=["benchmark", "arm"])
        for row in rows[rows["mean"].isna()].itertuples():
            reason = self.why_not(row.benchmark, row.arm, missing)
            rows.loc[row.Index, ["seeds", "status", "reason"]] = 0, "not run", reason
        return rows


@dataclass(frozen=True)
class Samples:
    """The scores of cells: `values` [seeds] and, where seeds share a test set, `examples` [seeds, examples]."""

    values: dict[Key, np.ndarray]
    examples: dict[Key, np.ndarray]

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


def planned_runs(study: Config) -> list[RunKey]:
    """Every run of the study: by benchmark, arm (controls last), condition and seed, in the configuration's order."""
    return [
        (name, condition, arm, seed)
        for name, benchmark in study["benchmarks"].items()
        for arm in (*benchmark["arms"], *benchmark.get("controls", ()))
        for condition in benchmark["conditions"]
        for seed in benchmark["seeds"]
    ]


def collect(records: Iterable[tuple[RunRecord, str, int]], study: Config) -> Runs:
    """The runs of a study, from its records with their files and lines.

    Raises:
        RecordError: a record of no planned run, of another test set, twice, or not paired with others, or whose
            instruments or data are not what is read of them.
    """
    made: dict[RunKey, RunRecord] = {}
    planned, rows, sizes = planned_runs(study), [], {}
    known = set(planned)
    for record, path, line in records:
        run = (record.benchmark, record.condition, record.arm, record.seed)
        try:
            _Told.model_validate({"instruments": record.instruments, "data": record.data})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise RecordError(
                f"{path}, line {line}: {'/'.join(map(str, run))}: {place}: {first['msg']}. {RERUN}"
            ) from error
        done, examples = record.status == "done", len(record.outcomes)
        test = (record.benchmark, record.condition, None if record.shared_test else record.seed)
        size = sizes.setdefault(test, examples) if done and examples else examples
        wrong = {
            "is no run of this configuration. Pass the records that it plans.": run not in known,
            "has a second record. Pass each record once.": run in made,
            f"was evaluated on {record.data.get('split')!r}, not on {study['split']!r}. {RERUN}": done
            and record.data["split"] not in (study["split"], "generated"),
            f"has {examples} test examples, its pairs have {size}. {RERUN}": size != examples,
        }
        if words := next((words for words, holds in wrong.items() if holds), ""):
            raise RecordError(f"{path}, line {line}: {'/'.join(map(str, run))} {words}")
        made[run], synthetic = record, bool(record.data.get("synthetic"))
        of_record = (record.stamp["code"], record.stamp["data"], record.status, record.reason or "", synthetic)
        rows.append((*run, path, line, *of_record))
    for name, benchmark in study["benchmarks"].items():
        if len({sizes[name, c, None] for c in benchmark["headline"] if (name, c, None) in sizes}) > 1:
            raise RecordError(f"{name}: its headline conditions share no test set. Make one of them the headline.")
    frame = pd.DataFrame(rows, columns=FRAMES["runs"]).set_index(RUN)
    frame = frame.reindex(pd.MultiIndex.from_tuples(planned, names=RUN)).reset_index()
    frame = frame.fillna({"path": "", "status": "not run", "reason": "no record"})
    synthetic = frame["synthetic"].eq(True) | frame["benchmark"].str.endswith("_synthetic")
    return Runs(study, made, frame.assign(synthetic=synthetic))


def status_of(reason: str) -> dict[str, str]:
    """The columns `status` and `reason` of a row."""
    return {"status": "not run" if reason else "done", "reason": reason}


def named(interval: Interval | None, names: tuple[str, ...] = Interval._fields) -> dict[str, float]:
    """The mean and the ends of an interval under these names; nothing where there is none."""
    return dict(zip(names, interval or (), strict=False))


def points_of(
    curves: Mapping[Key, np.ndarray], bounds: Callable[[str], tuple[float, float]] = lambda name: (0.0, 1.0)
) -> pd.DataFrame:
    """A row for each point of curves [seeds, points], by cell and name: its place `x` from 1, its mean and interval."""
    rows = [
        (*key, range(1, values.shape[1] + 1), len(values), "done", "", *interval(values, bounds=bounds(key[-1])))
        for key, values in curves.items()
        if values.size
    ]
    frame = pd.DataFrame(rows, columns=[*CELL, "name", "x", "seeds", "status", "reason", *Interval._fields])
    return frame.explode(["x", *Interval._fields], ignore_index=True).astype({"x": int})


def _common(parts: list[Mapping[str, ArrayLike]]) -> dict[str, np.ndarray]:
    """What all parts tell, [parts, ...] by name."""
    common = {}
    for name in sorted(name for name in parts[0] if all(name in part for part in parts)):
        values = [np.asarray(part[name]) for part in parts]
        points = min(value.shape[-1] if value.ndim else 0 for value in values)
        common[name] = np.stack([value[..., :points] if value.ndim else value for value in values])
    return common


def _reason(reasons: pd.Series) -> str:
    """Why the seeds of a cell are not all done."""
    missing = (reasons != "").sum()
    share = f"{missing} of {len(reasons)} seeds: " if 0 < missing < len(reasons) else ""
    return share + _listed(reasons)


def _listed(reasons: Iterable[str]) -> str:
    """Reasons in one text, each once."""
    return "; ".join(dict.fromkeys(filter(None, reasons)))
