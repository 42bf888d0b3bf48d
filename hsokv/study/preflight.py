"""Checks before any work: the folder that is written to, the data that are there, what has to be looked for again."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from hsokv.data.catalogue import OWN, SYNTHETIC
from hsokv.encoders.files import resolve_encoder
from hsokv.exceptions import HsokvError
from hsokv.study.benchmarks import manifest_of, source_of
from hsokv.study.data_manifest import KEYS, check_contents, describe_contents, locate_data
from hsokv.study.encoders import encoder_source, encoders_of

ROOM = 200_000_000
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
    """What is known of each source before any job: checksums of files that are here, or that it will be downloaded.

    Texts and images on this machine are read through, so that a missing, damaged or too small file and a damaged
    encoder are named before anything runs; but not again while their checksums are those of the manifest in
    `manifests`, which then says what is in them. Where no folder is given, a source that the study has found before
    stays found, so that a forgotten folder loses nothing. Raises DataError and EncoderError.
    """
    found: dict[str, Any] = {}
    for name, described in encoders_of(configuration).items():
        source = encoder_source(described)
        if source.folder:
            found[f"encoder_{name}"] = dict(resolve_encoder(source).sha256)
    for name, benchmark in configuration["benchmarks"].items():
        manifest, source = manifest_of(name, benchmark), source_of(benchmark)
        if manifest is None:
            continue
        kept = _manifest(manifests / f"{manifest}.json")
        kept = kept if kept.get("status") == "done" else {}
        here = _checksums(name, source, root)
        found[manifest] = kept.get("found", "download") if here is None else here
        unchanged = kept.get("found") == found[manifest]
        described = {key: kept[key] for key in KEYS if unchanged and key in kept}
        if not described and here is not None:
            described = describe_contents(source, root)
        check_contents(name, described, benchmark, configuration)
    return found


def _checksums(benchmark: str, source: Mapping[str, Any], root: Path | None) -> dict[str, Any] | None:
    """What tells the data of `source` that are on this machine from others; None where they are to be downloaded."""
    name = source["source"]
    if name in SYNTHETIC:
        return {}
    if name == OWN:
        read = {"columns": source["columns"]} if "columns" in source else {}
        return read | dict(locate_data(benchmark, source, root).sha256)
    return None if root is None else dict(sorted(locate_data(name, source, root).sha256.items()))


def attempt(manifest: Path, in_reach: Callable[[], bool] = lambda: True) -> int:
    """The number of earlier attempts to get what `manifest` tells of, not counting one that is not to be repeated.

    As a parameter of the job it changes, and so asks for another attempt, exactly while the last one failed and the
    place that it is to be had from is `in_reach`.
    """
    content = _manifest(manifest)
    if not {"attempts", "status"} <= content.keys():
        return 0
    return content["attempts"] - (content["status"] == "done" or not in_reach())


def _manifest(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
