"""`hsokv doctor`: what this machine has, and what a study will therefore run or not run."""

import os
import platform
import shutil
from importlib import metadata

import typer

from hsokv.cli.common import Json, Root, print_json
from hsokv.cli.data import found as found_data
from hsokv.data.catalogue import SOURCES
from hsokv.encoders.files import MINILM, MPNET, EncoderSource, resolve_encoder
from hsokv.exceptions import DataUnavailableError, HsokvError
from hsokv.machine import data_root

ENCODER = f"text encoder {MINILM.name}"
NEEDS = {
    "rare_words": (),
    "sst2": ("sst2", ENCODER),
    "sst2_synthetic": (ENCODER,),
    "mnli": ("mnli", ENCODER),
    "mnli_synthetic": (ENCODER,),
    "split_cifar10": ("cifar10",),
    "split_cifar10_synthetic": (),
    "intent_life": ("clinc150", ENCODER),
}
"""The benchmarks of the study, and what each has to find on this machine or on the network."""


def doctor(root: Root = None, as_json: Json = False) -> None:
    """What this machine has, and what a study will therefore run or not run; 1 where something is damaged."""
    folder = data_root(root)
    needed = {need for needs in NEEDS.values() for need in needs}
    found = [found_data(name, folder) for name in sorted(needed & SOURCES.keys())]
    encoders = [_encoder(source) for source in (MINILM, MPNET)]
    rows = {row["name"]: row for row in (*found, *encoders)}
    benchmarks = {name: _verdict(*(rows[need] for need in needs)) for name, needs in NEEDS.items()}
    pdf = shutil.which("latexmk") and shutil.which("pdflatex")
    report = {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "torch": _version("torch"),
        "device": _devices(),
        "tex": pdf,
        "data": found,
        "encoders": encoders,
        "benchmarks": benchmarks,
        "report": "PDF, TeX and Markdown"
        if pdf
        else "TeX and Markdown, no PDF: latexmk and pdflatex are not both installed",
    }
    if as_json:
        print_json(report)
    else:
        for key in ("python", "cores", "memory_gib", "torch", "device", "tex"):
            typer.echo(f"{key.replace('_', ' ')}: {'none' if report[key] is None else report[key]}")
        for row in [*found, *encoders]:
            typer.echo(f"{row['name']}: {row['found']}" + (f", in {row['folder']}" if row["folder"] else ""))
        for name, verdict in benchmarks.items():
            typer.echo(f"benchmark {name}: {verdict}")
        typer.echo(f"report: {report['report']}")
    if any(row["found"].startswith("refused") for row in [*found, *encoders]):
        raise typer.Exit(1)


def _encoder(source: EncoderSource) -> dict[str, str | None]:
    """Where an encoder comes from."""
    row = {"name": f"text encoder {source.name}", "folder": None}
    try:
        files = resolve_encoder(source, download=False)
    except DataUnavailableError:
        return row | {"found": "not on this machine (a study downloads it)"}
    except HsokvError as error:
        return row | {"found": f"refused: {error}"}
    return row | {"found": files.origin, "folder": str(files.path)}


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


def _devices() -> str:
    """What encoders can compute on."""
    if _version("torch") is None:
        return "none: torch is not installed"
    import torch

    return f"cpu, cuda ({torch.cuda.get_device_name(0)})" if torch.cuda.is_available() else "cpu"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
