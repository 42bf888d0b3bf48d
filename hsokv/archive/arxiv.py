"""A report as arXiv takes it: sources flat in one folder, and tables, records and configuration below anc/.

arXiv compiles with pdflatex from the root of the archive and takes the bibliography from the .bbl beside the source.
"""

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from hsokv.archive.tarball import pack
from hsokv.definitions import Configuration
from hsokv.exceptions import ArchiveError
from hsokv.records import record_files
from hsokv.report.pdf import overfull, typeset

SOURCES = ("report.tex", "report.bbl", "references.bib")
_GRAPHICS = re.compile(r"^[^%\n]*\\includegraphics(?:\[[^\]]*\])?\{([^}]*)\}", re.MULTILINE)


def pack_arxiv(results: Path, configuration: Configuration, path: Path) -> list[str]:
    """Write the submission made of a results folder; return what TeX complained of when it was tried.

    It is typeset from an empty folder first, with the bibliography that it carries: TeX finds what is missing. No
    00README: there is one file with \\documentclass, and pdflatex is arXiv's default.

    Raises:
        ArchiveError: a box leaves the page; nothing is written.
        HsokvError: it cannot be typeset, or there is no TeX.
    """
    members = submission(results, configuration)
    with TemporaryDirectory() as scratch:
        for name, content in members.items():
            if "/" not in name:
                (Path(scratch) / name).write_bytes(content)
        complaints = typeset(Path(scratch) / SOURCES[0], bibtex=False)
    if boxes := overfull(complaints):
        raise ArchiveError(f"{len(boxes)} boxes of the report leave the page, the first: {boxes[0]}. Shorten its text.")
    pack(path, members)
    return complaints


def submission(results: Path, configuration: Configuration) -> dict[str, bytes]:
    """Bytes of every file of a submission by name; raises ArchiveError where one that is needed is not there.

    The records stand in one file, anc/records.jsonl, one a line, in the order of their files.
    """
    members = {name: _read(results / "report" / name) for name in SOURCES}
    for figure in _GRAPHICS.findall(members["report.tex"].decode()):
        members[f"{figure}.pdf"] = _read(results / "figures" / f"{figure}.pdf")
    for table in sorted((results / "tables").glob("*.csv")):
        members[f"anc/{table.name}"] = table.read_bytes()
    members["anc/records.jsonl"] = b"".join(path.read_bytes() for path in record_files(results / "records"))
    members["anc/provenance.json"] = _read(results / "report" / "provenance.json")
    members["anc/configuration.json"] = configuration_text(configuration).encode()
    return members


def configuration_text(configuration: Configuration) -> str:
    """The configuration as it was in force, as JSON: an overlay that gives the same study."""
    return json.dumps(configuration, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArchiveError(
            f"wanted {path} ({error.strerror}); make the report first, where TeX is installed"
        ) from error
