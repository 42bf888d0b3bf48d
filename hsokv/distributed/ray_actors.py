"""Workers as Ray actors, on this machine or on any cluster that an address leads to. Ray is imported here alone."""

import socket
from typing import Any
from urllib.parse import urlsplit

from hsokv.distributed.period import Job, Plan, Result, Worker
from hsokv.distributed.pool import ONE_THREAD, Lost
from hsokv.exceptions import BackendError


class RayActors:
    """An actor per worker, with one core each and no restarts of Ray's own: a lost one is told of, not hidden."""

    def __init__(self, plan: Plan, workers: int, address: str | None, seconds: float) -> None:
        self.ray, self.ours = connect(address, workers, seconds)
        self.plan, self.workers = plan, workers
        self.remote = self.ray.remote(num_cpus=1, max_restarts=0, runtime_env={"env_vars": ONE_THREAD})(Worker)
        self.actors: dict[int, Any] = {worker: self.remote.remote(plan) for worker in range(workers)}
        self.pending: dict[Any, int] = {}

    def submit(self, worker: int, job: Job) -> None:
        """Call the actor; an answer is waited for in `wait`."""
        self.pending[self.actors[worker].work.remote(job)] = worker

    def wait(self, seconds: float) -> list[tuple[int, Result | Lost]]:
        """Results as they come; the call of an actor that is gone comes back as an error."""
        ready, _ = self.ray.wait(list(self.pending), num_returns=1, timeout=seconds) if self.pending else ([], [])
        answers = []
        for reference in ready:
            worker = self.pending.pop(reference)
            try:
                answers.append((worker, self.ray.get(reference)))
            except self.ray.exceptions.RayError as error:
                answers.append((worker, Lost(str(error).strip().splitlines()[-1])))
        return answers

    def restart(self, worker: int) -> None:
        """Kill what is left of the actor and ask for another, which starts once a core is free."""
        self.ray.kill(self.actors[worker])
        self.pending = {reference: other for reference, other in self.pending.items() if other != worker}
        self.actors[worker] = self.remote.remote(self.plan)

    def close(self) -> None:
        """End the actors, and leave Ray where it was entered for them."""
        for actor in self.actors.values():
            self.ray.kill(actor)
        if self.ours:
            self.ray.shutdown()


def connect(address: str | None, workers: int, seconds: float) -> tuple[Any, bool]:
    """Ray, connected, and whether it was not before.

    Raises BackendError where Ray is missing or of another version there, nobody answers, or there are too few cores.
    """
    try:
        import ray
    except ImportError as error:
        raise BackendError("backend ray: Ray is not installed; `pip install hsokv[ray]`, or take processes") from error
    options = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
    if address is not None:
        _knock(address, seconds)
    ours = not ray.is_initialized()
    try:
        if ours and address is None:
            # Cores are what Ray counts by, not what there are: where workers exceed cores, the record says so.
            ray.init(address="local", num_cpus=workers, **options)
        elif ours:
            ray.init(address=address, log_to_driver=False, logging_level="error")
    except Exception as error:  # Ray raises anything from ConnectionError to RuntimeError
        raise BackendError(
            f"Ray at {address or 'this machine'} cannot be used: {error}; this side runs Ray {ray.__version__}, and "
            "every node wants the same Ray, the same Python and the cluster's token (docs/distributed.md)"
        ) from error
    have = int(ray.cluster_resources().get("CPU", 0))
    if workers > have:
        if ours:
            ray.shutdown()
        raise BackendError(
            f"workers: wanted {workers}, one core each, but the Ray cluster has {have}; take fewer or add nodes"
        )
    return ray, ours


def _knock(address: str, seconds: float) -> None:
    """Raise BackendError where nothing listens at `address` (host:port or ray://host:port); Ray itself waits long."""
    if address == "auto":
        return
    place = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        host, port = place.hostname, place.port
    except ValueError as error:
        raise BackendError(f"address {address!r}: {error}; wanted host:port or ray://host:port") from error
    if not host or not port:
        raise BackendError(f"address: wanted host:port or ray://host:port, came {address!r}")
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError as error:
        raise BackendError(
            f"no Ray cluster answers at {address} within {seconds:g} s ({error}); start one there with "
            "`ray start --head`, or correct the address"
        ) from error
