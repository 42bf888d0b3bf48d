"""Laws of the key-value memory: what is kept, averaged and removed."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hsokv.learning.budget import count_flops
from hsokv.memory import functional as kv

from .states import CLASSES, FLOATS, copy, grown, kept, names, quota, same, unit, well_formed

writes = st.lists(st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=5), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(capacity=st.integers(1, 6), batches=writes)
def test_any_sequence_of_writes_keeps_cap_quota_and_order(capacity, batches):
    state = kv.init(capacity, 2)
    for labels in batches:
        before, first = kept(state), int(state.clock)
        state = kv.write(state, torch.ones(len(labels), 2), torch.tensor(labels))
        candidates = before + [(first + i, label) for i, label in enumerate(labels)]
        assert kept(state) == [candidates[i] for i in quota([label for _, label in candidates], capacity)]
        well_formed(state)
    written = [label for labels in batches for label in labels]
    assert state.occupied.sum() == min(capacity, len(written))
    if len(set(written)) <= capacity:
        counts = [int(state.count[state.labels == label].sum()) for label in set(written)]
        assert counts == [written.count(label) for label in set(written)], "an example is in no entry"


actions = st.lists(st.tuples(st.sampled_from(["write", "prune", "merge", "remove"]), st.integers(0, 99)), max_size=6)


@settings(max_examples=60, deadline=None)
@given(capacity=st.integers(1, 6), steps=actions)
def test_any_sequence_of_operations_keeps_cap_and_quota(capacity, steps):
    state = grown(0, 0, capacity)
    for i, (step, seed) in enumerate(steps):
        if step == "write":
            state = kv.write(state, unit(3, 3, seed=seed), torch.arange(seed, seed + 3) % CLASSES)
        elif step == "merge":
            other = grown(seed, i + 1, base=state if seed % 2 else None)
            both = kv.merge(state, other)
            assert set(names(both)) == set(names(state)) | set(names(other))
            assert both.labels.shape[-1] == state.labels.shape[-1] + other.labels.shape[-1]
            well_formed(both)
            state = kv.prune(both, capacity)
            labels = [label for _, label in kept(both)]
            assert names(state) == [names(both)[j] for j in quota(labels, capacity)]
        elif step == "prune":
            smaller = kv.prune(state, 1 + seed % capacity)
            labels = [label for _, label in kept(state)]
            assert kept(smaller) == [kept(state)[j] for j in quota(labels, 1 + seed % capacity)]
            well_formed(smaller)
            state = kv.prune(smaller, capacity)
        else:
            chosen = torch.arange(capacity) % 3 == seed % 3
            left = [entry for entry, out in zip(names(state), chosen.tolist(), strict=False) if not out]
            state = kv.remove(state, chosen)
            assert names(state) == left
        assert state.labels.shape == (capacity,)
        well_formed(state)


def test_what_does_not_fit_is_averaged_into_the_nearest_entry_of_its_class():
    state = kv.write(kv.init(3, 2), torch.eye(2)[[0, 1, 0]], torch.tensor([0, 0, 1]))
    state = kv.write(state, torch.tensor([[4.0, 3.0]]), torch.tensor([0]))
    total = math.hypot(1.8, 0.6)
    torch.testing.assert_close(state.keys, torch.tensor([[1.8 / total, 0.6 / total], [0.0, 1.0], [1.0, 0.0]]))
    assert state.count.tolist() == [2, 1, 1]


def test_a_class_with_no_entry_left_is_forgotten():
    state = kv.write(kv.init(1, 2), torch.eye(2), torch.tensor([0, 1]))
    assert (kept(state), state.count.tolist()) == ([(0, 0)], [1])
    assert torch.equal(state.keys, torch.eye(2)[:1])


@pytest.mark.parametrize("dtype", FLOATS)
def test_keys_follow_their_labels_and_are_unit_vectors(dtype):
    keys = torch.tensor([[3.0, 4.0], [1e-30, 0.0], [2e30, 2e30]], dtype=dtype)
    state = kv.write(kv.init(3, 2, dtype=dtype), keys, torch.tensor([2, 0, 1]))
    expected = torch.tensor([[0.6, 0.8], [1.0, 0.0], [math.sqrt(0.5), math.sqrt(0.5)]], dtype=dtype)
    torch.testing.assert_close(state.keys, expected)
    assert state.labels.tolist() == [2, 0, 1]
    assert state.count.tolist() == [1.0, 1.0, 1.0]
    found = kv.read(state, expected, 1)
    assert found.labels.flatten().tolist() == [2, 0, 1]
    assert kv.label_distribution(found, 3.0, CLASSES).dtype == dtype


def test_operations_make_a_new_state():
    state = kv.write(kv.init(2, 2), torch.eye(2), torch.tensor([0, 1]))
    before = copy(state)
    kv.write(state, -torch.eye(2), torch.tensor([0, 1]))
    kv.prune(state, 1)
    kv.prune(state, 9)
    kv.merge(state, grown(1, 1)._replace(keys=torch.ones(4, 2)))
    kv.remove(state, torch.tensor([True, False]))
    kv.project(state, torch.ones(2, 3))
    assert same(state, before)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), capacity=st.integers(1, 5))
def test_a_name_is_never_used_again(seed, capacity):
    state = grown(seed, 0, capacity)
    used = set(names(state))
    for i in range(3):
        state = kv.remove(state, state.number == state.number.max())  # the newest, or nothing where all is free
        held = set(names(state))
        state = kv.write(state, unit(1, 3, seed=i), torch.tensor([i]))
        assert not (set(names(state)) - held) & used
        used |= set(names(state))


def test_what_a_write_by_classes_costs_can_be_counted(monkeypatch):
    state = kv.write(kv.init(40, 8), unit(40, 8), torch.arange(40) % CLASSES)
    whole = count_flops(kv.write, state, unit(60, 8, seed=1), torch.arange(60) % CLASSES)[1]
    monkeypatch.setattr("hsokv.memory.consolidation.PRODUCT", 100)
    for call in (kv.write, lambda _, *entries: kv.prune(kv.write(kv.init(60, 8), *entries), 40)):
        assert 0 < count_flops(call, state, unit(60, 8, seed=1), torch.arange(60) % CLASSES)[1] < 2 * whole
