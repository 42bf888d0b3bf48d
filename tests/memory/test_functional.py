"""Laws of the key-value memory: merging, keys made anew, many memories at once, and what is refused."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import vmap

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.memory import functional as kv

from .states import CLASSES, copy, grown, many, names, same, seeds, unit

# --- merging


def three(seed):
    """Three memories of different origins and histories, two of which go on from a copy of the first's start."""
    start = grown(seed, 0)
    return grown(seed + 1, 1, base=start), grown(seed + 2, 2, base=start), grown(seed + 3, 3, capacity=5)


@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_merge_is_commutative_associative_and_idempotent(seed):
    a, b, c = three(seed)
    assert same(kv.merge(a, b), kv.merge(b, a))
    left, right = kv.merge(kv.merge(a, b), c), kv.merge(a, kv.merge(b, c))
    assert same(kv.prune(left, 13), kv.prune(right, 13))
    assert same(kv.prune(kv.merge(a, a), 4), a)
    assert same(kv.prune(kv.merge(left, b), 13), kv.prune(left, 13))
    assert same(kv.prune(left, 3), kv.prune(right, 3)), "a capacity that averages averages the same"


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_a_merge_holds_what_either_holds_with_the_larger_count(seed):
    a, b, _ = three(seed)
    both = kv.merge(a, b)
    counts = {}
    for state in (a, b):
        for name, count in zip(names(state), state.count.tolist(), strict=False):
            counts[name] = max(count, counts.get(name, 0))
    assert dict(zip(names(both), both.count.tolist(), strict=False)) == counts
    assert int(both.clock) == max(int(a.clock), int(b.clock))


# --- keys made anew


@settings(max_examples=30, deadline=None)
@given(seed=seeds, scale=st.sampled_from([1e-25, 1.0, 1e25]))
def test_projecting_a_memory_equals_writing_projected_keys(seed, scale):
    keys, projection = unit(4, 3, seed=seed), scale * unit(3, 2, seed=seed + 1)
    labels = torch.arange(4) % CLASSES
    projected = kv.project(kv.write(kv.init(6, 3), keys, labels), projection)
    afresh = kv.write(kv.init(6, 2), keys @ projection, labels)
    torch.testing.assert_close(projected.keys, afresh.keys, rtol=0, atol=1e-5)
    assert same(projected[1:], afresh[1:])


def test_a_key_projected_to_zero_is_similar_to_nothing():
    state = kv.project(kv.write(kv.init(2, 2), torch.eye(2), torch.tensor([0, 1])), torch.tensor([[1.0], [0.0]]))
    assert kv.read(state, torch.ones(1, 1), 2).similarity.tolist() == [[1.0, 0.0]]


# --- many memories at once


def everything(keys, labels, queries, origin):
    """All operations in a row, on one memory or, given leading axes, on many."""
    batch = tuple(labels.shape[:-1])
    state = kv.write(kv.init(20, 4, batch), keys, labels, origin)
    smaller = kv.write(state, keys.flip(-2), labels.flip(-1), origin)
    removed = kv.remove(smaller, smaller.labels == 1)
    merged = kv.prune(kv.merge(removed, state), 50)
    projected = kv.project(merged, queries.mT @ queries)
    found = kv.read(projected, queries, 2)
    return [*state, *smaller, *removed, *merged, *projected, *found, kv.label_distribution(found, 5.0, CLASSES)]


def looped(inputs):
    """`everything` for one memory after the other, stacked."""
    alone = [everything(*(part[i, j] for part in inputs)) for i in range(2) for j in range(3)]
    return [torch.stack(parts).unflatten(0, (2, 3)) for parts in zip(*alone, strict=True)]


@pytest.mark.parametrize("together", [everything, vmap(vmap(everything))], ids=["leading axes", "vmap"])
def test_many_memories_equal_a_loop(together):
    for parts, alone in zip(together(*many()), looped(many()), strict=True):
        if alone.is_floating_point():  # a product of many matrices may round otherwise than one of two
            torch.testing.assert_close(parts, alone, rtol=0, atol=1e-6)
        else:
            assert torch.equal(parts, alone)


def test_vmap_of_writing_and_merging_equals_a_loop_bit_for_bit():
    def step(keys, labels, origin):
        state = kv.write(kv.init(20, 4), keys, labels, origin)
        other = kv.write(kv.remove(state, labels.new_ones(20) * torch.arange(20) > 9), keys[:4], labels[:4], origin + 1)
        return kv.prune(kv.merge(state, other), 40)

    keys, labels, _, origin = (part.flatten(0, 1) for part in many())
    alone = [step(*entry) for entry in zip(keys, labels, origin, strict=True)]
    assert same(vmap(step)(keys, labels, origin), [torch.stack(parts) for parts in zip(*alone, strict=True)])


# --- what is refused


@pytest.mark.parametrize(
    ("keys", "labels", "message"),
    [
        (torch.ones(1, 3), torch.tensor([0]), r"wanted keys \['n', 2\].*got \(1, 3\)"),
        (torch.ones(2, 2), torch.tensor([0]), r"got \(2, 2\) and \(1,\)"),
        (torch.ones(4, 1, 2), torch.zeros(4, 1, dtype=torch.int64), r"got \(4, 1, 2\)"),
        (torch.ones(2), torch.tensor(0), r"got \(2,\) and \(\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_and_the_state_is_untouched(keys, labels, message):
    state = kv.write(kv.init(2, 2), torch.eye(2), torch.tensor([0, 1]))
    before = copy(state)
    with pytest.raises(DataError, match=message):
        kv.write(state, keys, labels)
    assert same(state, before)


def test_sizes_that_mean_nothing_are_refused():
    with pytest.raises(ConfigurationError, match="capacity >= 1"):
        kv.init(0, 2)
    with pytest.raises(ConfigurationError, match="key_dim >= 1"):
        kv.init(2, 0)
    with pytest.raises(ConfigurationError, match="k >= 1, got 0"):
        kv.read(kv.init(2, 2), torch.ones(1, 2), 0)
    with pytest.raises(ConfigurationError, match="max_megabytes >= 1, got 0"):
        kv.read(kv.init(2, 2), torch.ones(1, 2), 1, max_megabytes=0)
