"""The records of a study: JSON lines, one file an arm and benchmark, one line a run; costs stand beside.

A line is compact JSON with sorted keys and a checksum of its content, so that the same run gives the same bytes.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import ConfigDict, Field, JsonValue, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from hsokv.exceptions import RecordError
from hsokv.files import parse_json, write_bytes, write_json, writing

FORMAT = "hsokv-record/3"
ROOT = "results/records"
_REMAKE = "delete the file and run the same snakemake command again"
_NAME = "^[A-Za-z0-9][A-Za-z0-9_-]*$"  # no dot: names are parts of paths and of dotted keys
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

Name = Annotated[str, Field(pattern=_NAME)]


class _Entry:
    """What is refused by a RecordError when it is built."""

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, given: ArgsKwargs, build: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            entry = build(given)
        except ValidationError as error:
            first = error.errors()[0]
            raise RecordError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        if problem := next(entry._contradictions(), None):
            raise RecordError(problem)
        return entry

    def _contradictions(self) -> Iterator[str]:
        yield from ()


@dataclass(frozen=True, config=_STRICT)
class RunRecord(_Entry):
    """One run of one arm: benchmark, condition, arm and seed name the run, the other fields are its results.

    `scores` are plain numbers (accuracy in 0..1, log_loss in nats); `outcomes` holds one character a test example,
    "1" for right, in the order that every arm of the same benchmark, condition and seed shares; `stamp` holds digests
    of what the run was made from. A run that could not be made has status "not run", its reason, and no score.

    Raises:
        RecordError: a field is of the wrong type, not finite, not plain JSON, or contradicts another.
    """

    benchmark: Name
    condition: Name
    arm: Name
    seed: int
    status: Literal["done", "not run"]
    reason: str | None
    configuration: dict[str, JsonValue]
    stamp: dict[str, str]
    version: str
    data: dict[str, JsonValue]
    flops: dict[str, int]
    scores: dict[str, float | int]
    outcomes: Annotated[str, Field(pattern="^[01]*$")]
    shared_test: bool
    curves: dict[str, list[float | int]]
    instruments: dict[str, JsonValue]

    def _contradictions(self) -> Iterator[str]:
        if self.flops.keys() != {"allowed", "spent"}:
            yield f"flops holds {sorted(self.flops)}, wanted allowed and spent"
        if self.stamp.keys() != {"configuration", "code", "data"}:
            yield f"stamp holds {sorted(self.stamp)}, wanted configuration, code and data"
        if self.status == "not run":
            if not self.reason or self.scores or self.outcomes:
                yield "status is not run, which wants a reason and no score"
        elif missing := ({"accuracy"} - self.scores.keys()) | ({"synthetic", "split"} - self.data.keys()):
            yield f"scores and data want {', '.join(sorted(missing))}"
        elif self.outcomes and abs(self.outcomes.count("1") / len(self.outcomes) - self.scores["accuracy"]) > 1e-6:
            yield "the accuracy is not the share of right outcomes"


@dataclass(frozen=True, config=_STRICT)
class CostRecord(_Entry):
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
    seconds: dict[str, Annotated[list[float], Field(min_length=1)]] = field(default_factory=dict)


Entry = TypeVar("Entry", RunRecord, CostRecord)


def records_path(benchmark: str, arm: str, root: str | Path = ROOT) -> Path:
    """The file that holds every run of an arm on a benchmark: `{root}/{benchmark}/{arm}.jsonl`.

    >>> records_path("sst2", "knn").as_posix()
    'results/records/sst2/knn.jsonl'
    """
    for name in (benchmark, arm):
        if not re.fullmatch(_NAME, name):
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


def read_sealed(path: Path) -> dict[str, JsonValue]:
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
    return kind(**content)


def _object(text: bytes) -> dict[str, JsonValue]:
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


def _unsealed(text: bytes) -> dict[str, JsonValue]:
    content = _object(text)
    if (checksum := content.pop("sha256", None)) is None:
        raise RecordError("wanted a checksum of its content, came none, so no damage could be seen")
    if checksum != _sealed(content)["sha256"]:
        raise RecordError("a value in it was changed, since its checksum is another")
    return content
