"""Single runs in the files of records, for tests."""

from collections.abc import Iterable
from pathlib import Path

from hsokv.records import RunRecord, read_records, records_path, write_lines


def read_run(benchmark: str, condition: str, arm: str, seed: int, root: Path) -> RunRecord:
    """The record of one run below `root`."""
    (found,) = (
        record
        for record in read_records(records_path(benchmark, arm, root))
        if (record.condition, record.seed) == (condition, seed)
    )
    return found


def write_runs(records: Iterable[RunRecord], root: Path) -> list[Path]:
    """Write a file an arm and benchmark below `root`; returns the files."""
    files: dict[Path, list[RunRecord]] = {}
    for record in records:
        files.setdefault(records_path(record.benchmark, record.arm, root), []).append(record)
    for path, lines in files.items():
        write_lines(path, lines)
    return list(files)
