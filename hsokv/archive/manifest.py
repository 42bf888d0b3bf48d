"""MANIFEST.sha256: a checksum for every file of a folder, in the form that `sha256sum -c` reads."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from hsokv.exceptions import ArchiveError
from hsokv.files import checksum

NAME = "MANIFEST.sha256"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")


def manifest(members: Mapping[str, bytes]) -> str:
    r"""The lines of a manifest, sorted by name.

    >>> manifest({"a": b""})
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n'
    """
    return "".join(f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in sorted(members))


def read_manifest(folder: Path) -> dict[str, str]:
    """Checksums by name; raises ArchiveError where there is no manifest, or a line of it is none."""
    path = folder / NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{path}: wanted a list of checksums: {error}: fetch the archive again") from error
    found: dict[str, str] = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if not match or match[2] in found:
            raise ArchiveError(f"{path}: wanted lines of a SHA-256, two spaces and a new name, came {line!r}")
        found[match[2]] = match[1]
    return found


def check_manifest(folder: Path) -> list[str]:
    """What is wrong with the files of `folder`, sorted: changed, missing, or in no line of the manifest."""
    wanted = read_manifest(folder)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {NAME}
    wrong = [f"missing: {name}" for name in wanted.keys() - there] + [
        f"not listed: {name}" for name in there - wanted.keys()
    ]
    wrong += [f"changed: {name}" for name in wanted.keys() & there if checksum(folder / name) != wanted[name]]
    return sorted(wrong)
