"""Nodes that one machine stands in for: of equal share, each worker held to a share of a core by a cgroup's CPU quota;
and distant ones, whose workers wait as long as a message would be under way.

Four nodes of .45 of a core can be measured on two cores, and the single process that they are compared with has one
such share. It is no measurement of whole cores, and is never called one.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypedDict

from hsokv.distributed.executors import Executor, P, R, cores
from hsokv.exceptions import BackendError

ROOT = Path("/sys/fs/cgroup/cpu")  # the cpu controller of cgroups, version 1
PERIOD = 10_000  # microseconds in which a quota is refilled: short beside a generation
WEIGHT = 10_240  # of a node against other processes, so that these do not take its share


class EqualShare(TypedDict):
    """Numbers of `nodes`, and the `share` of a core that each has."""

    nodes: list[int]
    share: float


def why_no_nodes(settings: EqualShare | None) -> str | None:
    """Why nodes of equal share cannot be had here, or None."""
    if settings is None:
        return "the configuration asks for no equal-share nodes"
    if not os.access(ROOT / "cgroup.procs", os.W_OK):
        return f"no equal-share nodes: they need root and the cpu controller of cgroups version 1 at {ROOT}"
    if max(settings["nodes"]) * settings["share"] > cores():
        return f"no equal-share nodes: {max(settings['nodes'])} times {settings['share']} exceed {cores()} cores"
    return None


@contextmanager
def equal_share_nodes(executor: Executor, share: float) -> Iterator[None]:
    """Hold every worker to `share` of a core, for the block; this process, the supervisor, shares the first node.

    Raises:
        BackendError: quotas cannot be set here, or a worker was replaced in the block, so that it had no quota.
    """
    folders = [ROOT / f"hsokv-{os.getpid()}-{worker}" for worker in range(executor.workers)]
    losses, supervisor = len(executor.lost), str(os.getpid())
    try:
        try:
            for worker, folder in enumerate(folders):
                folder.mkdir()
                (folder / "cpu.cfs_period_us").write_text(str(PERIOD))
                (folder / "cpu.cfs_quota_us").write_text(str(int(share * PERIOD)))
                (folder / "cpu.shares").write_text(str(WEIGHT))
                (folder / "cgroup.procs").write_text(str(executor.pids[worker]))
            (folders[0] / "cgroup.procs").write_text(supervisor)
        except OSError as error:
            raise BackendError(
                f"equal-share nodes cannot be made: {error}. They need root, Linux and the cpu controller of cgroups "
                f"version 1 at {ROOT}; measure on a machine with a core for each node instead"
            ) from error
        yield
        if len(executor.lost) > losses:
            raise BackendError(f"a node was lost while it was measured: {executor.lost[-1]}. Measure again")
    finally:
        for folder in folders:
            if folder.exists():
                for pid in (folder / "cgroup.procs").read_text().split():
                    with suppress(OSError):  # it has just ended
                        (ROOT / "cgroup.procs").write_text(pid)
                with suppress(OSError):
                    folder.rmdir()


class Distant:
    """An executor whose workers are `latency` seconds away, each way: they wait so long before and after their work."""

    def __init__(self, executor: Executor, latency: float) -> None:
        self.executor, self.latency = executor, latency
        self.workers, self.lost = executor.workers, executor.lost

    def map(self, function: Callable[[P], R], parts: Sequence[P], accept: Callable[[R], bool]) -> list[R]:
        """As that of the executor."""
        return self.executor.map(partial(_wait_around, self.latency, function), parts, accept)


def _wait_around(latency: float, function: Callable[[P], R], part: P) -> R:
    time.sleep(latency)
    result = function(part)
    time.sleep(latency)
    return result
