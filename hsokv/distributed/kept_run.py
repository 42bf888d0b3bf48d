"""A run in a file: written whole before anybody builds on it, read to go on, and never waited for without end."""

import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hsokv.distributed.store import Store
from hsokv.exceptions import BackendError, ConfigurationError
from hsokv.files import write_arrays


class Event(NamedTuple):
    """One thing that happened, at `seconds` of wall time since the start, all interruptions left out.

    kind   "accepted", "failed", "duplicate" (pushes), "copied", or "lost", a worker; `owner` is then its number
    value  the score of a push, the staleness of a copy in pushes
    steps  environment steps in the store by then
    """

    seconds: float
    kind: str
    owner: int
    value: float
    steps: int


def write_run(path: Path, made_by: str, store: Store, events: list[Event], seconds: float, limit: float) -> None:
    """Write a run to `path`, atomically; raises BackendError where that takes longer than `limit` seconds.

    It outlives this process and all others, not a loss of power: nothing is flushed to the disk.
    """
    columns = zip(Event._fields, zip(*events, strict=True), strict=True)
    arrays = {**store._asdict(), **{f"event_{name}": np.array(part) for name, part in columns}}
    arrays |= {"run_seconds": np.array(seconds), "run_made_by": np.array(made_by)}
    within(limit, lambda: write_arrays(path, arrays), f"keeping the store in {path}")


def read_run(path: Path, made_by: str) -> tuple[Store, list[Event], float]:
    """The store, events and seconds of the run at `path`; raises ConfigurationError where it is damaged or another."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            kept = {name: arrays[name] for name in arrays.files}
        store = Store(*(kept[name] for name in Store._fields))
        columns = [kept[f"event_{name}"].tolist() for name in Event._fields]
        seconds, made = float(kept["run_seconds"]), str(kept["run_made_by"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"{path}: no whole run ({error}); delete the file to begin anew") from error
    if made != made_by:
        raise ConfigurationError(f"{path}: holds the run of another plan, {made}; delete the file or name another")
    return store, [Event(*row) for row in zip(*columns, strict=True)], seconds


def within(seconds: float, call: Callable[[], Any], what: str) -> Any:
    """What `call` returns or raises; BackendError where it takes longer: a disk on a network may stall for ever."""
    results: list[Any] = []

    def work() -> None:
        try:
            results.append((call(), None))
        except Exception as error:
            results.append((None, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if not results:
        raise BackendError(
            f"{what} took longer than {seconds:g} s: see to the disk and run again; it goes on from what was kept last"
        )
    value, error = results[0]
    if error is not None:
        raise error
    return value
