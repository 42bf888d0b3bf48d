"""Laws of the memory's functions: what is kept, averaged, removed, merged and made anew, for one memory or many."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import vmap

from hsokv.learning.budget import count_flops
from hsokv.memory import functional as kv
from hsokv.memory.kernel_ridge import kernel_ridge_weights

from .made import CLASSES, FLOATS, copy, draw, draw_labels, grown, names, same, seeds, unit

# --- what is kept


def quota(labels, capacity):
    """What has to stay of labels written in this order, by plain Python: lowest rank inside the class, oldest first."""
    ranks = [labels[:i].count(label) for i, label in enumerate(labels)]
    return sorted(sorted(range(len(labels)), key=lambda i: (ranks[i], i))[:capacity])


def well_formed(state):
    """Free slots are empty and last, entries lie in the order of writing, names are unique, the clock is ahead."""
    held = state.occupied
    assert held.tolist() == sorted(held.tolist(), reverse=True)
    assert not any(part[~held].count_nonzero() for part in (state.keys, state.labels, state.count, state.origin))
    assert (state.number[~held] == -1).all()
    assert [(number, origin) for origin, number in names(state)] == sorted({(n, o) for o, n in names(state)})
    assert (state.number < state.clock).all()
    torch.testing.assert_close(state.keys[held].norm(dim=-1), torch.ones(int(held.sum())))


def examples(state, label):
    return state.count[state.labels == label].sum()


steps = st.lists(st.tuples(st.sampled_from(["write", "write", "prune", "merge", "remove"]), seeds), max_size=6)


@settings(max_examples=50, deadline=None)
@given(capacity=st.integers(1, 6), steps=steps)
def test_any_sequence_of_operations_keeps_capacity_quota_and_order(capacity, steps):
    state = grown(0, 0, capacity)
    for i, (step, seed) in enumerate(steps):
        if step == "remove":
            chosen = torch.arange(capacity) % 3 == seed % 3
            left = [entry for entry, out in zip(names(state), chosen.tolist(), strict=False) if not out]
            clock, state = state.clock, kv.remove(state, chosen)
            assert (names(state), state.clock) == (left, clock)
            well_formed(state)
            continue
        smaller = capacity
        if step == "write":
            n, clock = seed % 5 + 1, int(state.clock)
            keys, labels = draw(n, 3, seed=seed), draw_labels(n, seed)
            both = kv.write(kv.prune(state, 50), keys, labels)
            assert names(both) == names(state) + [(0, clock + j) for j in range(n)]
            assert both.labels[both.occupied].tolist() == state.labels[state.occupied].tolist() + labels.tolist()
            after = kv.write(state, keys, labels)
        elif step == "merge":
            other = grown(seed, i + 1, base=state if seed % 2 else None)
            both = kv.merge(state, other)
            assert set(names(both)) == set(names(state)) | set(names(other))
            after = kv.prune(both, capacity)
        else:
            both, smaller = state, 1 + seed % capacity
            after = kv.prune(state, smaller)
        stay = quota(both.labels[both.occupied].tolist(), smaller)
        assert names(after) == [names(both)[j] for j in stay]
        for label in after.labels[after.occupied].tolist():
            assert examples(after, label) == examples(both, label), "an example is in no entry"
        assert after.labels.shape == (smaller,)
        assert after.clock >= state.clock, "a name is never used again"
        well_formed(after)
        state = kv.prune(after, capacity)


def test_what_does_not_fit_is_averaged_into_the_nearest_entry_of_its_class():
    state = kv.write(kv.init(3, 2), torch.eye(2)[[0, 1, 0]], torch.tensor([0, 0, 1]))
    state = kv.write(state, torch.tensor([[4.0, 3.0]]), torch.tensor([0]))
    total = math.hypot(1.8, 0.6)
    torch.testing.assert_close(state.keys, torch.tensor([[1.8 / total, 0.6 / total], [0.0, 1.0], [1.0, 0.0]]))
    assert state.count.tolist() == [2, 1, 1]


@pytest.mark.parametrize("dtype", FLOATS)
def test_keys_follow_their_labels_and_are_unit_vectors(dtype):
    keys = torch.tensor([[3.0, 4.0], [1e-30, 0.0], [2e30, 2e30]], dtype=dtype)
    state = kv.write(kv.init(3, 2, dtype=dtype), keys, torch.tensor([2, 0, 1]))
    expected = torch.tensor([[0.6, 0.8], [1.0, 0.0], [math.sqrt(0.5), math.sqrt(0.5)]], dtype=dtype)
    torch.testing.assert_close(state.keys, expected)
    found = kv.read(state, expected, 1)
    assert found.labels.flatten().tolist() == state.labels.tolist() == [2, 0, 1]
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
    kv.read(state, torch.eye(2), 1).labels.zero_()
    assert same(state, before)


def test_many_entries_are_averaged_as_few_are_and_that_is_counted(monkeypatch):
    """The sizes at which a write goes by classes and blocks, and those at which it goes at once."""
    features, labels = draw(900, 6, seed=3), torch.arange(900) % 7
    state = kv.write(kv.init(300, 6), features[:300], labels[:300])
    calls = {"write": lambda: kv.write(state, features, labels)}
    calls["prune"] = lambda: kv.prune(kv.write(kv.init(900, 6), features, labels), 300)
    whole = {name: count_flops(call) for name, call in calls.items()}
    monkeypatch.setattr("hsokv.memory.consolidation.PRODUCT", 1000)
    monkeypatch.setattr("hsokv.memory.consolidation.BLOCK", 16)
    for name, call in calls.items():
        in_blocks, flops = count_flops(call)
        assert same(in_blocks[1:], whole[name][0][1:])
        torch.testing.assert_close(in_blocks.keys, whole[name][0].keys)
        assert 0 < flops < 2 * whole[name][1]


# --- merging


@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_merge_is_commutative_associative_and_idempotent(seed):
    start = grown(seed, 0)  # two of the three go on from a copy of the same memory
    a, b = grown(seed + 1, 1, base=start), grown(seed + 2, 2, base=start)
    c = grown(seed + 3, 3, capacity=5)
    both = kv.merge(a, b)
    assert same(both, kv.merge(b, a))
    counts = {}
    for state in (a, b):
        for name, count in zip(names(state), state.count.tolist(), strict=False):
            counts[name] = max(count, counts.get(name, 0))
    assert dict(zip(names(both), both.count.tolist(), strict=False)) == counts, "the copy with the larger count"
    assert both.clock == max(a.clock, b.clock)
    left, right = kv.merge(both, c), kv.merge(a, kv.merge(b, c))
    assert same(kv.prune(left, 13), kv.prune(right, 13))
    assert same(kv.prune(kv.merge(a, a), 4), a)
    assert same(kv.prune(kv.merge(left, b), 13), kv.prune(left, 13))
    assert same(kv.prune(left, 3), kv.prune(right, 3)), "a capacity that averages averages the same"


# --- many memories at once, other reads of the keys


def test_a_key_projected_to_zero_is_similar_to_nothing():
    state = kv.project(kv.write(kv.init(2, 2), torch.eye(2), torch.tensor([0, 1])), torch.tensor([[1.0], [0.0]]))
    assert kv.read(state, torch.ones(1, 1), 2).similarity.tolist() == [[1.0, 0.0]]


def many():
    labels = torch.randint(0, CLASSES, (2, 3, 16), generator=torch.Generator().manual_seed(0))
    return unit(2, 3, 16, 4), labels, unit(2, 3, 6, 4, seed=1), torch.arange(6).reshape(2, 3)


def everything(keys, labels, queries, origin):
    """All operations in a row, on one memory or, given leading axes, on many."""
    state = kv.write(kv.init(20, 4, tuple(labels.shape[:-1])), keys, labels, origin)
    smaller = kv.write(state, keys.flip(-2), labels.flip(-1), origin)
    removed = kv.remove(smaller, smaller.labels == 1)
    merged = kv.prune(kv.merge(removed, state), 50)
    projected = kv.project(merged, queries.mT @ queries)
    found = kv.read(projected, queries, 2)
    return [*state, *smaller, *removed, *merged, *projected, *found, kv.label_distribution(found, 5.0, CLASSES)]


@pytest.mark.parametrize("together", [everything, vmap(vmap(everything))], ids=["leading axes", "vmap"])
def test_many_memories_equal_a_loop(together):
    one_by_one = [everything(*(part[i, j] for part in many())) for i in range(2) for j in range(3)]
    for parts, alone in zip(together(*many()), zip(*one_by_one, strict=True), strict=True):
        tolerance = 1e-6 if parts.is_floating_point() else 0  # a product of many matrices may round otherwise
        torch.testing.assert_close(parts, torch.stack(alone).unflatten(0, (2, 3)), rtol=0, atol=tolerance)


def test_kernel_ridge_weights_solve_the_system_and_pass_over_free_slots():
    keys, query, b, noise = unit(4, 5, seed=1), unit(1, 5, seed=2), 3.0, 0.2
    held = torch.tensor([True, True, False, True])
    similarity, gram = (query @ keys.mT).clamp(0, 1), keys @ keys.mT
    weights = kernel_ridge_weights(similarity, gram.unsqueeze(0), held.unsqueeze(0), b, noise)[0]
    assert weights[2] == 0
    system = torch.exp(b * (gram[held][:, held] - 1)) + noise * torch.eye(3)
    torch.testing.assert_close(system @ weights[held], torch.exp(b * (similarity[0, held] - 1)))
