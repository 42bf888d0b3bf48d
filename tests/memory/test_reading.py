"""Laws of the key-value memory: reading, and what the entries say."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import vmap

from hsokv.memory import functional as kv

from .states import CLASSES, FLOATS, copy, many, same, seeds, unit

# --- reading


def test_read_changes_nothing():
    state = kv.write(kv.init(4, 3), unit(3, 3), torch.tensor([0, 1, 2]))
    before = copy(state)
    first, second = (kv.read(state, unit(5, 3, seed=1), 2) for _ in range(2))
    assert same(state, before)
    assert same(first, second)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("capacity", [9, 300])
def test_read_equals_a_plain_ranking_by_cosine(capacity, dtype):
    count = capacity - 2
    keys, queries = unit(count, 3, dtype=dtype), unit(5, 3, seed=1, dtype=dtype)
    labels = torch.arange(count) % CLASSES
    found = kv.read(kv.write(kv.init(capacity, 3, dtype=dtype), keys, labels), queries, 3)
    for row, query in enumerate(queries):
        cosines = [max(0.0, float(query @ key)) for key in keys]
        order = sorted(range(count), key=lambda i: -cosines[i])[:3]
        assert found.slots[row].tolist() == order
        assert found.labels[row].tolist() == labels[order].tolist()
        assert found.similarity[row].tolist() == pytest.approx([cosines[i] for i in order], abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(capacity=st.integers(1, 400), k=st.integers(1, 12), key_dim=st.integers(1, 3), seed=seeds)
@pytest.mark.parametrize("dtype", FLOATS)
def test_ties_go_to_the_lower_slot(dtype, capacity, k, key_dim, seed):
    generator = torch.Generator().manual_seed(seed)
    keys = torch.randint(-1, 2, (capacity, key_dim), generator=generator).to(
        dtype
    )  # products are exact, most are equal
    queries = torch.randint(-1, 2, (4, key_dim), generator=generator).to(dtype)
    state = kv.init(capacity, key_dim, dtype=dtype)
    state = state._replace(keys=keys, labels=torch.arange(capacity), number=torch.arange(capacity))
    cosines = (queries @ keys.mT).clamp(0, 1).tolist()
    expected = [sorted(range(capacity), key=lambda i: -row[i])[:k] for row in cosines]
    assert kv.read(state, queries, k).slots.tolist() == expected


@pytest.mark.parametrize("count", [3, 20, 200, 999])
@pytest.mark.parametrize("k", [1, 2, 16])
@pytest.mark.parametrize("queries", [1, 5])
def test_ties_of_equal_keys_go_to_the_older_entry(count, k, queries):
    state = kv.write(kv.init(count, 48), unit(1, 48).expand(count, 48), torch.arange(count))
    expected = list(range(min(k, count)))
    assert kv.read(state, unit(queries, 48, seed=1), k).labels.tolist() == [expected] * queries


@pytest.mark.parametrize("key_dim", [1, 2])
def test_a_free_slot_never_passes_an_entry(key_dim):
    key = torch.eye(key_dim)[:1]
    found = kv.read(kv.write(kv.init(20, key_dim), key, torch.tensor([1])), -key, 1)
    assert found.similarity.item() == 0
    assert (found.labels.item(), found.count.item(), found.slots.item()) == (1, 1.0, 0)


def test_more_asked_than_held():
    state = kv.write(kv.init(4, 2), torch.eye(2), torch.tensor([1, 2]))
    found = kv.read(state, torch.tensor([[0.0, 1.0]]), 50)
    assert found.labels.shape == (1, 4)
    assert found.labels[0, :2].tolist() == [2, 1]
    assert found.count.tolist() == [[1.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize("capacity", [4, 500])
def test_no_queries_find_nothing(capacity):
    assert kv.read(kv.init(capacity, 2), torch.zeros(0, 2), 3).labels.shape == (0, 3)


def test_the_order_of_queries_does_not_matter():
    state = kv.write(kv.init(400, 8), unit(390, 8), torch.arange(390) % CLASSES)
    queries, order = unit(33, 8, seed=1), torch.randperm(33, generator=torch.Generator().manual_seed(2))
    found, shuffled = kv.read(state, queries, 5), kv.read(state, queries[order], 5)
    assert torch.equal(found.slots[order], shuffled.slots)
    torch.testing.assert_close(found.similarity[order], shuffled.similarity)


# --- what the entries say


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
        assert gradient.isfinite().all()
        assert gradient.count_nonzero() > 0
    assert torch.autograd.gradcheck(loss, inputs)


def test_the_gradient_passes_under_vmap():
    keys, labels, queries, _ = (part.flatten(0, 1) for part in many())

    def loss(queries, keys, labels):
        state = kv.write(kv.init(16, 4), keys, labels)
        return kv.label_distribution(kv.read(state, queries, 2), 5.0, CLASSES)[..., 0].sum()

    gradient = torch.func.grad(loss, argnums=(0, 1))
    alone = [gradient(*entry) for entry in zip(queries, keys, labels, strict=True)]
    for parts, stacked in zip(vmap(gradient)(queries, keys, labels), zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(parts, torch.stack(stacked))


def test_an_empty_memory_says_nothing():
    found = kv.read(kv.init(4, 2), unit(3, 2), 2)
    assert found.count.sum() == 0
    torch.testing.assert_close(kv.label_distribution(found, 10.0, CLASSES), torch.full((3, CLASSES), 1 / CLASSES))


def test_label_distribution_equals_a_hand_computation():
    cosines, counts = torch.tensor([[1.0, 0.5, 0.0]]), torch.tensor([[1.0, 4.0, 0.0]])
    labels, b = torch.tensor([[2, 0, 2]]), 3.0
    constant = math.exp(-b)
    evidence = [constant + 4 * math.exp(-b * 0.5), constant, constant + 1.0]
    expected = torch.tensor([[value / sum(evidence) for value in evidence]])
    found = kv.Retrieval(cosines, labels, counts, torch.arange(3)[None])
    torch.testing.assert_close(kv.label_distribution(found, b, CLASSES), expected)


@settings(max_examples=60, deadline=None)
@given(exponent=st.floats(-3, 3), seed=st.integers(0, 50), written=st.integers(0, 8))
def test_label_distribution_is_a_distribution_however_sharp(exponent, seed, written):
    state = kv.init(5, 3)
    if written:
        state = kv.write(state, unit(written, 3, seed=seed), torch.arange(written) % CLASSES)
    p = kv.label_distribution(kv.read(state, unit(4, 3, seed=seed + 1), 3), 10**exponent, CLASSES)
    assert (p >= 0).all()
    torch.testing.assert_close(p.sum(-1), torch.ones(4))


def test_one_inverse_temperature_per_member_equals_one_at_a_time():
    found = kv.read(kv.write(kv.init(5, 3), unit(5, 3), torch.arange(5) % CLASSES), unit(4, 3, seed=1), 3)
    inverse_temperature = torch.tensor([1.0, 10.0])
    together = kv.label_distribution(found, inverse_temperature[:, None], CLASSES)
    torch.testing.assert_close(
        together, torch.stack([kv.label_distribution(found, b, CLASSES) for b in inverse_temperature])
    )
