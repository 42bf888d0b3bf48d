"""Laws of a read: which entries it finds, at once and in blocks, what they say, and where gradients go."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import vmap

from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv

from .made import CLASSES, FLOATS, largest, seeds, unit


def filled(capacity, key_dim, entries=None, dtype=torch.float32, seed=0):
    entries = capacity if entries is None else entries
    keys, labels = unit(entries, key_dim, dtype=dtype, seed=seed), torch.arange(entries) % CLASSES
    return kv.write(kv.init(capacity, key_dim, dtype=dtype), keys, labels)


# --- what it finds


@settings(max_examples=100, deadline=None)
@given(
    capacity=st.integers(1, 400), free=st.integers(0, 9), k=st.integers(1, 12), key_dim=st.integers(1, 3), seed=seeds
)
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_read_is_a_plain_ranking_by_cosine_and_ties_go_to_the_lower_slot(dtype, capacity, free, k, key_dim, seed):
    """Of small whole numbers, whose products are exact and mostly equal; a free slot passes no entry."""
    generator = torch.Generator().manual_seed(seed)
    keys = torch.randint(-1, 2, (capacity, key_dim), generator=generator).to(dtype)
    queries = torch.randint(-1, 2, (4, key_dim), generator=generator).to(dtype)
    state = kv.init(capacity, key_dim, dtype=dtype)._replace(keys=keys, labels=torch.arange(capacity))
    state = state._replace(number=torch.arange(capacity), count=torch.ones(capacity))
    state = kv.remove(state, torch.arange(capacity) >= capacity - free)
    found, cosines = kv.read(state, queries, k), (queries @ state.keys.mT).clamp(0, 1)
    assert found.slots.tolist() == [sorted(range(capacity), key=lambda i: -row[i])[:k] for row in cosines.tolist()]
    assert torch.equal(found.similarity, cosines.gather(1, found.slots))
    for part in ("labels", "count"):
        assert torch.equal(getattr(found, part), getattr(state, part)[found.slots])


@pytest.mark.parametrize(("count", "queries", "limit"), [(3, 1, 256), (20, 5, 256), (999, 5, 256), (20_003, 30, 1)])
def test_ties_of_equal_keys_go_to_the_older_entry_also_over_blocks(count, queries, limit):
    state = kv.write(kv.init(count, 48), unit(1, 48).expand(count, 48), torch.arange(count))
    for k in (1, 16):
        found = kv.read(state, unit(queries, 48, seed=1), k, max_megabytes=limit)
        assert found.labels.tolist() == [list(range(min(k, count)))] * queries


def test_no_queries_find_nothing():
    for capacity in (4, 500):
        assert kv.read(kv.init(capacity, 2), torch.zeros(0, 2), 3).labels.shape == (0, 3)


# --- in blocks


@pytest.mark.parametrize("k", [1, 16, 900])
@pytest.mark.parametrize("dtype", FLOATS)
def test_blocks_find_what_one_product_finds(k, dtype):
    for entries in (100, 900):
        state, queries = filled(900, 8, entries, dtype), unit(300, 8, seed=1, dtype=dtype)
        whole, blocks = kv.read(state, queries, k), kv.read(state, queries, k, max_megabytes=1)
        assert torch.equal(whole.slots, blocks.slots)
        torch.testing.assert_close(whole, blocks)
        two = kv.MemoryState(*(part.expand(2, *part.shape) for part in state))
        for read in (kv.read, vmap(kv.read, in_dims=(0, 0, None, None))):
            of_many = read(two, queries.expand(2, -1, -1), k, 1)
            assert torch.equal(of_many.slots, whole.slots.expand(2, -1, -1))


def test_blocks_take_no_more_than_they_may():
    state, queries = filled(20_000, 4), unit(200, 4, seed=1)
    assert largest(lambda: kv.read(state, queries, 2, max_megabytes=1)) <= 2**18
    memory = KeyValueMemory(4, CLASSES, capacity=20_000, k=2, max_megabytes=1)
    memory.write(state.keys, state.labels)
    assert largest(lambda: memory.read(queries)) <= 2**18


# --- gradients


@pytest.mark.parametrize("capacity", [6, 300])
def test_the_gradient_reaches_everything(capacity):
    features, queries, projection = (unit(*shape, dtype=torch.float64) for shape in [(5, 4), (3, 2), (4, 2)])
    state = kv.write(kv.init(capacity, 4, dtype=torch.float64), features, torch.arange(5) % CLASSES)
    free, pad = capacity - 5, torch.nn.functional.pad  # a key that is zero has no direction to differentiate

    def loss(queries, projection, keys, count, inverse_temperature):
        now = state._replace(keys=pad(keys, (0, 0, 0, free)), count=pad(count, (0, free)))
        found = kv.read(kv.project(now, projection), queries, 3)
        return kv.label_distribution(found, inverse_temperature, CLASSES)

    inputs = (queries, projection, state.keys[:5], state.count[:5], torch.tensor(3.0, dtype=torch.float64))
    inputs = [part.clone().requires_grad_() for part in inputs]
    for gradient in torch.autograd.grad(loss(*inputs)[..., 0].sum(), inputs):
        assert gradient.count_nonzero() > 0
    assert torch.autograd.gradcheck(loss, inputs)


def test_gradients_pass_through_blocks():
    state, queries = filled(900, 8, dtype=torch.float64), unit(300, 8, seed=1, dtype=torch.float64)

    def gradients(**settings):
        leaves = [part.clone().requires_grad_() for part in (state.keys, queries)]
        found = kv.read(state._replace(keys=leaves[0]), leaves[1], 5, **settings)
        return torch.autograd.grad(kv.label_distribution(found, 5.0, CLASSES)[:, 0].square().sum(), leaves)

    torch.testing.assert_close(gradients(), gradients(max_megabytes=1))


# --- what the entries say


def test_label_distribution_equals_a_hand_computation():
    cosines, counts = torch.tensor([[1.0, 0.5, 0.0]]), torch.tensor([[1.0, 4.0, 0.0]])
    found = kv.Retrieval(cosines, torch.tensor([[2, 0, 2]]), counts, torch.arange(3)[None])
    expected = []
    for b in (3.0, 1.0):
        evidence = [math.exp(-b) + 4 * math.exp(-b * 0.5), math.exp(-b), math.exp(-b) + 1.0]
        expected.append([value / sum(evidence) for value in evidence])
    torch.testing.assert_close(kv.label_distribution(found, 3.0, CLASSES), torch.tensor(expected[:1]))
    by_member = kv.label_distribution(found, torch.tensor([[3.0], [1.0]]), CLASSES)
    torch.testing.assert_close(by_member, torch.tensor(expected)[:, None])
