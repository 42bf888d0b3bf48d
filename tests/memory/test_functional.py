"""Laws of the memory's functions: what is kept, averaged, merged, made anew, found and said, for one memory or many."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import vmap

from hsokv.learning.budget import count_flops
from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv
from hsokv.memory.kernel_ridge import kernel_ridge_weights

from .made import CLASSES, FLOATS, copy, draw, draw_labels, grown, largest, names, same, seeds, unit

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


# --- reading


def filled(capacity, key_dim, entries=None, dtype=torch.float32, seed=0):
    entries = capacity if entries is None else entries
    keys, labels = unit(entries, key_dim, dtype=dtype, seed=seed), torch.arange(entries) % CLASSES
    return kv.write(kv.init(capacity, key_dim, dtype=dtype), keys, labels)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 400), st.integers(0, 9), st.integers(1, 12), st.integers(1, 3), seeds)
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
