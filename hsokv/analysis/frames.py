"""The frames of a study, tidy and long: what analysis writes as CSV files, and all that the report reads."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from hsokv.analysis.scores import SCORES
from hsokv.exceptions import HsokvError, RecordError
from hsokv.files import checksum, read_json, write_text

FORMAT = "hsokv-statistics/3"
Config = Mapping[str, Any]  # the checked configuration, or what is said once of a study: a tree of plain values
Row = dict[str, str | float | bool | None]  # of a frame
SUMS = "SHA256SUMS"  # of what is written beside it, as `sha256sum -c` reads it
REMAKE = "Delete the folder and run the same snakemake command again."
HEADLINE = "headline"  # of a condition: the mean over the headline's conditions, seed by seed


class Column(NamedTuple):
    """What a column holds: category, text, integer, number or flag; what it means; its unit and its range."""

    kind: str
    meaning: str
    unit: str = ""
    range: str = ""


COLUMNS = {
    "benchmark": Column("category", "benchmark, in the configuration's order"),
    "condition": Column("category", "condition, or `headline`: the mean over the benchmark's headline conditions"),
    "arm": Column("category", "arm, in the configuration's order; controls after them"),
    "seed": Column("integer", "seed of the run"),
    "score": Column("text", "name of the score"),
    "seeds": Column("integer", "seeds behind the row", "", "0 where it was not run"),
    "mean": Column("number", "mean over seeds", "that of the score"),
    "low": Column("number", "lower end of the 95 % interval", "that of the mean"),
    "high": Column("number", "upper end of the 95 % interval", "that of the mean"),
    "status": Column("text", "`done` or `not run`"),
    "reason": Column("text", "why it was not run"),
    "synthetic": Column("flag", "whether the data are a synthetic stand-in"),
    "path": Column("text", "file of records, relative to the study's folder"),
    "line": Column("integer", "line of the record in its file", "", "from 1"),
    "code": Column("text", "digest of the code that made the record"),
    "data": Column("text", "digest of the data it was made from"),
    "name": Column("text", "name of the contrast or criterion in the configuration; else `{a}_over_{b}_{benchmark}`"),
    "a": Column("text", "first arm"),
    "b": Column("text", "second arm, which is subtracted"),
    "family": Column("flag", "whether the contrast belongs to the configured family, tested with Holm's adjustment"),
    "difference": Column("number", "mean paired difference over seeds", "that of the score"),
    "lift": Column("number", "difference over the mean of the second arm, of accuracy alone", "lift"),
    "lift_low": Column("number", "lower end of the 95 % bootstrap interval of the lift", "lift"),
    "lift_high": Column("number", "upper end of the 95 % bootstrap interval of the lift", "lift"),
    "p": Column("number", "exact two-sided sign-flip test over seeds, in the family", "p", "0 to 1"),
    "p_holm": Column("number", "Holm's adjustment of p over the family", "p", "0 to 1"),
    "encoder": Column("text", "encoder that every arm was given"),
    "tuned_by": Column("text", "`frozen`, or how the encoder was tuned"),
    "tuning_flops": Column("number", "counted operations of tuning, mean over seeds", "FLOPs", "0 or more"),
    "best": Column("text", "plain baseline with the highest mean accuracy"),
    "flops_allowed": Column("number", "counted operations allowed, mean over headline runs", "FLOPs", "0 or more"),
    "flops_spent": Column("number", "counted operations spent, mean over headline runs", "FLOPs", "0 or more"),
    "curve": Column("text", "name of the curve"),
    "x": Column("integer", "round, or task, of the point", "", "from 1"),
    "flops": Column("number", "counted operations spent so far", "FLOPs", "above 0"),
    "start": Column("number", "where the area under regret starts: the latest first value of a search", "FLOPs"),
    "allowed": Column("number", "where it ends: the allowance", "FLOPs"),
    "scenario": Column("text", "`class_incremental` (among all classes seen) or `task_incremental` (among the task's)"),
    "after_task": Column("integer", "task after which the accuracy was measured", "", "from 1"),
    "task": Column("integer", "task on whose test examples it was measured", "", "1 to `after_task`"),
    "kind": Column("text", "`reads` or `right` reads; kind of a criterion"),
    "entries": Column("number", "share of the entries, the most read first", "share", "0 to 1"),
    "rank": Column("integer", "rank in its list", "", "from 1"),
    "label": Column("integer", "number of the entry's class", "", "from 0"),
    "count": Column("number", "examples that the entry stands for", "examples", "1 or more"),
    "number": Column("integer", "when the entry was written: index in the order of the stream", "", "from 0"),
    "reads": Column("number", "share of the run's test reads in which the entry weighed most", "share", "0 to 1"),
    "right": Column("number", "share of the entry's reads in which it had the query's label", "share", "0 to 1"),
    "text": Column("text", "example the entry was written from, shortened"),
    "round": Column("integer", "round of the swarm", "", "from 1"),
    "group": Column("integer", "group of the agent", "", "from 0"),
    "agent": Column("integer", "agent in its group", "", "from 0"),
    "parent": Column("integer", "agent whose state it goes on from, counted over all groups", "", "from 0"),
    "unit": Column("text", "unit of value and threshold"),
    "comparison": Column("text", "how the value is held against the threshold"),
    "threshold": Column("number", "threshold in the configuration"),
    "value": Column("number", "measured value"),
    "verdict": Column("text", "`pass`, `fail` or `not measured`"),
    "evidence": Column("text", "files of records, or the measurement, behind the verdict"),
    "runs": Column("integer", "runs"),
    "reached": Column("integer", "runs that reached the target"),
    "steps": Column("number", "environment steps of all managers", "steps", "0 or more"),
    "seconds_to_target_low": Column("number", "the fastest of these runs", "seconds"),
    "seconds_to_target_high": Column("number", "the slowest of these runs", "seconds"),
    "throughput_low": Column("number", "the slowest turn", "steps/s"),
    "throughput_high": Column("number", "the fastest turn", "steps/s"),
    "speed_up_low": Column("number", "the lowest of a turn", "ratio"),
    "speed_up_high": Column("number", "the highest of a turn", "ratio"),
    "steps_to_target": Column("number", "steps to the target, median over the runs that reached it", "steps"),
    "seconds_to_target": Column("number", "time to the target, median over the runs that reached it", "seconds"),
    "copies": Column("number", "agents copied, mean over runs", "agents"),
    "diversity": Column("number", "of hyperparameters after the first round, mean over runs", "share", "0 to 1"),
    "bytes_sent": Column("number", "mean bytes sent to workers", "bytes"),
    "overhead": Column("number", "share of the time that is not work", "share", "0 to 1"),
    "scaling": Column("text", "`strong` (one problem) or `weak` (a problem that grows with the workers)"),
    "backend": Column("text", "backend of the workers"),
    "workers": Column("integer", "workers", "", "1 or more"),
    "node": Column("text", "what a worker has: a whole core, or an equal share of one"),
    "candidates": Column("integer", "policies tried in a generation, in all", "", "2 or more"),
    "throughput": Column("number", "environment steps a second, median over turns", "steps/s"),
    "speed_up": Column("number", "over the single process in the same turn, median over turns", "ratio"),
    "over_one": Column("number", "over one worker", "ratio"),
    "work_seconds": Column("number", "work, median over turns", "seconds"),
    "supervisor_cpu_seconds": Column("number", "processor time of the supervisor, median over turns", "seconds"),
    "peak_memory_bytes": Column("number", "peak memory of the supervisor, median over turns", "bytes"),
    "predicted": Column("number", "projected throughput, mean over replications", "steps/s"),
    "measured": Column("number", "measured throughput, median over turns", "steps/s"),
    "error": Column("number", "distance of the projection from the measurement, over that", "share"),
    "nodes": Column("integer", "nodes"),
    "latency": Column("number", "latency of the network", "seconds"),
    "supervisor_busy": Column("number", "share of the time that the supervisor is busy", "share", "0 to 1"),
}  # fmt: skip
"""What each column means, by name: one name, one meaning."""
IN_FRAME = {  # where a name of another frame means more there
    ("lineage", "score"): Column("number", "fold log-loss of the agent", "nats"),
    ("criteria", "reason"): Column("text", "why the verdict is what it is"),
    ("criteria", "condition"): Column("category", "best of the criterion's tracks, else `headline`"),
    ("scaling_sharing", "arm"): Column("text", "way of searching"),
    ("scaling_curves", "arm"): Column("text", "way of searching"),
    ("scaling_curves", "mean"): Column("number", "best score so far, mean over runs"),
    ("scaling_sharing", "best"): Column("number", "best score reached, mean over runs", "score"),
    ("scaling_validation", "low"): Column("number", "lower end of the middle 95 % of replications", "steps/s"),
    ("scaling_validation", "high"): Column("number", "upper end of the middle 95 % of replications", "steps/s"),
    ("scaling_projection", "low"): Column("number", "lower end of the middle 95 % of replications", "steps/s"),
    ("scaling_projection", "high"): Column("number", "upper end of the middle 95 % of replications", "steps/s"),
    ("scaling_projection", "throughput"): Column("number", "projected: mean over replications", "steps/s"),
}  # fmt: skip
FRAMES = {
    name: columns.split()
    for name, columns in {
        "runs": "benchmark condition arm seed path line code data status reason synthetic",
        "scores": "benchmark condition arm score seeds mean low high status reason synthetic",
        "contrasts": "name benchmark a b score family difference low high lift lift_low lift_high p p_holm seeds "
        "status reason",
        "tracks": "benchmark condition encoder tuned_by tuning_flops best difference low high status reason",
        "costs": "benchmark arm flops_allowed flops_spent status reason",
        "curves": "benchmark condition arm curve x mean low high",
        "regret": "benchmark arm flops mean low high seeds status reason",
        "regret_spans": "benchmark start allowed",
        "task_accuracy": "benchmark arm scenario after_task task mean low high seeds status reason",
        "memory_reads": "benchmark arm kind entries mean low high seeds status reason",
        "most_read": "benchmark condition arm seed rank label count number reads right text status reason",
        "lineage": "benchmark condition arm seed round group agent parent score status reason",
        "criteria": "name benchmark condition kind unit comparison threshold value low high verdict reason evidence",
        "scaling_sharing": "arm runs reached steps_to_target seconds_to_target best copies diversity bytes_sent "
        "overhead seconds_to_target_low seconds_to_target_high",
        "scaling_curves": "arm steps mean",
        "scaling_speed": "scaling backend node workers candidates throughput speed_up over_one overhead work_seconds "
        "supervisor_cpu_seconds peak_memory_bytes bytes_sent throughput_low throughput_high "
        "speed_up_low speed_up_high",
        "scaling_validation": "nodes latency predicted low high measured error",
        "scaling_projection": "nodes latency throughput low high supervisor_busy",
    }.items()
}
"""The columns of each frame; a frame without rows is written with its header."""
STATISTICS = [*(f"{name}.csv" for name in FRAMES), "study.json", "criteria.json"]
DTYPES = {"text": "str", "category": "str", "integer": "Int64", "number": "float64", "flag": "bool"}


def column_of(frame: str, name: str) -> Column:
    """What a column of a frame holds."""
    return IN_FRAME.get((frame, name), COLUMNS[name])


@dataclass(frozen=True)
class Study:
    """A study's frames, each an attribute of its name, and `about`: what is said once (results/statistics/study.json).

    Categories are ordered as configured; a text or an end of an interval that is missing is "" or NaN.
    """

    about: Config
    frames: dict[str, pd.DataFrame]

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name not in FRAMES:
            raise AttributeError(name)
        return self.frames[name]

    @classmethod
    def of(cls, about: Config, rows: Mapping[str, pd.DataFrame | list[Row]]) -> "Study":
        """The study of rows (frames, or lists of mappings) by frame; what has no rows is an empty frame."""
        frames = {
            name: pd.DataFrame(rows.get(name, []), columns=columns).reset_index(drop=True)
            for name, columns in FRAMES.items()
        }
        return cls(about, {name: _typed(name, frame, about) for name, frame in frames.items()})

    @classmethod
    def read(cls, folder: Path) -> "Study":
        """Read results/statistics.

        Raises:
            RecordError: a file of it is missing, is not the one that was written, or is of another version.
        """
        folder, frames = Path(folder), {}
        try:
            lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
            sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
            changed = [name for name in STATISTICS if checksum(folder / name) != sums.get(name)]
        except (OSError, ValueError, HsokvError) as error:
            raise RecordError(f"{folder / SUMS}: its files cannot be read ({error}). {REMAKE}") from error
        if changed:
            raise RecordError(f"{folder / changed[0]} is not the file that {SUMS} has the checksum of. {REMAKE}")
        about = read_json(folder / "study.json")
        if about.get("format") != FORMAT:
            raise RecordError(f"{folder / 'study.json'} is not of format {FORMAT}. {REMAKE}")
        for name, columns in FRAMES.items():
            numbers = [column for column in columns if column_of(name, column).kind in ("integer", "number")]
            frame = pd.read_csv(folder / f"{name}.csv", dtype="str", keep_default_na=False)
            frame[numbers] = frame[numbers].replace("", "nan").astype("float64")
            frames[name] = frame
        return cls.of(about, frames)

    def write(self, folder: Path) -> None:
        """Write every frame as CSV, study.json, criteria.json and their checksums; the same study, same bytes."""
        texts = {f"{name}.csv": frame.to_csv(index=False, lineterminator="\n") for name, frame in self.frames.items()}
        for name, value in {"study": self.about, "criteria": criteria_entries(self.criteria)}.items():
            # in the order given, since that of benchmarks and arms is the configuration's
            texts[f"{name}.json"] = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        texts[SUMS] = "".join(f"{sha256(text.encode()).hexdigest()}  {name}\n" for name, text in texts.items())
        for name, text in texts.items():
            write_text(Path(folder) / name, text)


def criteria_entries(criteria: pd.DataFrame) -> list[dict[str, Any]]:
    """The criteria as criteria.json has them: an interval or None, evidence as a list."""
    entries = []
    for row in criteria.astype(object).where(criteria.notna() & (criteria != ""), None).to_dict("records"):
        low, high, evidence = (row.pop(name) for name in ("low", "high", "evidence"))
        paths = re.split(r"(?<=\.jsonl) ", evidence) if evidence else []  # a path may hold blanks
        entries.append(row | {"interval": None if low is None else [low, high], "evidence": paths})
    return entries


def data_dictionary() -> str:
    """docs/data-dictionary.md: what stands in each file of results/statistics, and which scores there are."""
    lines = ["# Data dictionary", "", "The files of `results/statistics`. An empty cell is a missing value."]
    for frame, names in FRAMES.items():
        lines += ["", f"## {frame}.csv", "", "| column | meaning | type | unit | range |", "|---|---|---|---|---|"]
        for name in names:
            kind, meaning, unit, span = column_of(frame, name)
            lines.append(f"| {name} | {meaning} | {kind} | {unit} | {span} |")
    lines += ["", "## Scores", "", "| score | meaning | unit | range of the mean |", "|---|---|---|---|"]
    lines += [f"| {s.name} | {s.words} | {s.unit} | {s.low:g} to {s.high:g} |" for s in SCORES.values()]
    return "\n".join([*lines, ""])


def _typed(name: str, frame: pd.DataFrame, about: Config) -> pd.DataFrame:
    """The frame with the types of its columns; the categories in the configuration's order, others after them."""
    benchmarks = about["benchmarks"].values()
    order = {
        "benchmark": [*about["benchmarks"]],
        "condition": [*(condition for b in benchmarks for condition in b["conditions"]), HEADLINE],
        "arm": [*about["arms"], *(arm for b in benchmarks for arm in b["controls"])],
    }
    for column in frame:
        kind = column_of(name, column).kind
        values = frame[column]
        if kind == "flag":
            values = values.isin([True, "True"])
        elif kind in ("text", "category"):
            values = values.astype(object).where(values.notna(), "")
        frame[column] = values.astype(DTYPES[kind])
        if kind == "category":
            known = list(dict.fromkeys([*order[column], *frame[column].unique()]))
            frame[column] = pd.Categorical(frame[column], known, ordered=True)
    return frame
