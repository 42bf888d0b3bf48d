"""The records of a study: JSON lines, one file an arm and benchmark, one line a run; costs stand beside.

A line is compact JSON with sorted keys and a checksum of its content, so that the same run gives the same bytes.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from hsokv.exceptions import RecordError
from hsokv.files import parse_json, write_bytes, write_json, writing

FORMAT = "hsokv-record/3"
ROOT = "results/records"
_REMAKE = "delete the file and run the same snakemake command again"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")  # no dot: names are parts of paths and of dotted keys


@dataclass(frozen=True)
class RunRecord:
    """One run of one arm: benchmark, condition, arm and seed name the run, the other fields are its results.

    `scores` are plain numbers (accuracy in 0..1, log_loss in nats); `outcomes` holds one character a test example,
    "1" for right, in the order that every arm of the same benchmark, condition and seed shares; `stamp` holds digests
    of what the run was made from. A run that could not be made has status "not run", its reason, and no score.

    Raises:
        RecordError: a field is of the wrong type, not finite, not plain JSON, or contradicts another.
    """

    benchmark: str
    condition: str
    arm: str
    seed: int
    status: str
    reason: str | None
    configuration: dict[str, Any]
    stamp: dict[str, str]
    version: str
    data: dict[str, Any]
    flops: dict[str, int]
    scores: dict[str, float]
    outcomes: str
    shared_test: bool
    curves: dict[str, list[float]]
    instruments: dict[str, Any]

    def __post_init__(self) -> None:
        if problem := next(_problems(self), None):
            raise RecordError(f"record {self.benchmark}/{self.condition}/{self.arm}/seed{self.seed}: {problem}")


@dataclass(frozen=True)
class CostRecord:
    """What a run cost: wall seconds, peak memory in bytes of its process so far, and where; it has no checksum.

    `seconds` holds times of parts of the run, by name, where it was timed in parts.
    """

    condition: str
    seed: int
    wall_seconds: float
    peak_memory_bytes: int
    host: str
    device: str
    threads: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if problem := next(_wrong_types(self), "") or ("seconds: empty" if [] in self.seconds.values() else ""):
            raise RecordError(f"cost {self.condition}/seed{self.seed}: {problem}")


Entry = TypeVar("Entry", RunRecord, CostRecord)


def records_path(benchmark: str, arm: str, root: str | Path = ROOT) -> Path:
    """The file that holds every run of an arm on a benchmark: `{root}/{benchmark}/{arm}.jsonl`.

    >>> records_path("sst2", "knn").as_posix()
    'results/records/sst2/knn.jsonl'
    """
    for name in (benchmark, arm):
        if not _NAME.fullmatch(name):
            raise RecordError(f"{name!r} is not a name of letters, digits, `_` and `-`: rename it")
    return Path(root) / benchmark / f"{arm}.jsonl"


def costs_path(path: str | Path) -> Path:
    """The costs beside the records at `path`: `{arm}.cost.jsonl`."""
    return Path(path).with_suffix(".cost.jsonl")


def unfinished_path(path: str | Path) -> Path:
    """The copy of the records at `path` that a job appends to until all its runs are made."""
    return Path(f"{path}.unfinished")


def record_files(root: str | Path) -> list[Path]:
    """Every file of records below `root`, sorted; no costs, nothing unfinished."""
    return sorted(path for path in Path(root).glob("*/*.jsonl") if "." not in path.stem)


def read_records(path: str | Path) -> list[RunRecord]:
    """The records of an arm on a benchmark, in the order of the file: record i is line i + 1.

    Raises:
        RecordError: the file is missing or empty, or a line is cut off, edited, doubled, not JSON, of another format,
            benchmark or arm; the message names the file and the line.
    """
    if records := read_lines(Path(path), RunRecord):
        return records
    raise RecordError(f"{path}: holds no record: {_REMAKE}")


def read_costs(path: str | Path) -> list[CostRecord]:
    """The costs beside the records at `path`; raises RecordError as `read_records` does."""
    return read_lines(costs_path(path), CostRecord)


def read_lines(path: Path, kind: type[Entry], dropped: Callable[[str], None] | None = None) -> list[Entry]:
    """The records or costs of a file, as `read_records` reads them.

    `dropped`, where a job may have been killed while it wrote, takes the words for a last line that was cut off.
    """
    *lines, rest = _content(path).split(b"\n")
    file = path.absolute().parent.name, path.name.partition(".")[0]
    entries: dict[tuple[str, int], Entry] = {}
    for number, line in enumerate(lines, start=1):
        try:
            entry = _entry(line, kind)
            if (run := (entry.condition, entry.seed)) in entries:
                raise RecordError(f"a second run of condition {entry.condition} and seed {entry.seed}")
            if isinstance(entry, RunRecord) and file != (entry.benchmark, entry.arm):
                raise RecordError(f"the record of another file, {entry.benchmark}/{entry.arm}.jsonl")
        except RecordError as error:
            others = f"to keep its other lines, delete this one and .{file[1]}.complete beside the file"
            raise RecordError(f"{path}, line {number}: {error}: {_REMAKE}; {others}") from error
        entries[run] = entry
    if rest and dropped is None:
        raise RecordError(f"{path}, line {len(lines) + 1}: cut off: {_REMAKE}")
    if rest:
        dropped(f"{path}, line {len(lines) + 1}: cut off while it was written, so dropped")
    return list(entries.values())


def write_lines(path: Path, entries: Iterable[RunRecord | CostRecord]) -> None:
    """Write the whole file of an arm's records, or of their costs, atomically."""
    write_bytes(path, b"".join(map(_line, entries)))


def append_line(path: Path, entry: RunRecord | CostRecord) -> None:
    """Append a record or a cost, whole and flushed to the disk."""
    with writing(path), path.open("ab") as stream:
        stream.write(_line(entry))
        stream.flush()
        os.fsync(stream.fileno())


def write_sealed(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON object atomically with a checksum of its content, which shows any later change."""
    write_json(path, _sealed(content))


def read_sealed(path: Path) -> dict[str, Any]:
    """Read what `write_sealed` wrote, without its checksum.

    Raises:
        RecordError: the file is missing, damaged, changed, or has no checksum.
    """
    text = _content(path)
    try:
        return _unsealed(text)
    except RecordError as error:
        raise RecordError(f"{path}: {error}: {_REMAKE}") from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise RecordError(f"{path}: not there: run `snakemake --cores 4 report` to make it") from error
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror or error}") from error


def _line(entry: RunRecord | CostRecord) -> bytes:
    content = _sealed({"format": FORMAT, **vars(entry)}) if isinstance(entry, RunRecord) else vars(entry)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _entry(line: bytes, kind: type[Entry]) -> Entry:
    content = _unsealed(line) if kind is RunRecord else _object(line)
    if kind is RunRecord and content.pop("format", None) != FORMAT:
        raise RecordError(f"not of format {FORMAT!r}")
    known = {each.name: each.default_factory is MISSING for each in fields(kind)}
    if wrong := [
        *(content.keys() - known),
        *(name for name, needed in known.items() if needed and name not in content),
    ]:
        raise RecordError(f"missing or unknown keys: {', '.join(sorted(wrong))}")
    return kind(**content)


def _object(text: bytes) -> dict[str, Any]:
    try:
        content = parse_json(text.decode())
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not whole JSON ({error})") from error
    if not isinstance(content, dict):
        raise RecordError(f"wanted a JSON object, came {type(content).__name__}")
    return content


def _sealed(content: Mapping[str, object]) -> dict[str, object]:
    """The content, and the SHA-256 of it as JSON with sorted keys, however the JSON is laid out."""
    return {**content, "sha256": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}


def _unsealed(text: bytes) -> dict[str, Any]:
    content = _object(text)
    if (checksum := content.pop("sha256", None)) is None:
        raise RecordError("wanted a checksum of its content, came none, so no damage could be seen")
    if checksum != _sealed(content)["sha256"]:
        raise RecordError("a value in it was changed, since its checksum is another")
    return content


def _no_json(value: object) -> str:
    """Why a value is not what JSON would give back, "" where it is."""
    try:
        same = json.loads(json.dumps(value, allow_nan=False)) == value
    except (TypeError, ValueError, RecursionError) as error:
        return str(error)
    return "" if same else "holds a tuple, or a key that is not a string: JSON keeps lists and strings"


def _fits(value: object, kind: Any) -> bool:
    """Whether a value is of a type such as `dict[str, list[float]]`; an integer is a float too, a bool is neither."""
    of = get_args(kind)
    if get_origin(kind) is dict:
        return isinstance(value, dict) and all(_fits(k, of[0]) and _fits(v, of[1]) for k, v in value.items())
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_fits(part, of[0]) for part in value)
    if kind is Any or of:
        return kind is Any or any(_fits(value, one) for one in of)
    if isinstance(value, bool) or kind is not float:
        return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max  # NaN is not


def _wrong_types(entry: "RunRecord | CostRecord") -> Iterator[str]:
    """What is wrong with the types of a record, in words."""
    for each in fields(entry):
        if not _fits(value := getattr(entry, each.name), each.type):
            yield f"{each.name} is {type(value).__name__}, or holds what is not a number or text: wanted {each.type}"
    if _no_json(vars(entry)):  # all at once is quick; one by one names the culprit
        yield from (f"{name}: {why}" for name, value in vars(entry).items() if (why := _no_json(value)))


def _problems(record: RunRecord) -> Iterator[str]:
    """What is wrong with a record, in words."""
    yield from _wrong_types(record)
    done, scores, outcomes = record.status == "done", record.scores, record.outcomes
    right = outcomes.count("1") / max(len(outcomes), 1)
    contradictions = {
        "benchmark, condition and arm are names of letters, digits, `_` and `-`": not all(
            map(_NAME.fullmatch, (record.benchmark, record.condition, record.arm))
        ),
        f"flops holds {sorted(record.flops)}, wanted allowed and spent": set(record.flops) != {"allowed", "spent"},
        f"stamp holds {sorted(record.stamp)}, wanted configuration, code and data": set(record.stamp)
        != {"configuration", "code", "data"},
        "outcomes hold characters other than 0 and 1": set(outcomes) - set("01"),
        f"status is {record.status!r}, wanted 'done' or 'not run'": record.status not in ("done", "not run"),
        "not run wants a reason, no score": not done and (not record.reason or scores or outcomes),
        "a run that is done wants an accuracy in its scores": done and "accuracy" not in scores,
        f"data holds {sorted(record.data)}, wanted synthetic and split": done
        and {"synthetic", "split"} - record.data.keys(),
        "the accuracy is not the share of right outcomes": outcomes and abs(right - scores.get("accuracy", -1)) > 1e-6,
    }
    yield from (words for words, holds in contradictions.items() if holds)
