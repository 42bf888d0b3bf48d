"""A `map` of pure functions over workers that may die: in this process, in processes of this machine, or Ray actors.

A part whose worker is lost goes to another worker. Functions are pure, so the result is the same to the bit on every
backend, with any number of workers and after any loss, and nothing is counted twice.
"""

import importlib.util
import multiprocessing
import os
import pickle
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import urlsplit

from hsokv.exceptions import BackendError, ConfigurationError, check_known

BACKENDS = ("ray", "processes", "single")
# One thread a worker, or the workers compete for cores; libraries read these when a process starts.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
RAY_START_SECONDS = 12.0  # an actor needs two or three; one without a core or an interpreter would wait for ever
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)  # of gRPC's protocol, with empty SETTINGS
REFUSALS = 3  # results of one part that are not accepted, after which a map ends


class Limits(NamedTuple):
    """`seconds` that a part may take, `start_seconds` that a worker may take to start, `restarts` of one worker."""

    seconds: float = 120.0
    start_seconds: float = 60.0
    restarts: int = 3


class Timing(NamedTuple):
    """One part: its worker, seconds of work there, and seconds between submission and arrival besides."""

    worker: int
    work: float
    transfer: float


def run_payload(payload: bytes) -> tuple[float, Any, str | None]:
    """Seconds, result and None; or 0, None and the reason why the function cannot be loaded or has failed."""
    start = time.perf_counter()
    try:
        function, part = pickle.loads(payload)  # noqa: S301 - made by this run's supervisor, never read from a file
        result = function(part)
    except Exception as error:
        return 0.0, None, f"{type(error).__name__}: {error}"
    return time.perf_counter() - start, result, None


class Worker:
    """Computes one payload at a time, here in the caller's own process; a future that raises means a lost worker."""

    def submit(self, payload: bytes) -> Future:
        """Start `run_payload(payload)` on the worker."""
        future: Future = Future()
        future.set_result(run_payload(payload))
        return future

    def close(self) -> None:
        """End the worker, whatever it does."""

    def why_late(self) -> str:
        """What may keep a worker from starting, for the error; empty where nothing is known."""
        return ""


class Executor:
    """Numbered workers behind `map`; `lost` holds the reason of every loss, `timings` a row for every part, `sent` the
    bytes sent, `pids` the process of every worker."""

    def __init__(self, start: Callable[[], Worker], workers: int, limits: Limits) -> None:
        self.workers, self.limits = workers, limits
        self.lost: list[str] = []
        self.timings: list[Timing] = []
        self.sent = 0
        self.pids: dict[int, int] = {}
        self._start, self._live = start, dict[int, Worker]()
        self._pending: dict[Future, tuple[int, int | None, float]] = {}  # -> worker, part or None: starting, since
        self._restarts = [0] * workers
        for worker in range(workers):
            self._begin(worker)
        try:
            self.map(_ready, [None] * workers, starting=True)
        except BaseException:
            self.close()
            raise

    def map(
        self,
        function: Callable[[Any], Any],
        parts: Sequence[Any],
        accept: Callable[[Any], bool] = lambda result: True,
        *,
        starting: bool = False,
    ) -> list[Any]:
        """What the function returns for each part, in order; after an error the executor is to be closed.

        Args:
            function: pure, of a module that every worker can import.
            accept: a result that it refuses, NaN for example, is computed again.
            starting: parts are workers' first signs of life, so a loss is an error at once.

        Raises:
            BackendError: the function fails, no worker is left, or a part is refused three times; with the reason.
        """
        results, todo, refusals = [None] * len(parts), deque(range(len(parts))), [0] * len(parts)
        if starting:
            todo.clear()
        while todo or any(part is not None or starting for _, part, _ in self._pending.values()):
            busy = {worker for worker, _, _ in self._pending.values()}
            for worker in [worker for worker in self._live if worker not in busy][: len(todo)]:
                part = todo.popleft()
                self._submit(worker, part, pickle.dumps((function, parts[part])))
            if not self._pending:
                raise BackendError(f"no worker is left: {'; '.join(dict.fromkeys(self.lost))}")
            for future, (worker, part, since) in self._arrived():
                try:
                    seconds, result, failure = future.result(timeout=0)
                except Exception as error:  # of a process or a node that died, or of a worker that is late
                    self._lose(worker, _reason(error) or self._late(worker, part), starting)
                    todo.extendleft([] if part is None else [part])
                    continue
                if failure:
                    raise BackendError(
                        f"worker {worker} cannot run {function.__module__}.{function.__name__}: {failure}"
                    )
                if part is None:
                    self.pids[worker] = result
                    continue
                self.timings.append(Timing(worker, seconds, time.perf_counter() - since - seconds))
                if accept(result):
                    results[part] = result
                    continue
                refusals[part] += 1
                todo.appendleft(part)
                if refusals[part] == REFUSALS:
                    raise BackendError(
                        f"a result was refused {REFUSALS} times in a row, it holds NaN or infinity: lower the noise or "
                        "the learning rate"
                    )
        return results

    def close(self) -> None:
        """End all workers."""
        for worker in self._live.values():
            worker.close()
        self._live, self._pending = {}, {}

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _begin(self, worker: int) -> None:
        self._live[worker] = self._start()
        self._submit(worker, None, pickle.dumps((_ready, None)))

    def _submit(self, worker: int, part: int | None, payload: bytes) -> None:
        self.sent += len(payload)
        try:
            future = self._live[worker].submit(payload)
        except Exception as error:  # a pool whose process died while it was idle
            future = Future()
            future.set_exception(error)
        self._pending[future] = (worker, part, time.perf_counter())

    def _arrived(self) -> list[tuple[Future, tuple[int, int | None, float]]]:
        """Futures that are done or late, taken off the list."""
        ends = {
            future: since + (self.limits.seconds if part is not None else self.limits.start_seconds)
            for future, (_, part, since) in self._pending.items()
        }
        done, _ = wait(ends, max(0.0, min(ends.values()) - time.perf_counter()), FIRST_COMPLETED)
        late = {future for future, end in ends.items() if end <= time.perf_counter()}
        order = [future for future in self._pending if future in done | late]
        return [(future, self._pending.pop(future)) for future in order]

    def _late(self, worker: int, part: int | None) -> str:
        """The reason to give of a worker whose time is over."""
        if part is not None:
            return f"worker {worker} did not answer within {self.limits.seconds:g} s"
        return f"no sign of life within {self.limits.start_seconds:g} s{self._live[worker].why_late()}"

    def _lose(self, worker: int, reason: str, starting: bool) -> None:
        self.lost.append(reason)
        self._live.pop(worker).close()
        if starting:
            raise BackendError(f"worker {worker} cannot start: {reason}")
        self._restarts[worker] += 1
        if self._restarts[worker] <= self.limits.restarts:
            self._begin(worker)


def _ready(part: None) -> int:
    return os.getpid()


def _reason(error: Exception) -> str:
    """The sentence of an error that says most: the last line, which in Ray's errors is the remote exception."""
    return str(error).strip().splitlines()[-1].strip() if str(error).strip() else ""


class Process(Worker):
    """A process of its own, started afresh, so that it inherits no threads and no locks."""

    def __init__(self) -> None:
        self.pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _end_with_supervisor)
        self.process: Any = None

    def submit(self, payload: bytes) -> Future:
        """Send the payload through the pool's pipe."""
        with patch.dict(os.environ, ONE_THREAD):  # the first payload starts the process
            future = self.pool.submit(run_payload, payload)
        self.process = next(iter((self.pool._processes or {}).values()), self.process)
        return future

    def close(self) -> None:
        """Kill the process, which may stand still, and leave no thread behind."""
        if self.process is not None:
            with suppress(ValueError):
                self.process.kill()
        self.pool.shutdown(wait=True, cancel_futures=True)


def _end_with_supervisor() -> None:
    """Leave no process behind a supervisor that is killed: the pool's own processes would wait for ever."""

    def wait_for_end() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait_for_end, daemon=True).start()


class RayActor(Worker):
    """An actor with one core, and so with one thread, and no restarts of Ray's own: a loss is reported, not hidden."""

    def __init__(self, ray: ModuleType, runtime_env: dict[str, Any] | None) -> None:
        self.ray = ray
        self.actor = ray.remote(num_cpus=1, max_restarts=0, runtime_env=runtime_env)(_Actor).remote()

    def submit(self, payload: bytes) -> Future:
        """Call the actor."""
        return self.actor.run.remote(payload).future()

    def close(self) -> None:
        """Kill the actor."""
        with suppress(Exception):  # it may be dead, and its cluster too
            self.ray.kill(self.actor)

    def why_late(self) -> str:
        """Cores that are free, and where Ray says more."""
        total, free = _cores_of(self.ray)
        return (
            f"; the Ray cluster has {total} cores, {free} of them free. Ray's logs, /tmp/ray/session_latest/logs on "
            "the node, say more; a runtime_env that installs packages needs limits=Limits(start_seconds=...)"
        )


class _Actor:
    def run(self, payload: bytes) -> tuple[float, Any, str | None]:
        return run_payload(payload)


def default_backend() -> str:
    """Ray where it is installed, else processes."""
    return "ray" if importlib.util.find_spec("ray") else "processes"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_executor(
    backend: str,
    workers: int,
    *,
    address: str | None = None,
    runtime_env: dict[str, Any] | None = None,
    limits: Limits | None = None,
) -> Executor:
    """Workers of one of `BACKENDS` that have given a sign of life; a context manager.

    Args:
        workers: at least 1, of one thread each; with backend single exactly 1.
        address: of a running Ray cluster, host:port, ray://host:port or auto; None for Ray on this machine.
        runtime_env: what Ray sets up on every node for the workers (its own keys).
        limits: of time and restarts; by default a Ray worker may take 12 s to start.

    Raises:
        ConfigurationError: an unknown backend, a wrong number of workers, or an address without Ray.
        BackendError: the workers cannot be had; with the reason.

    >>> with open_executor("single", 1) as executor:
    ...     executor.map(abs, [-1, 2])
    [1, 2]
    """
    check_known("backend", backend, BACKENDS)
    limits = limits or (Limits(start_seconds=RAY_START_SECONDS) if backend == "ray" else Limits())
    if workers < 1 or (backend == "single" and workers > 1):
        raise ConfigurationError(
            f"workers: expected {'1' if backend == 'single' else 'at least 1'} with backend {backend}, got {workers}"
        )
    if backend != "ray" and (address is not None or runtime_env is not None):
        raise ConfigurationError(f"address, runtime_env: only for backend ray, got backend {backend}")
    if backend == "single":
        return Executor(Worker, workers, limits)
    if backend == "processes":
        return Executor(Process, workers, limits)
    ray = connect_ray(address, workers)
    return Executor(lambda: RayActor(ray, runtime_env), workers, limits)


def connect_ray(address: str | None, workers: int, seconds: float = 10.0) -> ModuleType:
    """The ray module, connected; a connection of the caller is used. Ray ends with this process.

    Raises BackendError where Ray is missing or of another version on the cluster, nobody answers, or less than
    `workers` cores are free after `seconds`.
    """
    try:
        import ray
    except ImportError as error:
        raise BackendError(
            "backend ray: Ray is not installed. Run `pip install hsokv[ray]`, or use backend processes"
        ) from error
    if address not in (None, "auto"):
        _knock(address, seconds)
    try:
        if not ray.is_initialized():
            options = {"log_to_driver": False, "logging_level": "error"}
            if address is None:  # Ray counts cores as it is told; where workers exceed cores the record says so
                options |= {"num_cpus": max(workers, cores()), "include_dashboard": False}
            ray.init(address=address or "local", **options)
    except (Exception, SystemExit) as error:  # from ConnectionError to the end of the process
        raise BackendError(
            f"Ray at {address or 'this machine'} cannot be used: {error}. This side runs Ray {ray.__version__}; every "
            "node needs the same Ray, the same Python and the cluster's token (docs/distributed.md)"
        ) from error
    end = time.perf_counter() + seconds  # cores of actors that have just ended come back late
    while (found := _cores_of(ray))[1] < workers:
        total, free = found
        if total < workers or time.perf_counter() > end:
            raise BackendError(
                f"workers: {workers} need one core each, but the Ray cluster has {total} cores, {free} of them free. "
                "Take fewer workers, add nodes, or end what holds the cores"
            )
        time.sleep(0.2)
    return ray


def _cores_of(ray: ModuleType) -> tuple[int, int]:
    """Cores of the cluster in all, and free ones."""
    return int(ray.cluster_resources().get("CPU", 0)), int(ray.available_resources().get("CPU", 0))


def _knock(address: str, seconds: float) -> None:
    """Raise BackendError where no gRPC server answers at `address`: Ray waits two minutes and ends the process."""
    try:
        url = urlsplit(address if "://" in address else f"ray://{address}")
        host, port = url.hostname, url.port
    except ValueError as error:
        raise BackendError(f"address {address!r}: {error}; expected host:port or ray://host:port") from error
    if not host or not port:
        raise BackendError(f"address: expected host:port or ray://host:port, got {address!r}")
    try:
        with socket.create_connection((host, port), timeout=seconds) as connection:
            if os.environ.get("RAY_USE_TLS", "0") == "0":
                connection.sendall(PREFACE)
                if connection.recv(4)[3:] != b"\x04":  # a server begins with its SETTINGS
                    raise OSError("what listens there is not Ray")
    except OSError as error:
        raise BackendError(
            f"no Ray cluster answers at {address} within {seconds:g} s ({error}). Start one there with "
            "`ray start --head`, or correct the address"
        ) from error
