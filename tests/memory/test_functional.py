import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.memory import functional as kv

CLASSES = 3


def unit(*shape, seed=0):
    return torch.nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def kept(state):
    """(serial, label) of every entry in slot order."""
    held = state.occupied
    return list(zip(state.written[held].tolist(), state.labels[held].tolist(), strict=True))


def quota(labels, capacity):
    """What has to stay of labels written in this order, by plain Python: lowest rank inside the class, newest first."""
    ranks = [labels[i + 1 :].count(label) for i, label in enumerate(labels)]
    return sorted(sorted(range(len(labels)), key=lambda i: (ranks[i], -i))[:capacity])


writes = st.lists(st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=5), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(capacity=st.integers(1, 6), batches=writes)
def test_any_sequence_of_writes_keeps_cap_quota_and_order(capacity, batches):
    state = kv.init(capacity, 2)
    for labels in batches:
        before, first = kept(state), int(state.written.max()) + 1
        state = kv.write(state, torch.ones(len(labels), 2), torch.tensor(labels), CLASSES)
        candidates = before + [(first + i, label) for i, label in enumerate(labels)]
        expected = [candidates[i] for i in quota([label for _, label in candidates], capacity)]
        assert kept(state) == expected
    assert state.occupied.sum() == min(capacity, sum(map(len, batches)))
    seen = {label for labels in batches for label in labels}
    if len(seen) <= capacity:
        assert {label for _, label in kept(state)} == seen, "a class lost its last entry while another kept two"


def test_one_write_of_many_equals_the_quota_of_all():
    labels = [0, 0, 0, 1, 0, 2, 0, 1]
    state = kv.write(kv.init(4, 2), torch.ones(8, 2), torch.tensor(labels), CLASSES)
    assert kept(state) == [(4, 0), (5, 2), (6, 0), (7, 1)]


def test_keys_follow_their_labels_and_are_unit_vectors():
    keys = torch.tensor([[3.0, 4.0], [1e-30, 0.0], [2e30, 2e30]])
    state = kv.write(kv.init(3, 2), keys, torch.tensor([2, 0, 1]), CLASSES)
    expected = torch.tensor([[0.6, 0.8], [1.0, 0.0], [math.sqrt(0.5), math.sqrt(0.5)]])
    torch.testing.assert_close(state.keys, expected)
    assert state.labels.tolist() == [2, 0, 1]
    assert state.confidence.tolist() == [1.0, 1.0, 1.0]


def test_free_slots_are_zero_and_come_last():
    state = kv.write(kv.init(4, 2), torch.eye(2), torch.tensor([1, 2]), CLASSES)
    assert state.occupied.tolist() == [True, True, False, False]
    assert state.keys[2:].abs().sum() == state.confidence[2:].sum() == 0


def test_read_changes_nothing():
    state = kv.write(kv.init(4, 3), unit(3, 3), torch.tensor([0, 1, 2]), CLASSES)
    before = kv.MemoryState(*(part.clone() for part in state))
    first, second = (kv.read(state, unit(5, 3, seed=1), 2) for _ in range(2))
    assert same(state, before)
    assert same(first, second)


def test_read_equals_a_plain_ranking_by_cosine():
    keys, queries, labels = unit(7, 3), unit(5, 3, seed=1), torch.arange(7) % CLASSES
    found = kv.read(kv.write(kv.init(9, 3), keys, labels, CLASSES), queries, 3)
    for row, query in enumerate(queries):
        cosines = [max(0.0, float(query @ key)) for key in keys]
        order = sorted(range(7), key=lambda i: -cosines[i])[:3]
        assert found.labels[row].tolist() == labels[order].tolist()
        assert found.similarity[row].tolist() == pytest.approx([cosines[i] for i in order], abs=1e-6)


@pytest.mark.parametrize("count", [3, 20, 200])
@pytest.mark.parametrize("k", [1, 2])
def test_ties_go_to_the_older_entry(count, k):
    state = kv.write(kv.init(count, 2), torch.ones(count, 2), torch.arange(count), count)
    assert kv.read(state, torch.full((1, 2), math.sqrt(0.5)), k).labels.tolist() == [list(range(k))]


def test_a_free_slot_never_passes_an_entry():
    state = kv.write(kv.init(20, 2), torch.tensor([[1.0, 0.0]]), torch.tensor([1]), CLASSES)
    found = kv.read(state, torch.tensor([[-1.0, 0.0]]), 1)
    assert found.similarity.item() == 0
    assert (found.labels.item(), found.confidence.item()) == (1, 1.0)


def test_more_asked_than_held():
    state = kv.write(kv.init(4, 2), torch.eye(2), torch.tensor([1, 2]), CLASSES)
    found = kv.read(state, torch.tensor([[0.0, 1.0]]), 50)
    assert found.labels.shape == (1, 4)
    assert found.labels[0, :2].tolist() == [2, 1]
    assert found.confidence.tolist() == [[1.0, 1.0, 0.0, 0.0]]


def test_an_empty_memory_says_nothing():
    found = kv.read(kv.init(4, 2), unit(3, 2), 2)
    assert found.confidence.sum() == 0
    torch.testing.assert_close(kv.label_distribution(found, 10.0, CLASSES), torch.full((3, CLASSES), 1 / CLASSES))


def test_leading_axes_equal_a_loop():
    states, memories = [], []
    keys, queries, labels = unit(2, 3, 5, 4), unit(2, 3, 6, 4, seed=1), torch.arange(30).reshape(2, 3, 5) % CLASSES
    batched = kv.write(kv.init(4, 4, (2, 3)), keys, labels, CLASSES)
    batched = kv.write(batched, keys.flip(-2), labels.flip(-1), CLASSES)
    found = kv.read(batched, queries, 2)
    for i, j in torch.cartesian_prod(torch.arange(2), torch.arange(3)).tolist():
        state = kv.write(kv.init(4, 4), keys[i, j], labels[i, j], CLASSES)
        states.append(kv.write(state, keys[i, j].flip(0), labels[i, j].flip(0), CLASSES))
        memories.append(kv.read(states[-1], queries[i, j], 2))
    for together, alone in zip(
        (*batched, *found), (*zip(*states, strict=True), *zip(*memories, strict=True)), strict=True
    ):
        torch.testing.assert_close(together, torch.stack(alone).unflatten(0, (2, 3)))


def test_label_distribution_equals_a_hand_computation():
    found = kv.Retrieval(torch.tensor([[1.0, 0.5, 0.0]]), torch.tensor([[2, 0, 2]]), torch.tensor([[1.0, 0.5, 0.0]]))
    b = 3.0
    constant = math.exp(-b)
    evidence = [constant + 0.5 * math.exp(-b * 0.5), constant, constant + 1.0]
    expected = torch.tensor([[value / sum(evidence) for value in evidence]])
    torch.testing.assert_close(kv.label_distribution(found, b, CLASSES), expected)


@settings(max_examples=40, deadline=None)
@given(sharpness=st.floats(1e-3, 1e3), seed=st.integers(0, 50), written=st.integers(0, 6))
def test_label_distribution_is_a_distribution_however_sharp(sharpness, seed, written):
    state = kv.init(5, 3)
    if written:
        state = kv.write(state, unit(written, 3, seed=seed), torch.arange(written) % CLASSES, CLASSES)
    p = kv.label_distribution(kv.read(state, unit(4, 3, seed=seed + 1), 3), sharpness, CLASSES)
    assert (p >= 0).all()
    torch.testing.assert_close(p.sum(-1), torch.ones(4))


def test_one_sharpness_per_member_equals_one_at_a_time():
    found = kv.read(kv.write(kv.init(5, 3), unit(5, 3), torch.arange(5) % CLASSES, CLASSES), unit(4, 3, seed=1), 3)
    sharpness = torch.tensor([1.0, 10.0])
    together = kv.label_distribution(found, sharpness[:, None], CLASSES)
    torch.testing.assert_close(together, torch.stack([kv.label_distribution(found, b, CLASSES) for b in sharpness]))


@pytest.mark.parametrize(
    ("keys", "labels", "message"),
    [
        (torch.tensor([[math.nan, 1.0]]), torch.tensor([0]), "finite keys"),
        (torch.tensor([[math.inf, 1.0]]), torch.tensor([0]), "finite keys"),
        (torch.zeros(1, 2), torch.tensor([0]), "not zero"),
        (torch.ones(1, 3), torch.tensor([0]), r"wanted keys \['n', 2\].*got \(1, 3\)"),
        (torch.ones(2, 2), torch.tensor([0]), r"got \(2, 2\) and \(1,\)"),
        (torch.ones(4, 1, 2), torch.zeros(4, 1, dtype=torch.int64), r"got \(4, 1, 2\)"),
        (torch.ones(1, 2), torch.tensor([CLASSES]), r"labels in 0\.\.2, got 3\.\.3"),
        (torch.ones(1, 2), torch.tensor([-1]), r"labels in 0\.\.2, got -1"),
    ],
)
def test_bad_entries_are_refused_and_the_state_is_untouched(keys, labels, message):
    state = kv.write(kv.init(2, 2), torch.eye(2), torch.tensor([0, 1]), CLASSES)
    before = kv.MemoryState(*(part.clone() for part in state))
    with pytest.raises(DataError, match=message):
        kv.write(state, keys, labels, CLASSES)
    assert same(state, before)


def test_a_write_makes_a_new_state():
    state = kv.init(2, 2)
    kv.write(state, torch.eye(2), torch.tensor([0, 1]), CLASSES)
    assert not state.occupied.any()


def test_shapes_that_mean_nothing_are_refused():
    with pytest.raises(ConfigurationError, match="capacity >= 1"):
        kv.init(0, 2)
    with pytest.raises(ConfigurationError, match="key_dim >= 1"):
        kv.init(2, 0)
    with pytest.raises(ConfigurationError, match="k >= 1, got 0"):
        kv.read(kv.init(2, 2), torch.ones(1, 2), 0)
