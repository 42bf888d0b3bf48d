"""Checks before any work: the folder that is written to, the data that are there, what has to be looked for again."""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from hsokv.data.sources import SYNTHETIC, cache_folder, locate
from hsokv.exceptions import HsokvError
from hsokv.model.text_encoder import resolve_text_encoder
from hsokv.study.text import check_shots, read_texts

ROOM = 50_000_000
"""Bytes that a whole study writes, with some to spare."""


def check_folder(folder: Path) -> None:
    """Raise HsokvError where `folder` could not be made or written, or the disk has no room; nothing is written."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    reason = None
    if not there.is_dir():
        reason = f"{there} is a file; move it"
    elif not os.access(there, os.W_OK):
        reason = f"{there} is read-only; make it writable"
    elif shutil.disk_usage(there).free < ROOM:
        reason = f"the disk has less than {ROOM // 10**6} MB left; free some space"
    if reason:
        raise HsokvError(
            f"cannot write to the results folder {folder.absolute()}: {reason}, or choose another (`results`)"
        )


def hold_folder(folder: Path) -> IO[str]:
    """Take the results folder for this process, until it ends however it ends; return what holds it.

    Raises HsokvError where the folder cannot be written or another study holds it. Unlike a lock file, this needs no
    unlocking after a kill.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / ".lock").open("w")
        os.posix_fallocate(stream.fileno(), 0, 4096)
    except OSError as error:
        raise HsokvError(
            f"cannot write to the results folder {folder.absolute()}: {error.strerror}; "
            "free some space, or make it writable"
        ) from error
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        stream.close()
        raise HsokvError(f"another run is writing to {folder.absolute()}; wait for it to end") from error
    return stream


def check_data(configuration: Mapping[str, Any], root: Path | None, manifests: Path) -> dict[str, Any]:
    """What is known of each source before any job: checksums of a user's own copy, or that it will be downloaded.

    What is on this machine is read through, so that a missing, damaged or too small file and a damaged encoder are
    named before anything runs. Where no folder is given, a source that the study has found before (its manifest in
    `manifests` says so) stays found, so that a forgotten folder loses nothing. Raises DataError and EncoderError.
    """
    if folder := configuration["encoder"]["folder"]:
        resolve_text_encoder(Path(folder), download=False)
    found: dict[str, Any] = {}
    rows = configuration["data"]["development_rows"]
    for name, benchmark in configuration["benchmarks"].items():
        source = benchmark.get("source")
        if source is None:
            continue
        if source not in SYNTHETIC:
            files = None if root is None else locate(source, root, cache_folder())
            kept = _manifest(manifests / f"{source}.json")
            earlier = kept.get("found", "download") if kept.get("status") == "done" else "download"
            found[source] = earlier if files is None else dict(sorted(files.sha256.items()))
        if source in SYNTHETIC or root is not None:
            shots = max(condition["shots"] for condition in benchmark["conditions"].values())
            check_shots(read_texts(source, root)[0], shots, rows, name)
    return found


def attempt(manifest: Path) -> int:
    """The number of earlier attempts to get what `manifest` tells of, not counting one that succeeded.

    As a parameter of the job it changes, and so asks for another attempt, exactly while the last one failed.
    """
    content = _manifest(manifest)
    return content["attempts"] - (content["status"] == "done") if {"attempts", "status"} <= content.keys() else 0


def _manifest(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
