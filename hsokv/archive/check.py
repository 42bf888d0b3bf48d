"""An artifact on another machine: is it whole, are its records sound, does its report follow from them?"""

import contextlib
import filecmp
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pydantic import JsonValue

from hsokv.archive.artifact import COMMIT, CONFIGURATION
from hsokv.archive.manifest import check_manifest, read_manifest
from hsokv.archive.tarball import check_name, unpack
from hsokv.exceptions import ArchiveError, HsokvError
from hsokv.files import read_json
from hsokv.records import read_records, record_files


class Artifact(NamedTuple):
    """An unpacked artifact: its folder, its results below that, its commit, and how many files and records it holds."""

    folder: Path
    results: Path
    commit: str
    files: int
    records: int


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Artifact]:
    """Unpack an artifact to a temporary folder, check it, and take it away again; raises as `check` does.

    Errors, those of the block too, name files as they are called in the artifact.
    """
    with TemporaryDirectory() as scratch:
        unpack(path, Path(scratch))
        first, *others = sorted(Path(scratch).iterdir()) or [path]
        if others or not first.is_dir():
            raise ArchiveError(f"{path}: wanted one folder in it and nothing else: not an artifact of a study")
        try:
            yield check(first)
        except HsokvError as error:
            raise type(error)(str(error).replace(f"{first}/", "")) from error


def check(folder: Path) -> Artifact:
    """Hold every file of an unpacked artifact against its manifest, and read every record.

    Raises:
        ArchiveError: a file that is missing, changed or not listed, of which the first few are named; no records.
        RecordError: a record that contradicts itself.
    """
    if wrong := check_manifest(folder):
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ArchiveError(f"{folder.name}: not as its manifest says: {'; '.join(wrong[:5])}{more}: fetch it again")
    configuration = _read(folder / CONFIGURATION, "results")
    root = _below(CONFIGURATION, configuration["results"])
    if not (records := sum(len(read_records(path)) for path in record_files(folder / root / "records"))):
        raise ArchiveError(f"{root / 'records'}: no records in it: not the results of a study that ended")
    if not (folder / COMMIT).is_file():
        raise ArchiveError(f"{COMMIT}: not there: not an artifact of a study")
    commit = (folder / COMMIT).read_text(encoding="utf-8", errors="replace").strip()
    return Artifact(folder, folder / root, commit, len(read_manifest(folder)), records)


def rebuild(artifact: Artifact, output: Path) -> list[str]:
    """Make statistics, tables, figures and pages of an artifact again from its records, in `output`, by this package.

    Templates come from the artifact and are rendered in a sandbox; nothing else of it is run. Returns the names of
    the files that came out otherwise than they stand in it.
    """
    from hsokv.analysis.statistics import compute
    from hsokv.report.document import write_report, write_tables
    from hsokv.report.figures import draw
    from hsokv.report.provenance import Context

    document = _read(artifact.results / "report" / "provenance.json", "records", "measured", *Context._fields)
    records, measured = (
        [_below("provenance.json", path) for path in document[kind]] for kind in ("records", "measured")
    )
    statistics, figures = output / "statistics", output / "figures"
    try:
        with contextlib.chdir(artifact.folder):  # frames name the files of records as the study did
            scaling, time = ([path for path in measured if path.parent.name == name] for name in ("scaling", "time"))
            compute(records, document["study"], statistics, scaling, time)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ArchiveError(f"provenance.json: its study is not that of these records: {error!r}") from error
    write_tables(
        statistics, [output / "tables" / path.name for path in sorted((artifact.results / "tables").glob("*.*"))]
    )
    draw(statistics, [figures / path.name for path in sorted((artifact.results / "figures").glob("*.*"))])
    write_report(
        statistics=statistics,
        records=document["records"],
        templates=artifact.folder / "report",
        figures=figures,
        output=output / "report",
        context=Context(*(document[name] for name in Context._fields)),
        measured=document["measured"],
        base=artifact.folder,
    )
    made = [path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()]
    _, other, absent = filecmp.cmpfiles(output, artifact.results, made, shallow=False)
    return sorted(other + absent)


def _below(file: str, path: object) -> Path:
    """A path that a file of the artifact names; raises ArchiveError where it leads out of the folder."""
    try:
        check_name(str(path))
    except ArchiveError as error:
        raise ArchiveError(f"{file}: {error}: do not trust it") from error
    return Path(str(path))


def _read(path: Path, *keys: str) -> dict[str, JsonValue]:
    """The JSON object in a file, which has these keys."""
    try:
        content = read_json(path)
    except HsokvError as error:
        raise ArchiveError(f"{error}: not the results of a study that ended") from error
    if not isinstance(content, dict) or (absent := keys - content.keys()):
        wanted = ", ".join(sorted(absent if isinstance(content, dict) else keys))
        raise ArchiveError(f"{path.name}: wanted a map with {wanted}: not the results of a study that ended")
    return content
