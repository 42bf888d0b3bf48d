"""`hsokv data list | fetch | verify`: the data of the study on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from hsokv.cli.common import Json, Root, print_json
from hsokv.data.catalogue import SOURCES, find_source
from hsokv.data.sources import fetch, locate, verify
from hsokv.exceptions import HsokvError
from hsokv.machine import cache_folder, data_root

group = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Real data: what there is, where it is, download."
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A data set of `hsokv data list`.")]


@group.command("list", short_help="Known data sets, and what is on this machine.")
def list_data(root: Root = None, as_json: Json = False) -> None:
    """Known data sets, where they come from, their terms, and what is on this machine."""
    keys = ("url", "bytes", "licence", "terms", "citation")
    told = {name: {key: getattr(source, key) for key in keys} for name, source in sorted(SOURCES.items())}
    rows = [found(name, data_root(root)) | terms for name, terms in told.items()]
    if as_json:
        return print_json(rows)
    for row in rows:
        typer.echo(f"{row['name']}: {row['found']}")
        shown = row | {"bytes": f"{row['bytes']:,}"}
        for key in ("folder", *keys):
            if shown[key]:
                typer.echo(f"  {key}: {shown[key]}")
    return None


@group.command("fetch", short_help="Download a data set and check it.")
def fetch_data(name: Name) -> None:
    """Download the official files of a data set, verify their checksums, and keep them in the cache."""
    files = fetch(find_source(name), cache_folder(), progress=True)
    for split, path in files.paths.items():
        typer.echo(f"{name} {split}: {path} ({files.kind})")


@group.command("verify", short_help="Compare files with official checksums.")
def verify_data(name: Name, root: Root = None, as_json: Json = False) -> None:
    """Compare the files of a data set with the official checksums; 1 where one is missing or damaged."""
    statuses = verify(find_source(name), data_root(root), cache_folder())
    if as_json:
        print_json([status._asdict() | {"file": str(status.file)} for status in statuses])
    else:
        for status in statuses:
            typer.echo(f"{status.status}: {status.file}" + (f" (SHA-256 {status.sha256})" if status.sha256 else ""))
    if any(status.status in ("missing", "damaged") for status in statuses):
        raise typer.Exit(1)


def found(name: str, folder: Path | None) -> dict[str, str | None]:
    """What is on this machine of a data set: its `name`, in words what was `found`, and in which `folder`."""
    cache = cache_folder()
    try:
        files = locate(SOURCES[name], folder, cache)
    except HsokvError as error:
        return {"name": name, "found": f"refused: {error}", "folder": None}
    if files is None:
        return {"name": name, "found": f"not on this machine (`hsokv data fetch {name}` downloads it)", "folder": None}
    return {"name": name, "found": files.kind, "folder": str(folder or cache)}
