"""The store: what is accepted, what is not, and whom an owner copies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsokv.distributed.store import Push, choose, copy, init_store, push, staleness
from hsokv.exceptions import ConfigurationError


def found(owner, version, score=0.5, key=(1.0, 0.0), delta=1.0):
    return Push(owner, version, np.full(3, delta, np.float32), np.array(key, np.float32), score, 10)


def filled(scores, keys=None):
    store = init_store(np.zeros((len(scores), 3)), 2)
    keys = keys or [(np.cos(i), np.sin(i)) for i in range(len(scores))]
    for owner, (score, key) in enumerate(zip(scores, keys, strict=True)):
        store, _ = push(store, found(owner, 0, score, key, delta=owner))
    return store


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=30))
def test_a_push_counts_once_in_whatever_order_and_however_often_it_comes(pushes):
    store, accepted = init_store(np.zeros((3, 3)), 2), set()
    for owner, version in pushes:
        store, verdict = push(store, found(owner, version))
        if verdict == "accepted":
            assert (owner, version) not in accepted
            accepted.add((owner, version))
    counts = [sum(owner == i for owner, _ in accepted) for i in range(3)]
    assert store.periods.tolist() == counts == store.version.tolist()
    assert store.steps.tolist() == [10 * count for count in counts]
    assert store.learner[:, 0].tolist() == counts
    assert store.clock == len(accepted)


@pytest.mark.parametrize("change", [{"score": np.nan}, {"delta": np.inf}, {"key": (np.nan, 0.0)}])
def test_what_is_not_finite_changes_nothing(change):
    before = filled([0.1, 0.2])
    after, verdict = push(before, found(0, 1, **change))
    assert verdict == "failed"
    assert after is before


def test_a_store_that_somebody_holds_stays_as_it_is():
    before = filled([0.1, 0.2])
    kept = [part.copy() for part in before]
    copy(push(before, found(0, 1))[0], 1, 0)
    for part, was in zip(before, kept, strict=True):
        np.testing.assert_array_equal(part, was)


def test_the_newest_entry_counts_however_lucky_an_older_one_was():
    store, _ = push(filled([0.9, 0.2, 0.3, 0.4]), found(0, 1, score=0.1))
    assert store.score[0] == 0.1
    assert choose(store, 1, 0.25, 1.0) is None
    assert choose(store, 0, 0.25, 1.0) == 3


def test_the_worst_copy_the_best_and_a_copy_is_whole():
    store = filled([0.1, 0.2, 0.3, 0.4])
    assert [choose(store, owner, 0.25, 1.0) for owner in range(4)] == [3, None, None, None]
    after = copy(store, 0, 3)
    for part in (after.learner, after.key, after.score):
        np.testing.assert_array_equal(part[0], part[3])
    assert (after.parent[0], after.version[0], after.periods[0]) == (3, 2, 1)
    assert push(after, found(0, 1))[1] == "duplicate"  # on what was before the copy
    assert push(after, found(0, 2))[1] == "accepted"


def test_of_the_best_the_most_different_is_taken_and_nobody_alike():
    keys = [(1.0, 0.0), (0.0, 1.0), (1.0, 0.1), (0.0, 1.0)]
    store = filled([0.1, 0.2, 0.9, 0.8], keys)
    assert choose(store, 0, 0.5, 0.99) == 3
    assert choose(filled([0.1, 0.9], [(1.0, 0.0), (2.0, 0.0)]), 0, 0.5, 0.99) is None


def test_nobody_copies_a_manager_without_a_score_or_an_equal():
    assert choose(init_store(np.zeros((2, 3)), 2), 0, 0.5, 1.0) is None
    assert choose(filled([0.5, 0.5]), 1, 0.5, 1.0) is None
    assert choose(filled([0.5]), 0, 0.5, 1.0) is None


def test_staleness_is_what_came_since():
    store = filled([0.1, 0.2, 0.3])
    assert [staleness(store, owner) for owner in range(3)] == [2, 1, 0]


def test_a_store_without_managers_is_refused():
    with pytest.raises(ConfigurationError, match="managers: wanted at least 1, came 0"):
        init_store(np.zeros((0, 3)), 2)
