"""Every number that the study prints, under one key: value, text, unit, rule, and the cell and records it is from."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sized
from difflib import get_close_matches
from functools import cache, reduce
from itertools import chain
from typing import NamedTuple

import pandas as pd

from hsokv.analysis.frames import HEADLINE, Config, Study, column_of
from hsokv.analysis.scores import PROPOSED, UNITS, format_value, unit_of
from hsokv.exceptions import ConfigurationError

NO_INTERVAL = "fewer than 2 seeds or test examples"
NO_LIFT = "the second arm's interval reaches under 5 points"
NO_TEXT = "the record holds no text of this entry"
NOT_TOLD = "no run of it tells"
CONFIGURED, COUNTED = "set in the configuration", "count of records"
LARGE = {"bytes_sent": "traffic", "peak_memory_bytes": "memory"}  # printed in kB and MiB
Row = Config  # of a frame
Strings = tuple[str, ...]
Records = tuple[tuple[str, tuple[int, ...]], ...]  # files, each with the lines of its runs


class Family(NamedTuple):
    """The numbers of every row of a frame that `where`, a query, is true of.

    `key` and `arms` are filled from the row. A number is called by its column, or as `end=column` says. `unit` is that
    of the column where none is given; `undefined` says why a row that was run has no value.
    """

    frame: str
    key: str
    columns: str
    arms: str = ""
    where: str = ""
    unit: Callable[[Row], str] | None = None
    undefined: Callable[[Row], str] = lambda row: NO_INTERVAL


SCALING = {  # what tells the rows of a frame of the distributed swarm apart
    "sharing": "{arm}",
    "speed": "{scaling}.{backend}.{node}.{workers}",
    "validation": "{nodes}.{latency:g}",
    "projection": "{nodes}.{latency:g}",
}


def _scaling(name: str, columns: str) -> Family:
    return Family(f"scaling_{name}", f"cartpole.{name}.{SCALING[name]}", columns, undefined=lambda row: NOT_TOLD)


CELL, BEST, DIFFERENCE = "{benchmark}.{condition}.{arm}", "{benchmark}.{condition}.best_baseline", "difference low high"
FAMILIES = (
    Family("scores", CELL + ".{score}", "mean low high", "{arm}", unit=lambda row: unit_of(row["score"])),
    Family("contrasts", "{name}", DIFFERENCE, "{a} {b}", unit=lambda row: unit_of(row["score"], difference=True)),
    Family("contrasts", "{name}", "lift lift_low lift_high", "{a} {b}", "family or score == 'accuracy'",
           undefined=lambda row: NO_LIFT if pd.isna(row["lift"]) else NO_INTERVAL),
    Family("contrasts", "{name}", "p p_holm", "{a} {b}", "family"),
    Family("costs", "{benchmark}.{arm}.flops", "allowed=flops_allowed spent=flops_spent", "{arm}"),
    Family("tracks", BEST, "name=best", "{best}"),
    Family("tracks", BEST, DIFFERENCE, PROPOSED + " {best}", unit=lambda row: "points"),
    Family("tracks", "{benchmark}.{condition}", "tuning_flops", PROPOSED, "tuning_flops.notna()"),
    Family("regret_spans", "{benchmark}.regret", "start allowed"),
    Family("most_read", CELL + ".most_read.{rank}", "label count number reads right text", "{arm}", "rank.notna()",
           undefined=lambda row: NO_TEXT),
    Family("criteria", "criteria.{name}", "value low high threshold", unit=lambda row: row["unit"]),
    Family("criteria", "criteria.{name}", "verdict reason"),
    _scaling("sharing", "runs reached steps_to_target seconds_to_target best copies diversity bytes_sent overhead"),
    _scaling("speed", "throughput speed_up over_one overhead work_seconds "
             "supervisor_cpu_seconds peak_memory_bytes bytes_sent"),
    _scaling("validation", "predicted low high measured error"),
    _scaling("projection", "throughput low high supervisor_busy"),
)  # fmt: skip
ABOUT = {  # numbers of study.json: where they stand, unit, rule, and the words where there is none
    "study.version": ("versions", "text", "versions in the records", "no record"),
    "study.split": ("split", "text", CONFIGURED, ""),
    "study.benchmarks": ("benchmarks", "count", CONFIGURED, ""),
    "study.arms": ("arms", "count", CONFIGURED, ""),
    "study.runs": ("runs.expected", "count", COUNTED, ""),
    "study.runs_done": ("runs.done", "count", COUNTED, ""),
    "study.runs_not_run": ("runs.not_run", "count", COUNTED, ""),
    "cartpole.error": ("scaling.error", "share", "median over configurations", NOT_TOLD),
    "cartpole.ceiling": ("scaling.ceiling", "ratio",
                         "median over turns of what two unrelated processes do at once, over what one does", NOT_TOLD),
    "cartpole.machine.cores": ("scaling.machine.cores", "count", "of the machine that it was measured on", NOT_TOLD),
    "cartpole.machine.load": ("scaling.machine.load", "ratio", "of that machine, before", NOT_TOLD),
    "cartpole.learning.steps": ("scaling.learning.steps", "steps", CONFIGURED, NOT_TOLD),
    "{benchmark}.seeds": ("benchmarks.{benchmark}.seeds", "count", CONFIGURED, ""),
    "{benchmark}.largest_class": ("benchmarks.{benchmark}.data.largest_class", "share", "share of the test examples",
                                  ""),
}  # fmt: skip


class Number(NamedTuple):
    """A printed number. `value` is as kept (shares in 0..1), None where `status` is not "done" and `reason` says why.

    It stands in `column` of row `row` (from 0) of the frame `frame`, or at `column` of study.json (frame "study", row
    None). `records` are the files it is made of, each with the lines of its runs.
    """

    value: str | float | None
    unit: str
    text: str
    status: str
    reason: str | None
    rule: str
    frame: str
    row: int | None
    column: str
    benchmark: str | None = None
    conditions: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()  # all where none is named
    seeds: tuple[int, ...] = ()
    records: Records = ()


class Numbers(dict[str, Number]):
    """The numbers of a study by key: those of `FAMILIES`, and of `ABOUT` where the study has them.

    Raises:
        ConfigurationError: two numbers of one name; when looked up, a key that is none, with the nearest.
    """

    def __init__(self, study: Study) -> None:
        super().__init__()
        sources = _sources(study)
        for key, number in chain(*(_of_frame(family, study) for family in FAMILIES), _of_about(study.about)):
            if key in self:
                raise ConfigurationError(
                    f"Two numbers are named {key!r}. Rename a contrast, criterion, benchmark or arm."
                )
            self[key] = number._replace(records=sources(number))

    def __missing__(self, key: str) -> Number:
        near = get_close_matches(key, self, n=1, cutoff=0.0)
        raise ConfigurationError(f"No number is named {key!r}. The nearest is {near[0]!r}.")


def _sources(study: Study) -> Callable[[Number], Records]:
    """What gives the records of a number, or the documents of the distributed swarm, which have no lines."""
    runs = defaultdict(list)  # by benchmark and condition
    for run in study.runs[study.runs["line"].notna()].itertuples():
        runs[run.benchmark, run.condition].append((run.arm, run.seed, run.path, int(run.line)))

    @cache
    def records(benchmark: str, conditions: Strings, arms: Strings, seeds: tuple[int, ...]) -> Records:
        lines = defaultdict(list)
        for arm, seed, path, line in chain(*(runs[benchmark, condition] for condition in conditions)):
            if (not arms or arm in arms) and seed in seeds:
                lines[path].append(line)
        return tuple((path, tuple(sorted(of_path))) for path, of_path in sorted(lines.items()))

    def sources(number: Number) -> Records:
        if number.frame.startswith("scaling") or number.column.startswith("scaling."):
            projected = number.frame in ("scaling_validation", "scaling_projection") or number.column == "scaling.error"
            folder = study.about["records"].removesuffix("records") + "scaling"
            return tuple((f"{folder}/{name}.json", ()) for name in ("measured", "projected")[: 1 + projected])
        return records(number.benchmark, number.conditions, number.arms, number.seeds)

    return sources


def _of_frame(family: Family, study: Study) -> Iterator[tuple[str, Number]]:
    name, frame = family.frame, study.frames[family.frame]
    ends = [(end, column or end) for end, _, column in (part.partition("=") for part in family.columns.split())]
    columns = [(end, column, column_of(name, column)) for end, column in ends]
    for index, row in (frame.query(family.where) if family.where else frame).to_dict("index").items():
        key, behind = family.key.format(**row), _behind(study.about, name, row, family.arms.format(**row).split())
        for end, column, (kind, rule, unit, _) in columns:
            unit = family.unit(row) if family.unit else LARGE.get(column, unit)
            missing = ("undefined", family.undefined(row))
            if name == "criteria":
                missing = ("not measured", row["reason"])
            elif row.get("status", "done") != "done":
                missing = ("not run", row["reason"])
            unit = unit or {"integer": "count"}.get(kind, kind)
            yield f"{key}.{end}", _number(row[column], unit, rule, missing, name, index, column, *behind)


def _of_about(about: Config) -> Iterator[tuple[str, Number]]:
    for key, (column, unit, rule, reason) in ABOUT.items():
        for name in about["benchmarks"] if "{benchmark}" in key else ("",):
            at = column.format(benchmark=name)
            value = reduce(lambda part, name: (part or {}).get(name), at.split("."), about)
            if isinstance(value, Sized) and not isinstance(value, str):
                value = len(value) if unit == "count" else ", ".join(value)
            if value is not None or (reason and about.get(column.split(".")[0])):
                missing = ("not run" if key.startswith("study") else "undefined", reason)
                behind = _behind(about, "study", {"benchmark": name}, [])
                yield key.format(benchmark=name), _number(value, unit, rule, missing, "study", None, at, *behind)


def _behind(about: Config, frame: str, row: Row, arms: list[str]) -> tuple[object, ...]:
    """Benchmark, conditions, arms and seeds behind the numbers of a row."""
    benchmark = about["benchmarks"].get(row.get("benchmark"))
    if benchmark is None:
        return ()
    condition = row.get("condition") or HEADLINE
    if frame == "criteria":
        known = (*benchmark["arms"], *benchmark["controls"])
        arms = [arm for arm in known if f"/{row['benchmark']}/{arm}.jsonl" in row["evidence"]]
    conditions = benchmark["headline"] if condition == HEADLINE else [condition]
    seeds = [int(row["seed"])] if "seed" in row else benchmark["seeds"]
    return row["benchmark"], tuple(conditions), tuple(arms), tuple(seeds)


def _number(value: str | float | None, unit: str, rule: str, missing: tuple[str, str], *at: object) -> Number:
    """A number; without a value, its status and reason are `missing` and its text says so."""
    printed = UNITS[unit].printed if unit in UNITS else unit
    if value == "" if isinstance(value, str) else pd.isna(value):
        return Number(None, printed, ": ".join(missing), *missing, rule, *at)
    value = int(value) if unit == "count" else value
    return Number(value, printed, format_value(value, unit), "done", None, rule, *at)
