"""A report as arXiv takes it: sources flat in one folder, and tables, records and configuration below anc/."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hsokv.archive.preflight import figures_of, preflight
from hsokv.archive.tarball import pack
from hsokv.exceptions import ArchiveError
from hsokv.records import record_files
from hsokv.reporting.pdf import FIGURES, typeset

SOURCES = ("report.tex", "numbers.tex", "report.bbl", "references.bib")


def pack_arxiv(results: Path, configuration: Mapping[str, Any], path: Path) -> list[str]:
    """Write the submission made of a results folder; return what TeX complained of when it was tried.

    It is typeset from an empty folder first, with the bibliography that it carries. No 00README: there is one file
    with \\documentclass, and pdflatex is arXiv's default.

    Raises:
        ArchiveError: it breaks a rule of arXiv; nothing is written.
        HsokvError: it cannot be typeset, or there is no TeX.
    """
    members = submission(results, configuration)
    if broken := preflight(members):
        raise ArchiveError(f"arXiv would refuse the report: {'; '.join(broken)}")
    with TemporaryDirectory() as scratch:
        for name, content in members.items():
            if "/" not in name:
                (Path(scratch) / name).write_bytes(content)
        complaints = typeset(Path(scratch) / SOURCES[0], bibtex=False)
    pack(path, members)
    return complaints


def submission(results: Path, configuration: Mapping[str, Any]) -> dict[str, bytes]:
    """Bytes of every file of a submission by name; raises ArchiveError where one that is needed is not there.

    The records stand in one file, anc/records.jsonl, one a line, in the order of their files.
    """
    members = {name: _read(results / "report" / name) for name in SOURCES}
    for figure in figures_of(members["report.tex"].decode()):
        places = [results / part for part in FIGURES]
        folder = next((place for place in places if (place / f"{figure}.pdf").exists()), places[0])
        members[f"{figure}.pdf"] = _read(folder / f"{figure}.pdf")
    for table in sorted((results / "tables").glob("*.csv")):
        members[f"anc/{table.name}"] = table.read_bytes()
    members["anc/records.jsonl"] = b"".join(path.read_bytes() for path in record_files(results / "records"))
    members["anc/provenance.json"] = _read(results / "report" / "provenance.json")
    members["anc/configuration.json"] = configuration_text(configuration).encode()
    return members


def configuration_text(configuration: Mapping[str, Any]) -> str:
    """The configuration as it was in force, as JSON: an overlay that gives the same study."""
    return json.dumps(configuration, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArchiveError(
            f"wanted {path} ({error.strerror}); make the report first, where TeX is installed"
        ) from error
