"""What a run leaves: one JSON file of results, the same bytes on every run, and beside it one of costs.

Results are sealed with a checksum of their own, as measurements that are kept are: see `write_sealed`.
"""

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hsokv.exceptions import RecordError
from hsokv.files import parse_json, write_json

FORMAT = "hsokv-record/2"
ROOT = "results/records"
_REMAKE = "delete the file and run the same snakemake command again"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")  # no dot: names are parts of paths and of the ledger's dotted keys


@dataclass(frozen=True)
class RunRecord:
    """One run of one arm: benchmark, condition, arm and seed name it, the rest is what it found.

    `scores` are plain numbers (accuracy in 0..1, log_loss in nats); `outcomes` holds one character a test example,
    "1" for right, in the order that every arm of the same benchmark, condition and seed shares; a run that could not
    be made has status "not run", its reason, and no score. A record that contradicts itself is never built.

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
        if problem := _problem(self):
            raise RecordError(f"record {self.benchmark}/{self.condition}/{self.arm}/seed{self.seed}: {problem}")


@dataclass(frozen=True)
class CostRecord:
    """What a run cost: wall seconds, peak memory in bytes of its process so far, and where; never hashed."""

    wall_seconds: float
    peak_memory_bytes: int
    host: str
    device: str
    threads: int


def record_path(benchmark: str, condition: str, arm: str, seed: int, root: str | Path = ROOT) -> Path:
    """Where the record of a run lies: `{root}/{benchmark}/{condition}/{arm}/seed{seed}.json`.

    >>> record_path("sst2", "shots16", "knn", 13).as_posix()
    'results/records/sst2/shots16/knn/seed13.json'
    """
    for name in (benchmark, condition, arm):
        if not _NAME.fullmatch(name):
            raise RecordError(f"wanted a name of letters, digits, `_` and `-`, came {name!r}: rename it")
    return Path(root) / benchmark / condition / arm / f"seed{seed}.json"


def cost_path(path: str | Path) -> Path:
    """The cost record that lies beside the record at `path`.

    >>> cost_path("knn/seed13.json").as_posix()
    'knn/seed13.cost.json'
    """
    return Path(path).with_suffix(".cost.json")


def write_record(record: RunRecord, cost: CostRecord | None = None, root: str | Path = ROOT) -> Path:
    """Write a record to its place under `root`, and its cost, if given, beside it; returns the record's path."""
    path = record_path(record.benchmark, record.condition, record.arm, record.seed, root)
    if cost is not None:
        write_json(cost_path(path), asdict(cost))
    write_sealed(path, {"format": FORMAT, **asdict(record)})
    return path


def read_record(path: str | Path) -> RunRecord:
    """Read the record at `path`.

    Raises:
        RecordError: the file is not there, damaged, of another format, or the record of another run than its path says.
    """
    path = Path(path)
    content = _read(path, {"format", "sha256", *(field.name for field in fields(RunRecord))})
    if content["format"] != FORMAT:
        raise RecordError(f"{path}: wanted a record of format {FORMAT!r}, came another: {_REMAKE}")
    try:
        record = RunRecord(**{key: value for key, value in content.items() if key not in ("format", "sha256")})
        place = record_path(record.benchmark, record.condition, record.arm, record.seed, "")
    except RecordError as error:
        raise RecordError(f"{path}: {error}: {_REMAKE}") from error
    if path.absolute().parts[-4:] != place.parts:
        raise RecordError(f"{path}: holds the record of another run, {place}: {_REMAKE}")
    _check_seal(path, content)
    return record


def write_sealed(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object atomically, and in it the checksum of its content.

    So a flipped bit in a number is found that nothing else contradicts.
    """
    write_json(path, content | {"sha256": _digest(content)})


def read_sealed(path: Path) -> dict[str, Any]:
    """Read what `write_sealed` wrote, without its checksum.

    Raises:
        RecordError: the file is not there, damaged, without a checksum (of an earlier version), or was changed.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "x.json"
    >>> write_sealed(target, {"a": [0.5]}); read_sealed(target)
    {'a': [0.5]}
    """
    content = _read(path)
    if "sha256" not in content:
        raise RecordError(f"{path}: wanted a checksum of its content, came none, so no damage could be seen: {_REMAKE}")
    _check_seal(path, content)
    return {key: value for key, value in content.items() if key != "sha256"}


def read_cost(path: str | Path) -> CostRecord:
    """Read the cost that lies beside the record at `path`; a RecordError says what is wrong with it."""
    path = cost_path(path)
    return CostRecord(**_read(path, {field.name for field in fields(CostRecord)}))


def _check_seal(path: Path, content: dict[str, Any]) -> None:
    if content["sha256"] != _digest({key: value for key, value in content.items() if key != "sha256"}):
        raise RecordError(f"{path}: a value in it was changed, since its checksum is another: {_REMAKE}")


def _read(path: Path, keys: set[str] | None = None) -> dict[str, Any]:
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecordError(f"{path}: not there: run `snakemake --cores 4 report` to make it") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{path}: not whole JSON ({error}): {_REMAKE}") from error
    if not isinstance(content, dict):
        raise RecordError(f"{path}: wanted a JSON object, came {type(content).__name__}: {_REMAKE}")
    if keys is None:
        return content
    if missing := sorted(keys - content.keys()):
        raise RecordError(f"{path}: misses {', '.join(missing)}: {_REMAKE}")
    if unknown := sorted(content.keys() - keys):
        raise RecordError(f"{path}: holds unknown keys {', '.join(unknown)}: {_REMAKE}")
    return content


def _digest(content: dict[str, Any]) -> str:
    """SHA-256 of a JSON object, however it is laid out."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _problem(record: RunRecord) -> str | None:
    """The first thing wrong with a record, in words, or None."""
    for field in fields(record):
        value = getattr(record, field.name)
        kinds = (str, type(None)) if field.name == "reason" else getattr(field.type, "__origin__", field.type)
        if not isinstance(value, kinds) or (kinds is int and isinstance(value, bool)):
            return f"{field.name} is {type(value).__name__}, wanted {field.type}"
        if problem := _not_plain(value, field.name):
            return problem
    numbers = [*record.scores.values(), *(value for curve in record.curves.values() for value in curve)]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers):
        return "scores and curves hold something that is not a number"
    if set(record.flops) != {"allowed", "spent"}:
        return f"flops holds {sorted(record.flops)}, wanted allowed and spent"
    if set(record.stamp) != {"configuration", "code", "data"}:
        return f"stamp holds {sorted(record.stamp)}, wanted configuration, code and data"
    if set(record.outcomes) - set("01"):
        return "outcomes hold characters other than 0 and 1"
    if record.status == "not run":
        return (
            None if record.reason and not record.scores and not record.outcomes else "not run wants a reason, no score"
        )
    if record.status != "done":
        return f"status is {record.status!r}, wanted 'done' or 'not run'"
    if "accuracy" not in record.scores:
        return "a run that is done wants an accuracy in its scores"
    if missing := {"synthetic", "evaluate_on"} - record.data.keys():
        return f"data misses {', '.join(sorted(missing))}"
    if record.outcomes and abs(record.outcomes.count("1") / len(record.outcomes) - record.scores["accuracy"]) > 1e-6:
        return "the accuracy is not the share of right outcomes"
    return None


def _not_plain(value: Any, where: str) -> str | None:
    """The first value that JSON cannot hold unchanged, in words, or None."""
    if isinstance(value, dict):
        if any(not isinstance(key, str) for key in value):
            return f"{where or 'the content'} has a key that is not a string"
        return next(filter(None, (_not_plain(item, f"{where}.{key}".lstrip(".")) for key, item in value.items())), None)
    if isinstance(value, list):
        return next(filter(None, (_not_plain(item, f"{where}[{i}]") for i, item in enumerate(value))), None)
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{where} is {value}: only finite numbers are kept"
    if value is None or isinstance(value, str | int):
        return None
    return f"{where} is a {type(value).__name__}: make it a plain number, string, list or dictionary"
