"""Every number that the study prints, under one key: value, text, unit, rule, and the cell and records it is from."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import pandas as pd

from hsokv.analysis.frames import HEADLINE, Study
from hsokv.analysis.scores import PRINTED, format_value, unit_of
from hsokv.exceptions import ConfigurationError

ENDS = ("mean", "low", "high")
RULES = {
    "mean": "mean over seeds",
    "low": "lower end of the 95 % interval",
    "high": "upper end of the 95 % interval",
    "difference": "mean paired difference over seeds",
    "lift": "difference over the mean of the second arm",
    "lift_low": "lower end of the 95 % bootstrap interval of the lift",
    "lift_high": "upper end of the 95 % bootstrap interval of the lift",
    "p": "exact two-sided sign-flip test over seeds",
    "p_holm": "Holm's adjustment of p over the family of contrasts",
}
MOST_READ = {
    "label": ("count", "number of the entry's class"),
    "count": ("examples", "examples that the entry stands for"),
    "number": ("count", "when the entry was written: place in the order of the stream, from 0"),
    "reads": ("share", "share of this run's test reads in which the entry weighed most"),
    "right": ("share", "share of the entry's reads in which it had the query's label"),
    "text": ("text", "the example the entry was written from, shortened"),
}
FLIPPED = {
    "example": ("count", "place of the example in the test file, from 0"),
    "seeds": ("count", "number of seeds in which it is"),
}
SPAN = {
    "start": "the latest first value of an arm that searches, over the headline's runs",
    "allowed": "set in the configuration",
}
CONTRAST = ("difference", "low", "high", "lift", "lift_low", "lift_high", "p", "p_holm")  # p in the family alone
NO_INTERVAL = "fewer than 2 seeds"
NO_TEXT = "the record holds no text of this entry"
NO_LIFT = "the second arm's interval reaches under 5 points"
SCALING = {  # what tells the rows of a frame apart, then unit and rule of each number
    "sharing": ("arm",),
    "speed": ("scaling", "backend", "workers"),
    "validation": ("payload", "rounds"),
    "projection": ("nodes", "sharing", "latency"),
}
PROJECTED = {
    "low": ("steps/s", "projected: lower end of the middle 95 %"),
    "high": ("steps/s", "projected: upper end of the middle 95 %"),
}
MEASURED = {
    "sharing": {
        "runs": ("count", "count of runs"),
        "reached": ("count", "count of runs that reached the target"),
        "steps_to_target": ("steps", "median over the runs that reached it"),
        "seconds_to_target": ("seconds", "median over the runs that reached it"),
        "best": ("score", "mean over runs"),
        "copies": ("entries", "mean over runs"),
        "staleness": ("writes", "mean over runs"),
        "bytes_sent": ("traffic", "mean over runs"),
        "bytes_received": ("traffic", "mean over runs"),
        "overhead": ("share", "mean over runs"),
    },
    "speed": {
        "throughput": ("steps/s", "median over turns"),
        "speed_up": ("ratio", "median over turns of steps per second over those of the single process in that turn"),
        "over_one": ("ratio", "median steps per second over that of one worker"),
        "overhead": ("share", "median over turns"),
        "work_seconds": ("seconds", "median over turns"),
        "supervisor_cpu_seconds": ("seconds", "median over turns"),
        "peak_memory_bytes": ("memory", "median over turns"),
        "bytes_sent": ("traffic", "mean over turns"),
        "bytes_received": ("traffic", "mean over turns"),
    },
    "validation": {
        "predicted": ("steps/s", "projected: mean over replications"),
        "measured": ("steps/s", "median over turns"),
        "error": ("share", "distance of the projection from the measurement, over that"),
    }
    | PROJECTED,
    "projection": {
        "throughput": ("steps/s", "projected: mean over replications"),
        "store_busy": ("share", "projected: mean over replications"),
    }
    | PROJECTED,
}
SCALING_ALONE = {
    "error": ("share", "median over configurations"),
    "ceiling": ("ratio", "median over turns of what two unrelated processes do at once, over what one does"),
    "machine.cores": ("count", "of the machine that it was measured on"),
    "machine.load": ("ratio", "of that machine, before"),
    "learning.steps": ("steps", "set in the configuration"),
}


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
    arms: tuple[str, ...] = ()
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
    `{benchmark}.seeds`; `criteria.{name}.{value, threshold, low, high, verdict, reason}`;
    `study.{version, evaluate_on, benchmarks, arms, runs, runs_done, runs_not_run}`;
    `cartpole.{sharing, speed, validation, projection}.{what tells its row apart}.{number}`.

    Raises:
        ConfigurationError: two numbers of one name; when looked up, a key that is none, with the nearest.
    """

    def __init__(self, study: Study) -> None:
        self._study, self._numbers = study, {}
        for key, number in _all(study):
            if key in self._numbers:
                raise ConfigurationError(
                    f"Two numbers are named {key!r}. Rename a contrast, criterion, benchmark or arm."
                )
            self._numbers[key] = number
        self._lines = defaultdict(list)  # by benchmark and condition
        for run in study.runs[study.runs["line"].notna()].itertuples():
            self._lines[run.benchmark, run.condition].append((run.arm, run.seed, run.path, run.line))

    def __getitem__(self, key: str) -> Number:
        if key not in self._numbers:
            near = get_close_matches(key, self._numbers, n=1, cutoff=0.0)
            raise ConfigurationError(f"No number is named {key!r}. The nearest is {near[0]!r}.")
        number = self._numbers[key]
        lines = defaultdict(list)
        for condition in number.conditions:
            for arm, seed, path, line in self._lines[number.benchmark, condition]:
                if (not number.arms or arm in number.arms) and seed in number.seeds:
                    lines[path].append(int(line))
        return number._replace(records=tuple((path, tuple(sorted(found))) for path, found in sorted(lines.items())))

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


Entry = tuple[str, Number]


def _all(study: Study) -> Iterator[Entry]:
    yield from _of_scores(study)
    yield from _of_contrasts(study)
    yield from _of_arms_and_tracks(study)
    yield from _of_memory(study)
    yield from _of_criteria(study)
    yield from _of_study(study.about)
    if study.about.get("scaling"):
        yield from _of_scaling(study)


def _number(
    value: Any,
    unit: str,
    rule: str,
    where: tuple[str, int | None, str],
    missing: tuple[str, str] = ("not run", ""),
    of: tuple[Any, ...] = (),
) -> Number:
    """A number; without a value, its status and reason are `missing` and its text says so."""
    absent = value is None or value == "" or (not isinstance(value, str) and pd.isna(value))
    if unit == "count" and not absent:
        value = int(value)
    text = "{}: {}".format(*missing) if absent else format_value(value, unit)
    state = (
        (None, PRINTED.get(unit, unit), text, *missing)
        if absent
        else (value, PRINTED.get(unit, unit), text, "done", None)
    )
    return Number(*state, rule, *where, *of)


def _of(study: Study, benchmark: str, condition: str, arms: tuple[str, ...] = (), seed: int | None = None) -> tuple:
    """Benchmark, conditions, arms (all where none is named) and seeds behind a number."""
    about = study.about["benchmarks"].get(benchmark)
    if about is None:
        return ()
    conditions = about["headline"] if condition == HEADLINE else [condition]
    return benchmark, tuple(conditions), arms, tuple(about["seeds"]) if seed is None else (seed,)


def _missing(row: Any, undefined: str) -> tuple[str, str]:
    """Why a value of a row may be missing: it was not run, or it was and nothing can be said of it."""
    return ("undefined", undefined) if row.status == "done" else ("not run", row.reason)


def _of_scores(study: Study) -> Iterator[Entry]:
    for index, row in enumerate(study.scores.itertuples()):
        of, missing = _of(study, row.benchmark, row.condition, (row.arm,)), _missing(row, NO_INTERVAL)
        for end in ENDS:
            key = f"{row.benchmark}.{row.condition}.{row.arm}.{row.score}.{end}"
            where = ("scores", index, end)
            yield key, _number(getattr(row, end), unit_of(row.score), RULES[end], where, missing, of)


def _of_contrasts(study: Study) -> Iterator[Entry]:
    for index, row in enumerate(study.contrasts.itertuples()):
        of = _of(study, row.benchmark, HEADLINE, (row.a, row.b))
        for end in CONTRAST[: 8 if row.family else 6 if row.score == "accuracy" else 3]:
            no_lift = end == "lift" or (end.startswith("lift") and pd.isna(row.lift))
            unit = "lift" if end.startswith("lift") else "p" if end.startswith("p") else None
            unit = unit or unit_of(row.score, difference=True)
            missing = _missing(row, NO_LIFT if no_lift else NO_INTERVAL)
            where = ("contrasts", index, end)
            yield f"{row.name}.{end}", _number(getattr(row, end), unit, RULES[end], where, missing, of)


def _of_arms_and_tracks(study: Study) -> Iterator[Entry]:
    for index, row in enumerate(study.costs.itertuples()):
        for end in ("allowed", "spent"):
            where, of = ("costs", index, f"flops_{end}"), _of(study, row.benchmark, HEADLINE, (row.arm,))
            number = _number(getattr(row, where[2]), "FLOPs", "mean over runs", where, _missing(row, ""), of)
            yield f"{row.benchmark}.{row.arm}.flops.{end}", number
    for index, row in enumerate(study.tracks.itertuples()):
        stem, pair = f"{row.benchmark}.{row.condition}", ("full", row.best) if row.best else ()
        of, missing = _of(study, row.benchmark, row.condition, pair), _missing(row, NO_INTERVAL)
        rule = "the plain baseline with the highest mean accuracy"
        best = _of(study, row.benchmark, row.condition, pair[1:])
        yield f"{stem}.best_baseline.name", _number(row.best, "text", rule, ("tracks", index, "best"), missing, best)
        for end in ("difference", "low", "high"):
            number = _number(getattr(row, end), "points", RULES[end], ("tracks", index, end), missing, of)
            yield f"{stem}.best_baseline.{end}", number
        if not pd.isna(row.tuning_flops):
            of, where = _of(study, row.benchmark, row.condition, ("full",)), ("tracks", index, "tuning_flops")
            yield f"{stem}.tuning_flops", _number(row.tuning_flops, "FLOPs", "mean over seeds", where, of=of)
    for index, row in enumerate(study.regret_spans.itertuples()):
        for end, rule in SPAN.items():
            where, of = ("regret_spans", index, end), _of(study, row.benchmark, HEADLINE)
            yield f"{row.benchmark}.regret.{end}", _number(getattr(row, end), "FLOPs", rule, where, of=of)


def _of_memory(study: Study) -> Iterator[Entry]:
    for index, row in enumerate(study.most_read.itertuples()):
        if pd.isna(row.rank):
            continue
        of = _of(study, row.benchmark, row.condition, (row.arm,), int(row.seed))
        for name, (unit, rule) in MOST_READ.items():
            key = f"{row.benchmark}.{row.condition}.{row.arm}.most_read.{row.rank}.{name}"
            where = ("most_read", index, name)
            yield key, _number(getattr(row, name), unit, rule, where, ("undefined", NO_TEXT), of)
    for index, row in enumerate(study.flipped_examples.itertuples()):
        of = _of(study, row.benchmark, row.condition, (row.arm,))
        for name, (unit, rule) in FLIPPED.items():
            key = f"{row.benchmark}.{row.condition}.{row.arm}.{row.kind}.{row.rank}.{name}"
            yield key, _number(getattr(row, name), unit, rule, ("flipped_examples", index, name), of=of)


def _of_criteria(study: Study) -> Iterator[Entry]:
    arms = study.runs["arm"].cat.categories
    for index, row in enumerate(study.criteria.itertuples()):
        behind = tuple(arm for arm in arms if f"/{row.benchmark}/{arm}.jsonl" in row.evidence)
        of = _of(study, row.benchmark, row.condition or HEADLINE, behind)
        for end in ("value", "low", "high", "threshold"):
            rule, reason = "the criterion's headline value", row.reason
            if end == "threshold":
                rule, reason = "set in the configuration", "no threshold in the configuration"
            number = _number(getattr(row, end), row.unit, rule, ("criteria", index, end), ("not measured", reason), of)
            yield f"criteria.{row.name}.{end}", number
        for end in ("verdict", "reason"):
            rule, where = "the verdict rule of its kind", ("criteria", index, end)
            yield f"criteria.{row.name}.{end}", _number(getattr(row, end), "text", rule, where, of=of)


def _of_study(about: Mapping[str, Any]) -> Iterator[Entry]:
    configured, counted = "set in the configuration", "count of records"
    for name, benchmark in about["benchmarks"].items():
        where, of = ("study", None, f"benchmarks.{name}.seeds"), (name, tuple(benchmark["headline"]), ())
        number = _number(len(benchmark["seeds"]), "count", configured, where, of=(*of, tuple(benchmark["seeds"])))
        yield f"{name}.seeds", number
    facts = {
        "version": (", ".join(about["versions"]), "text", "versions in the records", "versions"),
        "evaluate_on": (about["evaluate_on"], "text", configured, "evaluate_on"),
        "benchmarks": (len(about["benchmarks"]), "count", configured, "benchmarks"),
        "arms": (len(about["arms"]), "count", configured, "arms"),
        "runs": (about["runs"]["asked"], "count", counted, "runs.asked"),
        "runs_done": (about["runs"]["done"], "count", counted, "runs.done"),
        "runs_not_run": (about["runs"]["not_run"], "count", counted, "runs.not_run"),
    }
    for name, (value, unit, rule, column) in facts.items():
        yield f"study.{name}", _number(value, unit, rule, ("study", None, column), ("not run", "no record"))


def _of_scaling(study: Study) -> Iterator[Entry]:
    missing = ("undefined", "no run of it tells")
    for table, columns in MEASURED.items():
        frame = f"scaling_{table}"
        for index, row in enumerate(getattr(study, frame).itertuples()):
            apart = (getattr(row, name) for name in SCALING[table])
            stem = ".".join(["cartpole", table, *(f"{x:g}" if isinstance(x, float) else str(x) for x in apart)])
            for name, (unit, rule) in columns.items():
                yield f"{stem}.{name}", _number(getattr(row, name), unit, rule, (frame, index, name), missing)
    for key, (unit, rule) in SCALING_ALONE.items():
        value = study.about["scaling"]
        for part in key.split("."):
            value = value[part]
        yield f"cartpole.{key}", _number(value, unit, rule, ("study", None, f"scaling.{key}"), missing)
