"""Checks of the machine before any work: the folder that is written to, the device that computes."""

import os
import shutil
from pathlib import Path

from hsokv.exceptions import HsokvError

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
