"""The command line: `hsokv data list | fetch | verify` and `hsokv doctor`. Exit codes: 0 good, 1 refused, 2 usage."""

import json
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hsokv.data.catalogue import SOURCES, find_source
from hsokv.data.sources import cache_folder, data_root, fetch, locate, verify
from hsokv.exceptions import DataUnavailableError, HsokvError
from hsokv.model.text_encoder import resolve_text_encoder

ENCODER = "text encoder"
NEEDS = {
    "rare_words": (),
    "sst2": ("sst2", ENCODER),
    "sst2_synthetic": (ENCODER,),
    "mnli": ("mnli", ENCODER),
    "mnli_synthetic": (ENCODER,),
    "split_cifar10": ("cifar10",),
    "split_cifar10_synthetic": (),
}
"""The benchmarks of the study, and what each has to find on this machine or on the network."""


class _Group(TyperGroup):
    """Shows an error meant for a person as one message without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except HsokvError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(cls=_Group, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
data = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Real data: what there is, where it is, download.")
app.add_typer(data, name="data")

Name = Annotated[str, typer.Argument(help="A data set of `hsokv data list`.")]
Root = Annotated[Path | None, typer.Option(help="Folder of your own copies (default: HSOKV_DATA_DIR).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.callback()
def _main() -> None:
    """Hierarchical swarm with key-value memory: helpers of the study."""


@data.command("list")
def list_data(root: Root = None, as_json: Json = False) -> None:
    """Known data sets, where they come from, their terms, and what is on this machine."""
    rows = [_found(name, data_root(root)) | _terms(name) for name in sorted(SOURCES)]
    if as_json:
        return _print_json(rows)
    for row in rows:
        typer.echo(f"{row['name']}: {row['found']}")
        for key in ("folder", "url", "bytes", "licence", "terms", "citation"):
            typer.echo(f"  {key}: {row[key]}")
    return None


@data.command("fetch")
def fetch_data(name: Name) -> None:
    """Download the official files of a data set, verify their checksums, and keep them in the cache."""
    files = fetch(find_source(name), cache_folder(), progress=True)
    for split, path in files.paths.items():
        typer.echo(f"{name} {split}: {path} ({files.kind})")


@data.command("verify")
def verify_data(name: Name, root: Root = None, as_json: Json = False) -> None:
    """Compare the files of a data set with the official checksums; 1 where one is missing or damaged."""
    statuses = verify(find_source(name), data_root(root), cache_folder())
    if as_json:
        _print_json([status._asdict() | {"file": str(status.file)} for status in statuses])
    else:
        for status in statuses:
            typer.echo(f"{status.status}: {status.file}" + (f" (SHA-256 {status.sha256})" if status.sha256 else ""))
    if any(status.status in ("missing", "damaged") for status in statuses):
        raise typer.Exit(1)


@app.command()
def doctor(root: Root = None, as_json: Json = False) -> None:
    """What this machine has, and what a study will therefore run or not run; 1 where something is damaged."""
    folder = data_root(root)
    found = [_found(name, folder) for name in sorted(SOURCES)]
    encoder = _encoder() | {"name": ENCODER}
    rows = {row["name"]: row for row in (*found, encoder)}
    benchmarks = {name: _verdict(*(rows[need] for need in needs)) for name, needs in NEEDS.items()}
    pdf = shutil.which("latexmk") and shutil.which("pdflatex")
    report = {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "torch": _version("torch"),
        "tex": pdf,
        "data": found,
        "encoder": encoder,
        "benchmarks": benchmarks,
        "report": "PDF, TeX and Markdown"
        if pdf
        else "TeX and Markdown, no PDF: latexmk and pdflatex are not both installed",
    }
    if as_json:
        _print_json(report)
    else:
        for key in ("python", "cores", "memory_gib", "torch", "tex"):
            typer.echo(f"{key.replace('_', ' ')}: {'none' if report[key] is None else report[key]}")
        for row in [*found, encoder]:
            typer.echo(f"{row['name']}: {row['found']}" + (f", in {row['folder']}" if row["folder"] else ""))
        for name, verdict in benchmarks.items():
            typer.echo(f"benchmark {name}: {verdict}")
        typer.echo(f"report: {report['report']}")
    if any(row["found"].startswith("refused") for row in [*found, encoder]):
        raise typer.Exit(1)


def _found(name: str, folder: Path | None) -> dict[str, str | None]:
    try:
        files = locate(name, folder, cache_folder())
    except HsokvError as error:
        return {"name": name, "found": f"refused: {error}", "folder": None}
    if files is None:
        return {"name": name, "found": f"not on this machine (`hsokv data fetch {name}` downloads it)", "folder": None}
    return {"name": name, "found": files.kind, "folder": str(folder or cache_folder())}


def _terms(name: str) -> dict[str, str | int]:
    source = SOURCES[name]
    return {key: getattr(source, key) for key in ("url", "bytes", "licence", "terms", "citation")}


def _encoder() -> dict[str, str | None]:
    try:
        files = resolve_text_encoder(download=False)
    except DataUnavailableError:
        return {"found": "not on this machine (a study downloads it)", "folder": None}
    except HsokvError as error:
        return {"found": f"refused: {error}", "folder": None}
    return {"found": files.origin, "folder": str(files.path)}


def _verdict(*needed: dict[str, str | None]) -> str:
    missing = [row for row in needed if row["folder"] is None]
    if refused := [row["found"] for row in missing if row["found"].startswith("refused")]:
        return f"stops with an error: {'; '.join(refused)}"
    names = " and ".join(row["name"] for row in missing)
    return f"will run if {names} can be downloaded, else says `not run`" if missing else "will run"


def _memory_gib() -> float | None:
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, sort_keys=True, indent=2))
