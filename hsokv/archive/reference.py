"""A reference run for the repository's docs: the report in Markdown, its figures and tables, and a manifest of them."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import JsonValue

from hsokv.archive import manifest
from hsokv.exceptions import ArchiveError
from hsokv.files import read_json, write_bytes

LARGEST = 9_000_000
"""Bytes of all files together that a repository should carry."""


def write_reference(results: Path, folder: Path, command: str) -> None:
    """Write report.md, report.html, figures/*.png, tables/*.csv, README.md and MANIFEST.sha256 into `folder`, and
    nothing else.

    Raises:
        ArchiveError: a small run, a run that was not timed, or more bytes than a repository should carry.
    """
    statistics, document = (read_json(results / name) for name in ("statistics/study.json", "report/provenance.json"))
    if statistics["small"] or not statistics["time"]:
        raise ArchiveError("reference: wanted the whole study, came a small run: run `make report` first")
    members = {"report.md": (results / "report/report.md").read_bytes().replace(b"](../", b"](")}
    members |= {f"figures/{path.name}": path.read_bytes() for path in sorted((results / "figures").glob("*.png"))}
    members |= {f"tables/{path.name}": path.read_bytes() for path in sorted((results / "tables").glob("*.csv"))}
    members["report.html"] = (results / "report/report.html").read_bytes()
    members["README.md"] = _readme(statistics, document, command).encode()
    members[manifest.NAME] = manifest.manifest(members).encode()
    if (size := sum(map(len, members.values()))) > LARGEST:
        raise ArchiveError(f"reference: wanted at most {LARGEST} bytes, came {size}: draw figures with fewer points")
    with TemporaryDirectory(dir=folder.parent, prefix=".reference") as scratch:
        for name, content in members.items():
            write_bytes(Path(scratch) / "new" / name, content)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(Path(scratch) / "new", folder)


def _readme(statistics: dict[str, JsonValue], document: dict[str, JsonValue], command: str) -> str:
    time, runs = statistics["time"], statistics["runs"]
    machine = ", ".join(value for value in time["machine"].values() if value)
    took = f"{time['minutes']:.1f} minutes to its statistics" if time["minutes"] else "a time that was not measured"
    versions = ", ".join(f"{program} {version}" for program, version in document["versions"].items())
    return f"""# A reference run

[The report](report.md) of `{command}`, its figures and its tables, as one machine made them. In
[report.html](report.html), opened in a browser, every number tells where it is from.

- Test set: {statistics["split"]}. {runs["done"]} of {runs["expected"]} runs were made.
- Machine: {machine}; {time["cores"]} cores, {took}.
- Programs: {versions}.
- Configuration: SHA-256 `{document["digest"]}`.

`sha256sum -c {manifest.NAME}` checks the files; `snakemake reference` makes them again.
"""
