"""How long a whole study took: a measurement, made once where it can be, and kept."""

import platform
import time
from collections.abc import Iterable
from pathlib import Path

from hsokv.files import write_json
from hsokv.records import unfinished_path


def began(records: Iterable[str | Path]) -> float | None:
    """Seconds since 1970 now, where a run begins without any of its files of records; None where it goes on from some.

    >>> began(["no/such/records.jsonl"]) is not None
    True
    """
    return None if any(Path(path).exists() or unfinished_path(path).exists() for path in records) else time.time()


def measure(start: float | None, cores: int | None, digest: str, path: Path) -> None:
    """Write the wall minutes from `start` to now, when statistics are about to be made, with what they were taken on.

    Without a start they are `null`: a run that went on from records of another says nothing of the whole. `digest` is
    that of the configuration; `cores` are None on a cluster, which has no number of them.
    """
    minutes = None if start is None else (time.time() - start) / 60
    name, instructions = _processor()
    machine = {"system": platform.system(), "machine": platform.machine(), "processor": name}
    machine |= {"instructions": instructions}  # rounding, and so the last digits of scores, depends on them
    write_json(path, {"minutes": minutes, "cores": cores, "configuration": digest, "machine": machine})


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
