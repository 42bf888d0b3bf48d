"""`hsokv trace` and `hsokv verify`: where a number of a study is from, and archives of it."""

from pathlib import Path
from typing import Annotated

import typer

from hsokv.cli.common import Json, print_json
from hsokv.exceptions import ArchiveError, HsokvError

Results = Annotated[Path, typer.Option(metavar="FOLDER", help="Of the results.")]


def trace(
    name: Annotated[str, typer.Argument(metavar="NUMBER", help="As a page prints it, or its key.")],
    results: Results = Path("results"),
    as_json: Json = False,
) -> None:
    """Follow a number of the report to its statistic, its records, the code and the command that makes it again."""
    from hsokv.archive.artifact import commit_of
    from hsokv.report.provenance import line_ranges
    from hsokv.report.provenance import trace as follow

    for path in (results / "report" / "provenance.json", results / "statistics" / "study.json"):
        if not path.exists():
            raise HsokvError(f"{path} is missing. Make the report first, or give --results.")
    found = follow(name, results / "statistics", results / "report" / "provenance.json")
    found["commit"] = commit_of(Path.cwd())
    if as_json:
        return print_json(found)
    typer.echo(f"{found['key']} = {found['text']} {found['unit']}".rstrip() + f" (kept as {found['value']})")
    if found["interval"]:
        typer.echo(f"95 % interval: {found['interval'][0]} to {found['interval'][1]}")
    typer.echo(f"rule: {found['rule']}; seeds: {', '.join(map(str, found['seeds'])) or 'none'}")
    row = "" if found["row"] is None else f", row {found['row'] + 1}"
    file = "study.json" if found["frame"] == "study" else f"{found['frame']}.csv"
    typer.echo(f"stands in: {results / 'statistics' / file}{row}, {found['column']}")
    typer.echo(f"printed in the report: {'yes' if found['printed'] else 'no'}")
    typer.echo(f"files of records: {len(found['records'])}")
    for record in found["records"]:
        typer.echo(f"  {record['path']} lines {line_ranges(record['lines'])}, SHA-256 {record['sha256']}")
    typer.echo(f"configuration: SHA-256 {found['digest']}")
    typer.echo(f"code: commit {found['commit']}; digest in the records {', '.join(found['codes']) or 'none'}")
    typer.echo(f"versions: {', '.join(f'{program} {version}' for program, version in found['versions'].items())}")
    typer.echo(f"to make it again: {found['command']}")
    return None


def verify(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="An artifact, hsokv-<version>.tar.gz.")],
    rebuild: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Make its report again from its records, here.")
    ] = None,
) -> None:
    """Check an artifact: every file against its manifest, every record; and that its report follows from them."""
    from hsokv.archive import check

    if rebuild and rebuild.exists() and (not rebuild.is_dir() or any(rebuild.iterdir())):
        raise ArchiveError(f"--rebuild: wanted an empty or a new folder, came {rebuild}; choose another")
    with check.unpacked(archive) as artifact:
        typer.echo(f"whole: {artifact.files} files as the manifest says, {artifact.records} records sound")
        typer.echo(f"commit: {artifact.commit}")
        if rebuild:
            other = check.rebuild(artifact, rebuild)
            typer.echo(f"report: made again in {rebuild / 'report'}")
            if other:
                raise ArchiveError(
                    f"made again otherwise than in the archive: {', '.join(other)}; compare the versions of programs"
                )
            typer.echo("statistics, tables, figures and pages: the same bytes")
