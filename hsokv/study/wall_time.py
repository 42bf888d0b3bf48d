"""How long a whole study took: a measurement, made once where it can be, and kept."""

import platform
import time
from collections.abc import Iterable
from pathlib import Path

from hsokv.files import read_json, write_json
from hsokv.records import unfinished_path

START = "start.json"
"""Stands beside the measurement from the start of a run that makes all records until statistics are made of them."""


def mark_start(folder: Path, records: Iterable[str | Path], cores: int | None) -> None:
    """Mark the start of a run in `folder`, if it begins without any of its files of records; else no start is marked.

    A run that goes on from records of another says nothing of the time of the whole. `cores` are None on a cluster.
    """
    if any(Path(path).exists() or unfinished_path(path).exists() for path in records):
        (folder / START).unlink(missing_ok=True)
    else:
        write_json(folder / START, {"seconds": time.time(), "cores": cores})


def measure(digest: str, path: Path) -> None:
    """Write the wall minutes from the marked start to now, when statistics are about to be made, with the machine.

    They are `null` where no start is marked. `digest` is that of the configuration.
    """
    mark = path.with_name(START)
    start = read_json(mark) if mark.exists() else {"seconds": None, "cores": None}
    minutes = None if start["seconds"] is None else (time.time() - start["seconds"]) / 60
    name, instructions = _processor()
    machine = {"system": platform.system(), "machine": platform.machine(), "processor": name}
    machine |= {"instructions": instructions}  # rounding, and so the last digits of scores, depends on them
    write_json(path, {"minutes": minutes, "cores": start["cores"], "configuration": digest, "machine": machine})
    mark.unlink(missing_ok=True)


def _processor() -> tuple[str, str]:
    """The processor's name and its widest vector instructions as Linux tells them, else what Python knows of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = told.get("flags", "").split()
    widest = next((flag for flag in ("avx512f", "avx2") if flag in flags), "")
    return told.get("model name") or platform.processor(), widest
