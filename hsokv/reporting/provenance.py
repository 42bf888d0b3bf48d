"""Where each printed number is from: page, statistic, records and their checksums, configuration, versions."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from hsokv.exceptions import ConfigurationError, nearest
from hsokv.files import checksum

FORMAT = "hsokv-provenance/1"


def provenance(
    statistics: Mapping[str, Any],
    pages: Mapping[str, Iterable[str]],
    records: Iterable[str],
    files: Iterable[Path],
    context: Mapping[str, Any],
    base: Path = Path(),
) -> dict[str, Any]:
    """The document that is kept as results/report/provenance.json.

    Args:
        statistics: their document, with the ledger under `numbers`.
        pages: the keys that each page prints.
        records: paths of the records below `base`, as the ledger's sources name them.
        files: the documents of statistics, whose checksums are kept.
        context: `study`, `paper`, `digest`, `overlays` and `versions`: what all was made with, to make it again.
    """
    printed: dict[str, list[str]] = {}
    for page in sorted(pages):
        for key in pages[page]:
            printed.setdefault(key, []).append(page)
    return {
        "format": FORMAT,
        **context,
        "records": {path: checksum(base / path) for path in sorted(records)},
        "statistics": {path.name: checksum(path) for path in files},
        "numbers": {key: {**statistics["numbers"][key], "pages": printed[key]} for key in sorted(printed)},
    }


def trace(name: str, statistics: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """All that is known of the number called `name`, on a page or in a table: entry, pages, records by path.

    Raises:
        ConfigurationError: there is no such number; where pages print a number of that text, its names are given.
    """
    if name not in statistics["numbers"]:
        same = [key for key, entry in document["numbers"].items() if entry["text"] == name]
        raise ConfigurationError(
            f"no number is named {name!r}"
            + (f"; numbers printed so: {', '.join(same)}" if same else nearest(name, statistics["numbers"]))
        )
    entry = statistics["numbers"][name]
    return {
        "name": name,
        **entry,
        "pages": document["numbers"].get(name, {}).get("pages", []),
        "records": {
            path: digest
            for path, digest in (document["records"] | document["scaling"] | document["time"]).items()
            if any(_matches(path, source) for source in entry["sources"])
        },
    }


def _matches(path: str, source: str) -> bool:
    """Whether a record is one of a source's, in which `*` stands for any arm.

    >>> _matches("results/records/a/full.jsonl", "results/records/a/*.jsonl")
    True
    """
    there, wanted = path.split("/"), source.split("/")
    return len(there) == len(wanted) and all(map(fnmatchcase, there, wanted))
