"""A `map` whose parts are worked elsewhere: here, by processes of this machine, or by Ray. For pure functions."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from hsokv.distributed.pool import ONE_THREAD, check_backend
from hsokv.distributed.processes import environment
from hsokv.exceptions import BackendError

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]
"""(function of one part, parts) -> what it returns for each, in their order."""


@contextmanager
def open_spread(backend: str, workers: int, *, address: str | None = None, seconds: float = 60) -> Iterator[Spread]:
    """A spread over so many workers, one thread each, of one of `pool.BACKENDS`; errors as with `open_pool`.

    The function and its parts are pickled, so the function is one of a module. On a cluster Ray takes as many cores as
    there are parts, and works a part again whose worker dies; with processes that is a BackendError.

    >>> with open_spread("single", 1) as spread:
    ...     spread(abs, [-1, 2])
    [1, 2]
    """
    check_backend(backend, workers, address)
    if backend == "single":
        yield lambda function, parts: [function(part) for part in parts]
    elif backend == "processes":
        with (
            environment(ONE_THREAD),
            ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as executor,
        ):
            yield lambda function, parts: _over_processes(executor, function, parts)
    else:
        from hsokv.distributed.ray_actors import connect

        ray, ours = connect(address, workers, seconds)
        options = {"num_cpus": 1, "runtime_env": {"env_vars": ONE_THREAD}}
        call = ray.remote(**options)(_call)
        try:
            yield lambda function, parts: ray.get([call.remote(function, part) for part in parts])
        finally:
            if ours:
                ray.shutdown()


def _call(function: Callable[[Any], Any], part: Any) -> Any:
    return function(part)


def _over_processes(executor: ProcessPoolExecutor, function: Callable[[Any], Any], parts: Iterable[Any]) -> list[Any]:
    try:
        return list(executor.map(function, parts))
    except BrokenProcessPool as error:
        raise BackendError("a worker process died, perhaps for memory: run it again, or with fewer workers") from error
