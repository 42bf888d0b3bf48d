"""A `map` of pure functions over workers that may die: in this process, in processes of this machine, or Ray actors.

A part whose worker is lost goes to another worker. Functions are pure, so the result is the same to the bit on every
backend, with any number of workers and after any loss, and nothing is counted twice.
"""

import importlib.util
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from queue import SimpleQueue
from types import ModuleType
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from hsokv.exceptions import BackendError, ConfigurationError, check_known

BACKENDS = ("ray", "processes", "single")
# One thread a worker, or the workers compete for cores; libraries read these when a process starts.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
RAY_START_SECONDS = 12.0  # an actor needs two or three; one without a core or an interpreter would wait for ever
RAY_ANSWER_SECONDS = 10.0  # a cluster may take to answer, and to free the cores of actors that have just ended
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)  # of gRPC's protocol, with empty SETTINGS
OPENING = threading.Lock()  # one thread connects to Ray, and takes cores there, at a time
REFUSALS = 3  # results of one part that are not accepted, after which a map ends

P = TypeVar("P")
R = TypeVar("R")

Answer = tuple[float, bytes, str]
"""Seconds of work, the pickled result, and why there is none; blank where there is."""


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


class _Task(NamedTuple):
    """What a worker is at: a part, or None while it starts, since when."""

    worker: int
    part: int | None
    since: float


def run_payload(payload: bytes) -> Answer:
    """Call the pickled function on its part; whatever goes wrong is the answer's reason."""
    start = time.perf_counter()
    try:
        function, part = pickle.loads(payload)  # noqa: S301 - made by this run's supervisor, never read from a file
    except Exception as error:
        return 0.0, b"", f"{_sentence(error)}. Put it in a module that every worker can import"
    try:
        result = function(part)
        seconds = time.perf_counter() - start
        return seconds, pickle.dumps(result), ""
    except (Exception, SystemExit) as error:
        return 0.0, b"", _sentence(error)


class Worker:
    """Computes one payload at a time, here in the caller's own process; a future that raises means a lost worker."""

    HINT = ""  # what may keep a worker from starting

    def submit(self, payload: bytes) -> Future[Answer]:
        """Start `run_payload(payload)` on the worker."""
        future: Future[Answer] = Future()
        future.set_result(run_payload(payload))
        return future

    def close(self) -> None:
        """End the worker, whatever it does."""


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
        self._pending: dict[Future[Answer], _Task] = {}
        self._restarts = Counter[int]()
        self._lock = threading.Lock()
        try:
            for worker in range(workers):
                self._begin(worker)
            while len(self.pids) < workers:
                list(self._answers("hsokv"))
        except BaseException:
            self.close()
            raise

    def map(
        self,
        function: Callable[[P], R],
        parts: Iterable[P],
        accept: Callable[[R], bool] = lambda result: True,
    ) -> list[R]:
        """What the function returns for each part, in order; an error closes the executor.

        Args:
            function: pure, of a module that every worker can import; its result can be pickled.
            accept: a result that it refuses, NaN for example, is computed again.

        Raises:
            BackendError: the function fails, no worker is left, or a part is refused three times; with the reason.
        """
        with self._lock:
            try:
                return self._map(function, list(parts), accept)
            except BaseException:
                self.close()  # or parts that are still computed would be taken for those of the next map
                raise

    def close(self) -> None:
        """End all workers."""
        for worker in self._live.values():
            worker.close()
        self._live, self._pending = {}, {}

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _map(self, function: Callable[[P], R], parts: list[P], accept: Callable[[R], bool]) -> list[R]:
        results, todo, refusals = dict[int, R](), deque(range(len(parts))), Counter[int]()
        name = f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', function)}"
        while todo or any(task.part is not None for task in self._pending.values()):
            busy = {task.worker for task in self._pending.values()}
            # The last first: where the supervisor shares cores with workers, it shares them with the first.
            for worker in [worker for worker in sorted(self._live, reverse=True) if worker not in busy][: len(todo)]:
                try:
                    payload = pickle.dumps((function, parts[todo[0]]))
                except Exception as error:
                    raise BackendError(f"{name} or its part cannot be sent to a worker: {_sentence(error)}") from error
                self._submit(worker, todo.popleft(), payload)
            if not self._pending:
                raise BackendError(f"no worker is left: {'; '.join(dict.fromkeys(self.lost)) or 'they are closed'}")
            for part, lost, result in self._answers(name):
                if not lost and accept(result):
                    results[part] = result
                    continue
                todo.appendleft(part)
                refusals[part] += not lost
                if refusals[part] == REFUSALS:
                    raise BackendError(
                        f"a result was refused {REFUSALS} times in a row, it holds NaN or infinity: lower the noise or "
                        "the learning rate"
                    )
        return [results[part] for part in range(len(parts))]

    def _begin(self, worker: int) -> None:
        self._live[worker] = self._start()
        self._submit(worker, None, pickle.dumps((_ready, None)))

    def _submit(self, worker: int, part: int | None, payload: bytes) -> None:
        self.sent += len(payload)
        since = time.perf_counter()
        try:
            future = self._live[worker].submit(payload)
        except Exception as error:  # of Ray, whose actor or node died while it was idle
            future = Future()
            future.set_exception(error)
        self._pending[future] = _Task(worker, part, since)

    def _answers(self, name: str) -> Iterator[tuple[int, bool, object]]:
        """Wait, then yield parts that are over, whether the worker was lost, and the result."""
        limits = {True: self.limits.start_seconds, False: self.limits.seconds}  # by whether a worker starts
        ends = {future: task.since + limits[task.part is None] for future, task in self._pending.items()}
        left = min(ends.values()) - time.perf_counter()
        wait(ends, min(max(0.0, left), threading.TIMEOUT_MAX), FIRST_COMPLETED)
        now = time.perf_counter()  # when answers arrived
        for future in [future for future, end in ends.items() if future.done() or end <= now]:
            worker, part, since = self._pending.pop(future)
            try:
                seconds, content, failure = future.result(timeout=0)
            except Exception as error:  # of a process or a node that died, or of a worker that is late
                late = f"no answer within {limits[part is None]:g} s" + self._live[worker].HINT * (part is None)
                self._lose(worker, _last_line(error) or late)
                if part is not None:
                    yield part, True, None
                continue
            try:
                result = None if failure else pickle.loads(content)  # noqa: S301 - of this run's own worker
            except Exception as error:
                failure = _sentence(error)
            if failure:
                raise BackendError(f"worker {worker} cannot run {name}: {failure}")
            if part is None:
                self.pids[worker] = result
                continue
            self.timings.append(Timing(worker, seconds, now - since - seconds))
            yield part, False, result

    def _lose(self, worker: int, reason: str) -> None:
        self.lost.append(reason)
        self._live.pop(worker).close()
        if len(self.pids) < self.workers:
            raise BackendError(f"worker {worker} cannot start: {reason}")
        self._restarts[worker] += 1
        if self._restarts[worker] <= self.limits.restarts:
            self._begin(worker)


def _ready(part: None) -> int:
    return os.getpid()


def _sentence(error: BaseException) -> str:
    """The kind of an error and what it says, on one line."""
    return ": ".join(filter(None, (type(error).__name__, " ".join(str(error).split()))))


class Process(Worker):
    """A Python of its own on this machine, which takes payloads from its standard input and ends with it.

    It does not import the caller's main module: scripts need no guard, and notebooks and daemons may have workers.
    """

    def __init__(self) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | ONE_THREAD,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which ends its workers
        )
        self.thread = ThreadPoolExecutor(1)

    def submit(self, payload: bytes) -> Future[Answer]:
        """Send the payload, and wait for its answer in a thread."""
        return self.thread.submit(self._exchange, payload)

    def close(self) -> None:
        """Kill the process, which may stand still, and what it started; leave no thread behind."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL) if hasattr(os, "killpg") else self.process.kill()
        self.thread.shutdown()
        with suppress(OSError):
            self.process.communicate()

    def _exchange(self, payload: bytes) -> Answer:
        try:
            pickle.dump(payload, self.process.stdin)
            self.process.stdin.flush()
            return pickle.load(self.process.stdout)  # noqa: S301 - of this run's own worker
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            code = self.process.wait()
            name = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            raise BackendError(f"its process ended with {name}") from error


def serve() -> None:
    """Answer payloads from standard input until it closes, which is when the supervisor ends, however it does."""
    payloads, answers = SimpleQueue[bytes](), os.fdopen(os.dup(1), "wb")
    source = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what functions print is not an answer

    def read() -> None:
        with suppress(OSError, EOFError, pickle.UnpicklingError):
            while True:
                payloads.put(pickle.load(source))  # noqa: S301 - of the supervisor
        os.killpg(0, signal.SIGKILL) if hasattr(os, "killpg") else os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    while True:
        answer = run_payload(payloads.get())
        with suppress(OSError):  # the supervisor has ended, and `read` ends this process
            pickle.dump(answer, answers)
            answers.flush()


class RayActor(Worker):
    """An actor with one core, and so with one thread, and no restarts of Ray's own: a loss is reported, not hidden."""

    HINT = (
        "; Ray's logs, /tmp/ray/session_latest/logs on the node, say more; a runtime_env that installs packages needs "
        "limits=Limits(start_seconds=...)"
    )

    def __init__(self, ray: ModuleType, runtime_env: Mapping[str, object] | None) -> None:
        self.ray = ray
        self.actor = ray.remote(num_cpus=1, max_restarts=0, runtime_env=runtime_env)(_Actor).remote()

    def submit(self, payload: bytes) -> Future[Answer]:
        """Call the actor."""
        return self.actor.run.remote(payload).future()

    def close(self) -> None:
        """Kill the actor."""
        with suppress(Exception):  # it may be dead, and its cluster too
            self.ray.kill(self.actor)


class _Actor:
    def run(self, payload: bytes) -> Answer:
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
    runtime_env: Mapping[str, object] | None = None,
    limits: Limits | None = None,
) -> Executor:
    """Workers of one of `BACKENDS` that have given a sign of life; a context manager.

    Args:
        workers: at least 1, of one thread each; with backend single exactly 1.
        address: of a running Ray cluster, host:port, ray://host:port or auto; None for Ray on this machine, which
            starts in the main thread alone.
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
    if not (limits.seconds > 0 and limits.start_seconds > 0 and limits.restarts >= 0):
        raise ConfigurationError(f"limits: expected positive seconds, and restarts of at least 0, got {limits}")
    if not isinstance(workers, int) or workers < 1 or (backend == "single" and workers > 1):
        raise ConfigurationError(
            f"workers: expected {'1' if backend == 'single' else 'at least 1'} with backend {backend}, got {workers}"
        )
    if backend != "ray" and (address is not None or runtime_env is not None):
        raise ConfigurationError(f"address, runtime_env: only for backend ray, got backend {backend}")
    if backend == "single":
        return Executor(Worker, workers, limits)
    if backend == "processes":
        return Executor(Process, workers, limits)
    with OPENING:
        ray = connect_ray(address, workers)
        return Executor(lambda: RayActor(ray, runtime_env), workers, limits)


def connect_ray(address: str | None, workers: int) -> ModuleType:
    """The ray module, connected; a connection of the caller is used. Ray ends with this process.

    Raises BackendError where Ray is missing or of another version on the cluster, nobody answers, or less than
    `workers` cores are free.
    """
    try:
        import ray
    except ImportError as error:
        raise BackendError(
            "backend ray: Ray is not installed. Run `pip install hsokv[ray]`, or use backend processes"
        ) from error
    port = None if address in (None, "auto") else _knock(address)
    if not ray.is_initialized():
        _init_ray(ray, address, workers)
    elif port and "://" not in address and not (own := ray.get_runtime_context().gcs_address).endswith(f":{port}"):
        raise BackendError(f"this process is connected to Ray at {own}: call ray.shutdown() before another address")
    end = time.perf_counter() + RAY_ANSWER_SECONDS
    while (found := _cores_of(ray))[1] < workers:
        total, free = found
        if total < workers or time.perf_counter() > end:
            raise BackendError(
                f"workers: {workers} need one core each, but the Ray cluster has {total} cores, {free} of them free. "
                "Take fewer workers, add nodes, or end what holds the cores"
            )
        time.sleep(0.2)
    return ray


def _init_ray(ray: ModuleType, address: str | None, workers: int) -> None:
    options: dict[str, object] = {"log_to_driver": False, "logging_level": "error"}
    if address is None:  # Ray counts cores as it is told; where workers exceed cores the record says so
        options |= {"num_cpus": max(workers, cores()), "include_dashboard": False}
        if threading.current_thread() is not threading.main_thread():  # Linux ends Ray's servers with the thread
            raise BackendError("Ray cannot start in a thread: call ray.init() in the main one, or use processes")
    else:
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", f"{RAY_ANSWER_SECONDS:.0f}")  # Ray's own is 20 s
    try:
        ray.init(address=address or "local", **options)
    except (Exception, SystemExit) as error:  # from ConnectionError to the end of the process
        raise BackendError(
            f"Ray at {address or 'this machine'} cannot be used: {_last_line(error.__cause__ or error)}. This side "
            f"runs Ray {ray.__version__}; every node needs the same Ray, the same Python, and RAY_AUTH_MODE=token with "
            "the cluster's token (docs/distributed.md)"
        ) from error


def _last_line(error: BaseException) -> str:
    """What Ray's errors say: the last line is the remote exception, and general advice follows."""
    return (str(error).strip().splitlines() or [""])[-1].split(" Some common causes")[0].strip()


def _cores_of(ray: ModuleType) -> tuple[int, int]:
    """Cores of the cluster in all, and free ones."""
    return int(ray.cluster_resources().get("CPU", 0)), int(ray.available_resources().get("CPU", 0))


def _knock(address: str) -> int:
    """The port of an address. BackendError where no gRPC server answers: Ray waits minutes and ends the process."""
    try:
        url = urlsplit(address if "://" in address else f"ray://{address}")
        host, port = (url.hostname, url.port) if url.scheme == "ray" and not url.path else (None, None)
    except ValueError:
        host = port = None
    if not host or not port:
        raise BackendError(
            f"address: expected host:port or ray://host:port, with [...] around an IPv6 address, got {address!r}"
        )
    try:
        with socket.create_connection((host, port), timeout=RAY_ANSWER_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS", "0") == "0":
                connection.sendall(PREFACE)
                if connection.recv(4)[3:] != b"\x04":  # a server begins with its SETTINGS
                    raise OSError("what listens there is not Ray")
    except OSError as error:
        raise BackendError(
            f"no Ray cluster answers at {address} within {RAY_ANSWER_SECONDS:g} s ({error}). Start one there with "
            "`ray start --head`, or correct the address"
        ) from error
    return port
