"""Pools of workers behind one small interface, and the pool that is one process, the base of every speed-up."""

import importlib.util
import os
from typing import NamedTuple, Protocol

from hsokv.distributed.period import Job, Plan, Result, Worker
from hsokv.exceptions import ConfigurationError, check_known

BACKENDS = ("ray", "processes", "single")
# One thread a worker, or the workers fight; read by the libraries when a process starts.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")


class Lost(NamedTuple):
    """A worker that died, and why, as far as one can tell."""

    reason: str


class Pool(Protocol):
    """Numbered workers, each at one job at a time; every call returns within its time limit."""

    workers: int

    def submit(self, worker: int, job: Job) -> None:
        """Give an idle worker a job."""
        ...

    def wait(self, seconds: float) -> list[tuple[int, Result | Lost]]:
        """What has come from workers, as soon as anything has; nothing after that many seconds."""
        ...

    def restart(self, worker: int) -> None:
        """Put a new worker in the place of one that is lost or does not answer."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...


class SingleProcess:
    """All managers in the caller's own process, in one batch."""

    workers = 1

    def __init__(self, plan: Plan) -> None:
        self.worker = Worker(plan)
        self.job: Job | None = None

    def submit(self, worker: int, job: Job) -> None:
        """Keep the job for `wait`."""
        self.job = job

    def wait(self, seconds: float) -> list[tuple[int, Result | Lost]]:
        """Work the job here and now, whatever it takes."""
        job, self.job = self.job, None
        return [(0, self.worker.work(job))] if job else []

    def restart(self, worker: int) -> None:
        """Forget what is held."""
        self.worker = Worker(self.worker.plan)

    def close(self) -> None:
        """Nothing to end."""


def default_backend() -> str:
    """Ray where it is installed, else processes."""
    return "ray" if importlib.util.find_spec("ray") else "processes"


def open_pool(backend: str, plan: Plan, workers: int, *, address: str | None = None, seconds: float = 60) -> Pool:
    """A pool of one of `BACKENDS`; `address` is that of a running Ray cluster, None for a local one.

    Raises ConfigurationError for an unknown backend, less than one worker or an address where there is none to be
    reached, and BackendError where the workers cannot be had within `seconds`.
    """
    check_backend(backend, workers, address)
    if backend == "single":
        return SingleProcess(plan)
    if backend == "processes":
        from hsokv.distributed.processes import Processes

        return Processes(plan, workers)
    from hsokv.distributed.ray_actors import RayActors

    return RayActors(plan, workers, address, seconds)


def check_backend(backend: str, workers: int, address: str | None) -> None:
    """Raise ConfigurationError for an unknown backend, less than one worker or an address that nobody could use."""
    check_known("backend", backend, BACKENDS)
    if workers < 1 or (backend == "single" and workers > 1):
        raise ConfigurationError(
            f"workers: wanted {'1' if backend == 'single' else 'at least 1'} with backend {backend}, came {workers}"
        )
    if address is not None and backend != "ray":
        raise ConfigurationError(f"address: wanted with backend ray alone, came {address!r} with {backend}")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
