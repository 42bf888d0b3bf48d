"""The supervisor: deals periods out to workers, lets managers share, outlives what fails, goes on where it stopped.

Managers go in groups, as many as there are workers; a group is worked by whoever is free, so a swarm goes on with fewer
workers than it began with. What is pushed is kept in a file before anybody builds on it: an entry that was accepted is
neither lost nor counted twice, whoever is killed, this process too.
"""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hsokv.distributed.kept_run import Event, read_run, write_run
from hsokv.distributed.period import Job, Plan, Result
from hsokv.distributed.pool import Lost, Pool
from hsokv.distributed.store import Store, choose, copy, push, staleness
from hsokv.exceptions import BackendError, ConfigurationError, check_known

MODES = ("none", "synchronous", "asynchronous")
FAILURES = 3  # NaN pushes of one owner in a row after which a run ends


class Sharing(NamedTuple):
    """`mode`, one of `MODES`; `share` in (0, 0.5] and `alike` in [-1, 1] as in `store.choose`; `sync_every` >= 1:
    periods of an owner between two looks at others."""

    mode: str
    share: float = 0.25
    alike: float = 0.99
    sync_every: int = 1


class Limits(NamedTuple):
    """`seconds` that a job, or keeping the store, may take; `restarts` of one worker before it is given up."""

    seconds: float = 120.0
    restarts: int = 3


class Spell(NamedTuple):
    """One job's seconds: at work in the worker, between worker and supervisor, and in the supervisor's hands."""

    worker: int
    work: float
    transfer: float
    merge: float


class Outcome(NamedTuple):
    """The store at the end, all events, wall seconds, the jobs of this call, bytes to and from workers."""

    store: Store
    events: list[Event]
    seconds: float
    spells: list[Spell]
    sent: int
    received: int


def supervise(
    store: Store,
    plan: Plan,
    sharing: Sharing,
    periods: int,
    pool: Pool,
    *,
    target: float | None = None,
    limits: Limits | None = None,
    keep: Path | None = None,
    watch: Callable[[Event], Any] = lambda event: None,
) -> Outcome:
    """Run every manager of `store` for that many periods, or until one's score reaches `target`.

    Args:
        keep: a file (.npz) that holds the run; where it is there, the run goes on from it.
        pool: idle; after a run that ended at its target or in an error it is not, and is to be closed.
        watch: told of every event once it is kept.

    Raises:
        ConfigurationError: zero periods, an unknown mode, more workers than managers, or a kept run of another plan.
        BackendError: no worker is left, one owner failed again and again, or the file could not be written in time.
    """
    limits = limits or Limits()
    check_sharing(sharing)
    if periods < 1:
        raise ConfigurationError(f"periods: wanted at least 1, came {periods}")
    if pool.workers > len(store.score):
        raise ConfigurationError(
            f"workers: wanted at most one for each of {len(store.score)} managers, came {pool.workers}"
        )
    events, before = [], 0.0
    if keep is not None and keep.exists():
        store, events, before = read_run(keep, repr((plan, sharing)))
    run = _Run(store, plan, sharing, periods, pool, target, limits, keep, watch, events, before)
    run.go_on()
    return Outcome(run.store, run.events, run.now(), run.spells, run.sent, run.received)


def check_sharing(sharing: Sharing) -> Sharing:
    """Refuse an unknown mode and what lies outside the ranges above; return the settings."""
    check_known("sharing", sharing.mode, MODES)
    if not (0 < sharing.share <= 0.5 and -1 <= sharing.alike <= 1 and sharing.sync_every >= 1):
        raise ConfigurationError(f"sharing: wanted share in (0, 0.5], alike in [-1, 1], every >= 1; came {sharing}")
    return sharing


class _Run:
    """A run in progress: who works on what, and the store."""

    def __init__(self, store, plan, sharing, periods, pool, target, limits, keep, watch, events, before) -> None:
        self.store, self.plan, self.sharing, self.periods, self.pool = store, plan, sharing, periods, pool
        self.target, self.limits, self.keep, self.watch, self.events = target, limits, keep, watch, events
        self.start, self.made_by = time.perf_counter() - before, repr((plan, sharing))
        self.groups = [tuple(map(int, part)) for part in np.array_split(np.arange(len(store.score)), pool.workers)]
        self.ready = deque(self._unfinished())
        self.working: dict[int, tuple[tuple[int, ...], float]] = {}  # worker -> group, and since when
        self.restarts = [0] * pool.workers
        self.idle = set(range(pool.workers))
        self.held: list[dict[int, int]] = [{} for _ in range(pool.workers)]  # the versions that a worker holds
        self.shared = int(store.periods.min())  # the turn after which all shared last, where sharing is synchronous
        self.failures = [0] * len(store.score)
        self.spells, self.sent, self.received = [], 0, 0

    def now(self) -> float:
        return time.perf_counter() - self.start

    def go_on(self) -> None:
        """Deal out, collect, share, until nothing is left to do."""
        while (self.ready or self.working) and not self._reached():
            while self.ready and self.idle:
                self._submit(self.ready.popleft())
            if not self.working:
                raise BackendError(
                    f"no worker is left: each was lost more than {self.limits.restarts} times. What was accepted "
                    f"{'stands in ' + str(self.keep) if self.keep else 'is lost, since no file was named to keep it'}"
                )
            self._collect()

    def _unfinished(self) -> list[tuple[int, ...]]:
        """Who has periods left; in step with the slowest where sharing is synchronous."""
        done = self.store.periods
        turn = min(self.periods, int(done.min()) + 1) if self.sharing.mode == "synchronous" else self.periods
        left = [tuple(owner for owner in group if done[owner] < turn) for group in self.groups]
        return [group for group in left if group]

    def _reached(self) -> bool:
        return self.target is not None and bool((self.store.score >= self.target).any())

    def _submit(self, group: tuple[int, ...]) -> None:
        # The worker that knows most of the group, so that little is sent.
        worker = max(sorted(self.idle), key=lambda worker: len(self._known(worker, group)))
        self.idle.remove(worker)
        versions = tuple(int(self.store.version[owner]) for owner in group)
        known = self._known(worker, group)
        learners = {owner: self.store.learner[owner] for owner in group if owner not in known}
        job = Job(group, versions, tuple(int(self.store.periods[owner]) for owner in group), learners)
        self.sent += sum(learner.nbytes for learner in learners.values()) + 24 * len(group)
        self.pool.submit(worker, job)
        self.working[worker] = (group, time.perf_counter())

    def _known(self, worker: int, group: tuple[int, ...]) -> set[int]:
        held = self.held[worker]
        return {owner for owner in group if held.get(owner) == int(self.store.version[owner])}

    def _collect(self) -> None:
        """Wait for answers, take them in, keep the store, and only then let anybody go on."""
        first = min(since for _, since in self.working.values())
        answers = self.pool.wait(max(0.0, first + self.limits.seconds - time.perf_counter()))
        came = time.perf_counter()
        late = [worker for worker, (_, since) in self.working.items() if since + self.limits.seconds <= came]
        told = {worker for worker, _ in answers}
        answers += [(worker, Lost(f"no answer in {self.limits.seconds:g} s")) for worker in late if worker not in told]
        if not answers:
            return
        news, groups, spells = [], [], []
        for worker, answer in answers:
            group, since = self.working.pop(worker, ((), came))  # an idle one may be lost too
            groups += [group] if group else []
            if isinstance(answer, Lost):
                news.append(Event(self.now(), "lost", worker, 0.0, int(self.store.steps.sum())))
                self._replace(worker)
            else:
                news += self._take(worker, answer)
                spells.append((worker, answer.seconds, came - since - answer.seconds))
        news += self._share(groups)
        self.events += news
        if self.keep is not None:
            write_run(self.keep, self.made_by, self.store, self.events, self.now(), self.limits.seconds)
        merge = (time.perf_counter() - came) / len(answers)
        self.spells += [Spell(*spell, merge) for spell in spells]
        for event in news:
            self.watch(event)
        self._check_failures()
        if self.sharing.mode != "synchronous":
            self.ready += [group for group in self._unfinished() if self._of(group) in {self._of(g) for g in groups}]
        elif not self.working and not self.ready:
            self.ready += self._unfinished()

    def _of(self, group: tuple[int, ...]) -> int:
        return next(number for number, whole in enumerate(self.groups) if group[0] in whole)

    def _replace(self, worker: int) -> None:
        self.held[worker] = {}
        self.idle.discard(worker)
        self.restarts[worker] += 1
        if self.restarts[worker] <= self.limits.restarts:
            self.pool.restart(worker)
            self.idle.add(worker)

    def _take(self, worker: int, result: Result) -> list[Event]:
        """Push what a worker found."""
        news = []
        self.idle.add(worker)
        for found in result.pushes:
            self.received += found.delta.nbytes + found.key.nbytes + 32
            self.store, verdict = push(self.store, found)
            self.failures[found.owner] = self.failures[found.owner] + 1 if verdict == "failed" else 0
            score = found.score if verdict == "accepted" else 0.0
            news.append(Event(self.now(), verdict, found.owner, score, int(self.store.steps.sum())))
            if verdict == "accepted":
                self.held[worker][found.owner] = found.version + 1
            else:
                self.held[worker].pop(found.owner, None)
        return news

    def _share(self, groups: list[tuple[int, ...]]) -> list[Event]:
        """Let those copy who may now: owners that have just pushed, or, in step, all of them at once."""
        if self.sharing.mode == "none" or self._reached():
            return []
        owners = [owner for group in groups for owner in group]
        if self.sharing.mode == "synchronous":
            turn = int(self.store.periods.min())
            if turn == self.shared or turn < self.store.periods.max():
                return []
            self.shared = turn
            owners = list(range(len(self.store.score)))
        looking = [owner for owner in owners if self.store.periods[owner] % self.sharing.sync_every == 0]
        looking = [owner for owner in looking if self.store.parent[owner] == owner and self.store.periods[owner] > 0]
        chosen = [(i, choose(self.store, i, self.sharing.share, self.sharing.alike)) for i in looking]
        news = []
        for owner, source in chosen:
            if source is not None:
                stale = staleness(self.store, source)
                self.store = copy(self.store, owner, source)
                news.append(Event(self.now(), "copied", owner, float(stale), int(self.store.steps.sum())))
        return news

    def _check_failures(self) -> None:
        if max(self.failures) >= FAILURES:
            owner = self.failures.index(max(self.failures))
            raise BackendError(
                f"manager {owner} came back with NaN {FAILURES} times in a row from the same learner: lower sigma or "
                "the rate"
            )
