"""Laws of the key-value memory."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import vmap

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.memory import functional as kv

CLASSES = 3
FLOATS = [torch.float32, torch.float64]


def unit(*shape, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator, dtype=dtype), dim=-1)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def copy(state):
    return kv.MemoryState(*(part.clone() for part in state))


def kept(state):
    """(number, label) of every entry in slot order."""
    held = state.occupied
    return list(zip(state.number[held].tolist(), state.labels[held].tolist(), strict=True))


def names(state):
    """(origin, number) of every entry in slot order."""
    held = state.occupied
    return list(zip(state.origin[held].tolist(), state.number[held].tolist(), strict=True))


def quota(labels, capacity):
    """What has to stay of labels written in this order, by plain Python: lowest rank inside the class, oldest first."""
    ranks = [labels[:i].count(label) for i, label in enumerate(labels)]
    return sorted(sorted(range(len(labels)), key=lambda i: (ranks[i], i))[:capacity])


def well_formed(state):
    """Free slots are empty and last, entries lie in the order of writing, names are unique, the clock is ahead."""
    held = state.occupied
    assert held.tolist() == sorted(held.tolist(), reverse=True)
    assert state.keys[~held].count_nonzero() == state.count[~held].count_nonzero() == 0
    assert state.labels[~held].count_nonzero() == state.origin[~held].count_nonzero() == 0
    assert (state.number[~held] == -1).all()
    assert [(number, origin) for origin, number in names(state)] == sorted({(n, o) for o, n in names(state)})
    assert (state.number < state.clock).all()
    assert (state.count[held] >= 1).all()
    torch.testing.assert_close(state.keys[held].norm(dim=-1), torch.ones(int(held.sum()), dtype=state.keys.dtype))


def grown(seed, origin, capacity=4, base=None):
    """A memory with a history of its own: writes past its capacity and a removal, on top of `base` if given."""
    generator = torch.Generator().manual_seed(seed)
    state = kv.init(capacity, 3) if base is None else base
    for count in torch.randint(1, 4, (2,), generator=generator).tolist():
        labels = torch.randint(0, CLASSES, (count,), generator=generator)
        state = kv.write(state, torch.randn(count, 3, generator=generator), labels, origin)
    return kv.remove(state, torch.rand(state.labels.shape, generator=generator) < 0.2)


# --- writing, pruning, removing

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


def test_one_write_of_many_equals_the_quota_of_all():
    labels = [0, 0, 0, 1, 0, 2, 0, 1]
    state = kv.write(kv.init(4, 2), torch.ones(8, 2), torch.tensor(labels))
    assert kept(state) == [(0, 0), (1, 0), (3, 1), (5, 2)]
    assert [int(state.count[state.labels == label].sum()) for label in range(CLASSES)] == [5, 2, 1]


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


def test_free_slots_are_zero_and_come_last():
    state = kv.write(kv.init(4, 2), torch.eye(2), torch.tensor([1, 2]))
    assert state.occupied.tolist() == [True, True, False, False]
    well_formed(state)


def test_a_write_of_nothing_changes_nothing():
    state = kv.write(kv.init(4, 2), torch.eye(2), torch.tensor([1, 2]))
    assert same(kv.write(state, torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)), state)


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


# --- merging

seeds = st.integers(0, 10**6)


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
    assert same(kv.prune(left, 3), kv.prune(right, 3)), "a capacity that folds is the same fold"


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


# --- many memories at once


def everything(keys, labels, queries, origin):
    """All operations in a row, on one memory or, given leading axes, on many."""
    batch = tuple(labels.shape[:-1])
    state = kv.write(kv.init(20, 4, batch), keys, labels, origin)
    folded = kv.write(state, keys.flip(-2), labels.flip(-1), origin)
    removed = kv.remove(folded, folded.labels == 1)
    merged = kv.prune(kv.merge(removed, state), 50)
    projected = kv.project(merged, queries.mT @ queries)
    found = kv.read(projected, queries, 2)
    return [*state, *folded, *removed, *merged, *projected, *found, kv.label_distribution(found, 5.0, CLASSES)]


def many():
    labels = torch.randint(0, CLASSES, (2, 3, 16), generator=torch.Generator().manual_seed(0))
    return unit(2, 3, 16, 4), labels, unit(2, 3, 6, 4, seed=1), torch.arange(6).reshape(2, 3)


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


@pytest.mark.parametrize("capacity", [3, 300])
def test_many_large_memories_are_read_like_each(capacity):
    keys, queries = unit(2, capacity, 6), unit(2, 7, 6, seed=1)
    state = kv.write(kv.init(capacity, 6, (2,)), keys, torch.arange(capacity).expand(2, -1) % CLASSES)
    alone = [kv.read(kv.MemoryState(*(part[i] for part in state)), queries[i], 3) for i in range(2)]
    for found in (
        kv.read(state, queries, 3),
        vmap(lambda *s: kv.read(kv.MemoryState(*s[:-1]), s[-1], 3))(*state, queries),
    ):
        assert torch.equal(found.slots, torch.stack([one.slots for one in alone]))
        torch.testing.assert_close(found.similarity, torch.stack([one.similarity for one in alone]))


# --- what the entries say


@pytest.mark.parametrize("capacity", [6, 300])
def test_the_gradient_reaches_everything(capacity):
    features, queries, projection = (unit(*shape, dtype=torch.float64) for shape in [(5, 4), (3, 2), (4, 2)])
    state = kv.write(kv.init(capacity, 4, dtype=torch.float64), features, torch.arange(5) % CLASSES)
    chosen = kv.read(kv.project(state, projection), queries, 3)
    assert (chosen.similarity > 0).any()

    def loss(queries, projection, keys, count, sharpness):
        now = kv.project(state._replace(keys=keys, count=count), projection)
        return kv.label_distribution(kv.read(now, queries, 3), sharpness, CLASSES)

    sharpness = torch.tensor(3.0, dtype=torch.float64)
    inputs = [part.clone().requires_grad_() for part in (queries, projection, state.keys, state.count, sharpness)]
    for gradient in torch.autograd.grad(loss(*inputs)[..., 0].sum(), inputs):
        assert gradient.isfinite().all()
        assert gradient.count_nonzero() > 0

    def of_entries(queries, projection, keys, count, sharpness):  # a key that is zero has no direction to differentiate
        pad = torch.nn.functional.pad
        return loss(queries, projection, pad(keys, (0, 0, 0, capacity - 5)), pad(count, (0, capacity - 5)), sharpness)

    queries, projection, keys, count, sharpness = (part.detach() for part in inputs)
    inputs = (queries, projection, keys[:5].clone(), count[:5].clone(), sharpness)
    assert torch.autograd.gradcheck(of_entries, [part.requires_grad_() for part in inputs])


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
    cosines, labels, counts = (
        torch.tensor([[1.0, 0.5, 0.0]]),
        torch.tensor([[2, 0, 2]]),
        torch.tensor([[1.0, 4.0, 0.0]]),
    )
    b = 3.0
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


def test_one_sharpness_per_member_equals_one_at_a_time():
    found = kv.read(kv.write(kv.init(5, 3), unit(5, 3), torch.arange(5) % CLASSES), unit(4, 3, seed=1), 3)
    sharpness = torch.tensor([1.0, 10.0])
    together = kv.label_distribution(found, sharpness[:, None], CLASSES)
    torch.testing.assert_close(together, torch.stack([kv.label_distribution(found, b, CLASSES) for b in sharpness]))


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


@pytest.mark.parametrize(
    ("key", "label", "message"),
    [
        ([math.nan, 1.0], 0, "finite keys"),
        ([math.inf, 1.0], 0, "finite keys"),
        ([1.0, -math.inf], 0, "finite keys"),
        ([0.0, 0.0], 0, "not zero"),
        ([1.0, 1.0], CLASSES, r"labels in 0\.\.2, got 0\.\.3"),
        ([1.0, 1.0], -1, r"labels in 0\.\.2, got -1\.\.0"),
    ],
)
def test_bad_entries_are_refused(key, label, message):
    with pytest.raises(DataError, match=message):
        kv.check_entries(torch.tensor([[1.0, 0.0], key]), torch.tensor([0, label]), CLASSES)


def test_good_entries_and_no_entries_pass():
    kv.check_entries(torch.tensor([[1e-30, 0.0], [1e30, 1.0]]), torch.tensor([0, CLASSES - 1]), CLASSES)
    kv.check_entries(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), CLASSES)


def test_sizes_that_mean_nothing_are_refused():
    with pytest.raises(ConfigurationError, match="capacity >= 1"):
        kv.init(0, 2)
    with pytest.raises(ConfigurationError, match="key_dim >= 1"):
        kv.init(2, 0)
    with pytest.raises(ConfigurationError, match="k >= 1, got 0"):
        kv.read(kv.init(2, 2), torch.ones(1, 2), 0)
