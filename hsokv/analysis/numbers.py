"""Every number that the study prints, under one key: value, text, unit, rule, and the cell and records it is from."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import pandas as pd

from hsokv.analysis.frames import HEADLINE, Study, column_of
from hsokv.analysis.scores import PRINTED, PROPOSED, format_value, unit_of
from hsokv.exceptions import ConfigurationError

ENDS = ("mean", "low", "high")
DIFFERENCE = ("difference", "low", "high")
LIFT = ("lift", "lift_low", "lift_high")
SCALING = {  # what tells the rows of a frame apart, and its numbers
    "sharing": "arm | runs reached steps_to_target seconds_to_target best copies diversity bytes_sent overhead",
    "speed": "scaling backend node workers | throughput speed_up over_one overhead work_seconds supervisor_cpu_seconds "
    "peak_memory_bytes bytes_sent",
    "validation": "nodes latency | predicted low high measured error",
    "projection": "nodes latency | throughput low high supervisor_busy",
}
SCALING_ALONE = {
    "error": ("share", "median over configurations"),
    "ceiling": ("ratio", "median over turns of what two unrelated processes do at once, over what one does"),
    "machine.cores": ("count", "of the machine that it was measured on"),
    "machine.load": ("ratio", "of that machine, before"),
    "learning.steps": ("steps", "set in the configuration"),
}
LARGE = {"bytes_sent": "traffic", "peak_memory_bytes": "memory"}  # printed in kB and MiB
NO_INTERVAL = "fewer than 2 seeds"
NO_TEXT = "the record holds no text of this entry"
NO_LIFT = "the second arm's interval reaches under 5 points"
NOT_TOLD = "no run of it tells"
NO_THRESHOLD = "no threshold in the configuration"

Row = Mapping[str, Any]


class Number(NamedTuple):
    """A printed number. `value` is as kept (shares in 0..1), None where `status` is not "done" and `reason` says why.

    It stands in `column` of row `row` (from 0) of the frame `frame`, or at `column` of study.json (frame "study", row
    None). `records` are the files it is made of, each with the lines of its runs.
    """

    value: Any
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
    records: tuple[tuple[str, tuple[int, ...]], ...] = ()


class Numbers(Mapping[str, Number]):
    """The numbers of a study by key.

    Keys: `{benchmark}.{condition or headline}.{arm}.{score}.{mean, low, high}`;
    `{contrast}.{difference, low, high}`, of accuracy `{lift, lift_low, lift_high}`, in the family `{p, p_holm}` too;
    `{benchmark}.{arm}.flops.{allowed, spent}`; `{benchmark}.regret.{start, allowed}`;
    `{benchmark}.{condition}.best_baseline.{name, difference, low, high}`; `{benchmark}.{condition}.tuning_flops`;
    `{benchmark}.{condition}.{arm}.most_read.{rank}.{label, count, number, reads, right, text}`, of one run;
    `{benchmark}.{condition}.{arm}.{corrected, harmed}.{rank}.{example, seeds}`;
    `{benchmark}.seeds`; `{benchmark}.largest_class`, where the whole test set is read;
    `criteria.{name}.{value, threshold, low, high, verdict, reason}`;
    `study.{version, split, benchmarks, arms, runs, runs_done, runs_not_run}`;
    `cartpole.{sharing, speed, validation, projection}.{what tells its row apart}.{number}`.

    Raises:
        ConfigurationError: two numbers of one name; when looked up, a key that is none, with the nearest.
    """

    def __init__(self, study: Study) -> None:
        self._study, self._numbers = study, {}
        self._add_frames()
        self._add_study()
        if study.about.get("scaling"):
            self._add_scaling()
        self._lines = defaultdict(list)  # by benchmark and condition
        for run in study.runs[study.runs["line"].notna()].itertuples():
            self._lines[run.benchmark, run.condition].append((run.arm, run.seed, run.path, int(run.line)))

    def __getitem__(self, key: str) -> Number:
        if key not in self._numbers:
            near = get_close_matches(key, self._numbers, n=1, cutoff=0.0)
            raise ConfigurationError(f"No number is named {key!r}. The nearest is {near[0]!r}.")
        number, lines = self._numbers[key], defaultdict(list)
        if number.frame.startswith("scaling") or number.column.startswith("scaling."):
            return number._replace(records=self._measurements(number))
        for condition in number.conditions:
            for arm, seed, path, line in self._lines[number.benchmark, condition]:
                if (not number.arms or arm in number.arms) and seed in number.seeds:
                    lines[path].append(line)
        return number._replace(records=tuple((path, tuple(sorted(found))) for path, found in sorted(lines.items())))

    def _measurements(self, number: Number) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The documents of the distributed swarm that a number is of; they have no lines."""
        projected = number.frame in ("scaling_validation", "scaling_projection") or number.column == "scaling.error"
        folder = self._study.about["records"].removesuffix("records") + "scaling"
        return tuple((f"{folder}/{name}.json", ()) for name in ("measured", "projected")[: 1 + projected])

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def _add_frames(self) -> None:
        cell, arm = "{benchmark}.{condition}.{arm}", ("{arm}",)
        self._add("scores", cell + ".{score}", ENDS, arm, unit=lambda row, _: unit_of(row["score"]))
        self._add("contrasts", "{name}", DIFFERENCE, ("{a}", "{b}"), unit=_unit_of_contrast)
        self._add("contrasts", "{name}", LIFT, ("{a}", "{b}"), where=_has_lift, undefined=_no_lift)
        self._add("contrasts", "{name}", ("p", "p_holm"), ("{a}", "{b}"), where=lambda row: row["family"])
        self._add("costs", "{benchmark}.{arm}.flops", {"allowed": "flops_allowed", "spent": "flops_spent"}, arm)
        best = "{benchmark}.{condition}.best_baseline"
        self._add("tracks", best, {"name": "best"}, ("{best}",))
        self._add("tracks", best, DIFFERENCE, (PROPOSED, "{best}"), unit=lambda *_: "points")
        self._add("tracks", "{benchmark}.{condition}", ("tuning_flops",), (PROPOSED,), where=_has("tuning_flops"))
        self._add("regret_spans", "{benchmark}.regret", ("start", "allowed"))
        columns = ("label", "count", "number", "reads", "right", "text")
        self._add(
            "most_read", cell + ".most_read.{rank}", columns, arm, where=_has("rank"), undefined=lambda *_: NO_TEXT
        )
        self._add("flipped_examples", cell + ".{kind}.{rank}", ("example", "seeds"), arm)
        self._add("criteria", "criteria.{name}", ("value", "low", "high", "threshold"), unit=lambda row, _: row["unit"])
        self._add("criteria", "criteria.{name}", ("verdict", "reason"))

    def _add(
        self,
        frame: str,
        stem: str,
        columns: tuple[str, ...] | Mapping[str, str],
        arms: tuple[str, ...] = (),
        unit: Callable[[Row, str], str] | None = None,
        where: Callable[[Row], bool] = lambda row: True,
        undefined: Callable[[Row, str], str] = lambda row, column: NO_INTERVAL,
    ) -> None:
        """A number for each of the columns (by the end of its key) in every row of a frame `where` there is one.

        `stem` and `arms` are filled from the row; `undefined` says why a row that was run has no value.
        """
        ends = columns if isinstance(columns, Mapping) else dict(zip(columns, columns, strict=True))
        for index, row in enumerate(self._study.frames[frame].to_dict("records")):
            if not where(row):
                continue
            key, of = stem.format(**row), self._behind(frame, row, tuple(arm.format(**row) for arm in arms))
            for end, column in ends.items():
                kind, rule, printed, _ = column_of(frame, column)
                printed = unit(row, column) if unit else LARGE.get(column) or printed
                printed = printed or {"integer": "count"}.get(kind, kind)
                missing = ("undefined", undefined(row, column))
                if frame == "criteria":
                    missing = ("not measured", NO_THRESHOLD if end == "threshold" else row["reason"])
                elif row.get("status", "done") != "done":
                    missing = ("not run", row["reason"])
                self._file(f"{key}.{end}", row[column], printed, rule, (frame, index, column), missing, of)

    def _behind(self, frame: str, row: Row, arms: tuple[str, ...]) -> tuple[Any, ...]:
        """Benchmark, conditions, arms and seeds behind the numbers of a row."""
        about = self._study.about["benchmarks"].get(row.get("benchmark"))
        if about is None:
            return ()
        condition = row.get("condition") or HEADLINE
        if frame == "criteria":
            known = (*about["arms"], *about["controls"])
            arms = tuple(arm for arm in known if f"/{row['benchmark']}/{arm}.jsonl" in row["evidence"])
        conditions = about["headline"] if condition == HEADLINE else [condition]
        seeds = [int(row["seed"])] if "seed" in row else about["seeds"]
        return row["benchmark"], tuple(conditions), arms if all(arms) else (), tuple(seeds)

    def _add_study(self) -> None:
        about, configured, counted = self._study.about, "set in the configuration", "count of records"
        for name, benchmark in about["benchmarks"].items():
            at, of = ("study", None, f"benchmarks.{name}.seeds"), self._behind("study", {"benchmark": name}, ())
            self._file(f"{name}.seeds", len(benchmark["seeds"]), "count", configured, at, of=of)
            if (share := benchmark.get("data", {}).get("largest_class")) is not None:
                at, rule = ("study", None, f"benchmarks.{name}.data.largest_class"), "share of the test examples"
                self._file(f"{name}.largest_class", share, "share", rule, at, of=of)
        for name, value, unit, rule, column in (
            ("version", ", ".join(about["versions"]), "text", "versions in the records", "versions"),
            ("split", about["split"], "text", configured, "split"),
            ("benchmarks", len(about["benchmarks"]), "count", configured, "benchmarks"),
            ("arms", len(about["arms"]), "count", configured, "arms"),
            ("runs", about["runs"]["asked"], "count", counted, "runs.asked"),
            ("runs_done", about["runs"]["done"], "count", counted, "runs.done"),
            ("runs_not_run", about["runs"]["not_run"], "count", counted, "runs.not_run"),
        ):
            self._file(f"study.{name}", value, unit, rule, ("study", None, column), ("not run", "no record"))

    def _add_scaling(self) -> None:
        for table, columns in SCALING.items():
            apart, numbers = (names.split() for names in columns.split("|"))
            stem = ".".join(
                ["cartpole", table, *("{latency:g}" if name == "latency" else f"{{{name}}}" for name in apart)]
            )
            self._add(f"scaling_{table}", stem, tuple(numbers), undefined=lambda *_: NOT_TOLD)
        for key, (unit, rule) in SCALING_ALONE.items():
            value = self._study.about["scaling"]
            for part in key.split("."):
                value = value[part]
            self._file(f"cartpole.{key}", value, unit, rule, ("study", None, f"scaling.{key}"), ("undefined", NOT_TOLD))

    def _file(
        self,
        key: str,
        value: Any,
        unit: str,
        rule: str,
        at: tuple[str, int | None, str],
        missing: tuple[str, str] = ("undefined", ""),
        of: tuple[Any, ...] = (),
    ) -> None:
        """File a number; without a value, its status and reason are `missing` and its text says so."""
        if key in self._numbers:
            raise ConfigurationError(f"Two numbers are named {key!r}. Rename a contrast, criterion, benchmark or arm.")
        absent = value == "" if isinstance(value, str) else pd.isna(value)
        value = None if absent else int(value) if unit == "count" else value
        text = f"{missing[0]}: {missing[1]}" if absent else format_value(value, unit)
        status, reason = missing if absent else ("done", None)
        self._numbers[key] = Number(value, PRINTED.get(unit, unit), text, status, reason, rule, *at, *of)


def _unit_of_contrast(row: Row, column: str) -> str:
    return unit_of(row["score"], difference=True)


def _has_lift(row: Row) -> bool:
    return row["family"] or row["score"] == "accuracy"


def _has(column: str) -> Callable[[Row], bool]:
    return lambda row: not pd.isna(row[column])


def _no_lift(row: Row, column: str) -> str:
    return NO_LIFT if pd.isna(row["lift"]) else NO_INTERVAL
