"""Where each printed number is from: its cell, the runs behind it with their files and lines, code, and the command."""

import shlex
from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from hsokv.analysis.frames import Config, Study
from hsokv.analysis.numbers import Number, Numbers
from hsokv.definitions import Paper
from hsokv.exceptions import ConfigurationError
from hsokv.files import checksum, read_json
from hsokv.report.cells import INTERVALS

FORMAT = "hsokv-provenance/2"


class Context(NamedTuple):
    """What a report is made with beside frames and records, kept to make it again: the study as it was analysed, what
    the configuration says of the paper, its digest, the overlays by name, and the versions of programs."""

    study: Config
    paper: Paper
    digest: str
    overlays: list[str]
    versions: dict[str, str]


def provenance(
    study: Study,
    numbers: Mapping[str, Number],
    printed: Iterable[str],
    files: Mapping[str, Iterable[str]],
    context: Context,
    base: Path,
) -> dict[str, object]:
    """The document that is kept as results/report/provenance.json, and that the HTML report carries.

    Args:
        printed: keys of the numbers that the report prints.
        files: paths below `base` whose checksums are kept, by kind: records and measured.
    """
    # What many numbers share, by its index.
    shared: dict[str, dict[str, int]] = {"units": {}, "rules": {}, "paths": {}}

    def index(kind: str, value: str) -> int:
        return shared[kind].setdefault(value, len(shared[kind]))

    entries = {}
    for key in sorted(set(printed)):
        number = numbers[key]
        entry = [number.value, index("units", number.unit), index("rules", number.rule), _cell(number)]
        entry.append([[index("paths", path), line_ranges(lines)] for path, lines in number.records])
        ends = interval_of(key, numbers)
        entries[key] = [
            *entry,
            *([ends, number.reason and f"{number.status}: {number.reason}"] if ends or number.reason else []),
        ]
    codes = _codes(study)
    return {
        "format": FORMAT,
        **context._asdict(),
        **{kind: {path: checksum(base / path) for path in sorted(paths)} for kind, paths in files.items()},
        "codes": [codes.get(path, []) for path in shared["paths"]],
        **{kind: list(values) for kind, values in shared.items()},
        "numbers": entries,
    }


def interval_of(key: str, numbers: Mapping[str, Number]) -> list[float] | None:
    """The ends of a number's interval, None where it has none."""
    stem, _, last = key.rpartition(".")
    keys = [f"{stem}.{end}" for end in INTERVALS.get(last, ())]
    ends = [numbers[end].value for end in keys if end in numbers]
    return ends if len(ends) == 2 and None not in ends else None


def command(overlays: Collection[str], records: Iterable[str] = ()) -> str:
    """What makes a number again: without its records, where they are given, from its runs on."""
    remade = shlex.join(["snakemake", "--cores", "4", "report", *(["--configfile", *overlays] if overlays else [])])
    removed = sorted(records)
    return f"{shlex.join(['rm', *removed])} && {remade}" if removed else remade


def trace(key: str, statistics: Path, document: Path) -> dict[str, JsonValue]:
    """All that is known of the number called `key`.

    Args:
        statistics: the folder results/statistics.
        document: results/report/provenance.json.

    Returns:
        The fields of its `Number`, and `key`, `interval`, `printed` (whether the report prints it), `records` (path,
        lines, checksum), `codes`, `digest`, `versions` and `command`.

    Raises:
        ConfigurationError: there is no such number; where numbers of that text are printed, their keys are given.
            The document is not that of a report.
        RecordError: the statistics are damaged.
    """
    study, kept = Study.read(statistics), read_json(document)
    if not isinstance(kept, dict) or not kept.keys() >= {"numbers", "records", "digest", "versions", "overlays"}:
        raise ConfigurationError(f"{document} is not the provenance of a report. Make the report again.")
    numbers = Numbers(study)
    if key not in numbers and (same := [other for other in kept["numbers"] if numbers[other].text == key]):
        raise ConfigurationError(f"No number is named {key!r}. Numbers printed so: {', '.join(same)}.")
    number = numbers[key]
    codes = _codes(study)
    return number._asdict() | {
        "key": key,
        "interval": interval_of(key, numbers),
        "printed": key in kept["numbers"],
        "records": [
            {"path": path, "lines": list(lines), "sha256": kept["records"].get(path)} for path, lines in number.records
        ],
        "codes": sorted({code for path, _ in number.records for code in codes.get(path, [])}),
        "digest": kept["digest"],
        "versions": kept["versions"],
        "command": command(kept["overlays"], (path for path, _ in number.records)),
    }


def _codes(study: Study) -> dict[str, list[str]]:
    runs = study.runs[study.runs["code"] != ""]
    return {path: sorted(codes.unique()) for path, codes in runs.groupby("path")["code"]}


def _cell(number: Number) -> str:
    """Where a number stands: the row counts from 1 below the heading."""
    row = "" if number.row is None else f"row {number.row + 1}, "
    file = "study.json" if number.frame == "study" else f"{number.frame}.csv"
    return f"{file}: {row}{number.column}"


def line_ranges(lines: Iterable[int]) -> str:
    """Lines in short.

    >>> line_ranges([1, 2, 3, 7])
    '1-3, 7'
    """
    runs = [[*run] for _, run in groupby(enumerate(sorted(lines)), lambda place: place[1] - place[0])]
    ends = [(run[0][1], run[-1][1]) for run in runs]
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ends)
