"""The key-value store that managers share through: behaviour as key, learner and score as value, one entry an owner.

An entry is the newest of its owner; older ones, lucky scores among them, are gone. A push is a delta on a version and
counts once: on any other version than the newest it is refused. A store is a frozen container of arrays, so that who
holds one can keep it, send it and go on from it.

`hsokv.memory` is not used here. Its values are labels, its writes add entries and average what has no room, and it
reads by torch; here values are vectors, a write replaces the owner's entry or is refused, and workers start without
torch. The read is the same, by cosine, over as many entries as there are managers.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from hsokv.exceptions import ConfigurationError


class Store(NamedTuple):
    """What m managers last pushed; all arrays lead with [m], the owners.

    learner  [m, L] float32     key  [m, K] float32, zero before the first push
    score    [m]    in 0..1, -inf before the first push
    version  [m]    of the entry, up by one with each push and each copy
    periods  [m]    pushes accepted, none counted twice
    steps    [m]    environment steps in these
    arrived  [m]    the clock at the newest push
    parent   [m]    whom the entry was copied from, else its owner
    clock    []     pushes accepted from all
    """

    learner: ndarray
    key: ndarray
    score: ndarray
    version: ndarray
    periods: ndarray
    steps: ndarray
    arrived: ndarray
    parent: ndarray
    clock: ndarray


class Push(NamedTuple):
    """What one manager found in a period: `delta` [L] float32 on `version`, `key` [K], `score`, `steps` made."""

    owner: int
    version: int
    delta: ndarray
    key: ndarray
    score: float
    steps: int


def init_store(learners: ndarray, key_dim: int) -> Store:
    """A store of first learners [m, L], version 0, that nobody has scored."""
    managers = len(learners)
    if managers < 1:
        raise ConfigurationError("managers: wanted at least 1, came 0")
    whole = [np.zeros(managers, np.int64) for _ in range(4)]
    scores = np.full(managers, -np.inf)
    keys = np.zeros((managers, key_dim), np.float32)
    return Store(learners.astype(np.float32), keys, scores, *whole, np.arange(managers), np.array(0))


def push(store: Store, found: Push) -> tuple[Store, str]:
    """The store with what was found, and "accepted"; or as it was, and "failed" or "duplicate".

    A delta, key or score that is not finite has failed. A delta on another version than the owner's newest has been
    counted before, or was overtaken by a copy.

    >>> store = init_store(np.zeros((1, 2)), 1)
    >>> found = Push(0, 0, np.ones(2, np.float32), np.ones(1), 0.5, 10)
    >>> store, verdict = push(store, found); verdict, store.learner.tolist(), int(store.steps[0])
    ('accepted', [[1.0, 1.0]], 10)
    >>> push(store, found)[1]
    'duplicate'
    """
    if not (np.isfinite(found.delta).all() and np.isfinite(found.key).all() and math.isfinite(found.score)):
        return store, "failed"
    if found.version != store.version[found.owner]:
        return store, "duplicate"
    store = _copied(store)
    i = found.owner
    store.learner[i] += found.delta
    store.key[i], store.score[i] = found.key, found.score
    store.version[i] += 1
    store.periods[i] += 1
    store.steps[i] += found.steps
    store.clock[...] += 1
    store.arrived[i], store.parent[i] = store.clock, i
    return store, "accepted"


def choose(store: Store, owner: int, share: float, alike: float) -> int | None:
    """Whom an owner should copy: one that is good and different; None where it should go on.

    The worst `share` of the owners copy, as in `hsokv.swarm.manager`; each takes, of as many best ones, the one whose
    key has the least cosine with its own, if that is at most `alike` and its score is better.
    """
    managers = len(store.score)
    count = min(math.ceil(share * managers), managers // 2)
    ranking = np.argsort(-store.score, kind="stable")
    if owner not in ranking[managers - count :]:
        return None
    best = [int(i) for i in ranking[:count] if store.score[i] > store.score[owner] and np.isfinite(store.score[i])]
    cosines = {i: _cosine(store.key[i], store.key[owner]) for i in best}
    source = min(best, key=cosines.get, default=None)
    return source if source is not None and cosines[source] <= alike else None


def copy(store: Store, owner: int, source: int) -> Store:
    """The store with the source's entry, whole, as the owner's next version."""
    store = _copied(store)
    for part in (store.learner, store.key, store.score):
        part[owner] = part[source]
    store.version[owner] += 1
    store.parent[owner] = source
    return store


def staleness(store: Store, source: int) -> int:
    """Pushes from others since the source's entry arrived."""
    return int(store.clock - store.arrived[source])


def _copied(store: Store) -> Store:
    return Store(*(part.copy() for part in store))


def _cosine(a: ndarray, b: ndarray) -> float:
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-12))
