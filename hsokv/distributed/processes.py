"""Workers as processes of this machine; learners and deltas lie in shared memory, the pipes carry the rest."""

import multiprocessing
import os
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing.connection import Connection, wait

import numpy as np

from hsokv.distributed.period import Job, Plan, Result, Worker
from hsokv.distributed.pool import ONE_THREAD, Lost
from hsokv.exceptions import BackendError

ROOM = 256  # managers that a worker's shared memory has room for


class Processes:
    """A process per worker, started afresh (spawn), so that it inherits no threads and no locks.

    Memory is shared without a name, so nothing is left behind by a kill. A result is read after the message that
    announces it: what a worker wrote before it died is never seen.
    """

    def __init__(self, plan: Plan, workers: int) -> None:
        self.plan, self.workers = plan, workers
        self.length = 3 * import_module(plan.task).SIZE
        self.context = multiprocessing.get_context("spawn")
        self.processes: dict[int, multiprocessing.process.BaseProcess] = {}
        self.pipes: dict[int, Connection] = {}
        self.blocks: dict[int, np.ndarray] = {}
        for worker in range(workers):
            self._start(worker)

    def submit(self, worker: int, job: Job) -> None:
        """Write the learners to shared memory and the rest to the pipe; a dead worker is told of by `wait`."""
        if len(job.owners) > ROOM:
            raise BackendError(f"a worker has room for {ROOM} managers, came {len(job.owners)}: take more workers")
        rows = {owner: row for row, owner in enumerate(job.owners)}
        for owner, learner in job.learners.items():
            self.blocks[worker][rows[owner]] = learner
        with suppress(OSError):
            self.pipes[worker].send(job._replace(learners=dict.fromkeys(job.learners)))

    def wait(self, seconds: float) -> list[tuple[int, Result | Lost]]:
        """Results as they come; the pipe of a dead process ends, which counts as an answer."""
        by_pipe = {pipe: worker for worker, pipe in self.pipes.items()}
        answers = []
        for pipe in wait(list(by_pipe), seconds):
            worker = by_pipe[pipe]
            try:
                result = pipe.recv()
            except (EOFError, OSError):
                self._end(worker)
                answers.append((worker, Lost(f"the process ended with exit code {self.processes[worker].exitcode}")))
                continue
            deltas = self.blocks[worker][: len(result.pushes)].copy()
            pushes = [found._replace(delta=delta) for found, delta in zip(result.pushes, deltas, strict=True)]
            answers.append((worker, result._replace(pushes=pushes)))
        return answers

    def restart(self, worker: int) -> None:
        """End what is left of the worker, if anything, and start another."""
        self._end(worker)
        self._start(worker)

    def close(self) -> None:
        """End all processes."""
        for worker in self.processes:
            self._end(worker)

    def _start(self, worker: int) -> None:
        ours, theirs = self.context.Pipe()
        memory = self.context.RawArray("f", ROOM * self.length)
        process = self.context.Process(target=_serve, args=(self.plan, theirs, memory), daemon=True)
        with environment(ONE_THREAD):
            process.start()
        theirs.close()
        self.processes[worker], self.pipes[worker] = process, ours
        self.blocks[worker] = np.frombuffer(memory, np.float32).reshape(ROOM, self.length)

    def _end(self, worker: int) -> None:
        self.processes[worker].kill()
        self.processes[worker].join()
        if pipe := self.pipes.pop(worker, None):
            pipe.close()


def _serve(plan: Plan, pipe: Connection, memory: object) -> None:
    """The life of a worker: jobs in, results out, until the other end of the pipe is closed."""
    worker = Worker(plan)
    block = np.frombuffer(memory, np.float32).reshape(ROOM, -1)
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        rows = {owner: row for row, owner in enumerate(job.owners)}
        learners = {owner: block[rows[owner]].copy() for owner in job.learners}
        result = worker.work(job._replace(learners=learners))
        for row, found in enumerate(result.pushes):
            block[row] = found.delta
        empty = np.empty(0, np.float32)
        pipe.send(result._replace(pushes=[found._replace(delta=empty) for found in result.pushes]))


@contextmanager
def environment(variables: dict[str, str]):
    """Environment variables for as long as a process is being started, which reads them then."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
