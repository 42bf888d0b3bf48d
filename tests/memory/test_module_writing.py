"""Laws of the memory as a module: a write costs what it adds, and harms nothing that was taken before."""

import copy
import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import nll_loss

from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv

from .largest import largest
from .modules import CLASSES, KEY_DIM, content, draw, draw_labels, empty, filled, snapshot, unchanged

batches = st.lists(st.lists(st.integers(0, CLASSES - 1), min_size=0, max_size=6), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None)
@given(capacity=st.integers(1, 9), steps=batches, seed=st.integers(0, 1000))
def test_writes_in_place_are_those_of_the_function_bit_for_bit(capacity, steps, seed):
    memory, state = empty(capacity=capacity), kv.init(capacity, KEY_DIM)
    for i, labels in enumerate(steps):
        features, labels = draw(len(labels), KEY_DIM, seed=seed + i), torch.tensor(labels, dtype=torch.int64)
        memory.write(features, labels)
        state = kv.write(state, features, labels)
        if i % 3 == 2:
            memory.forget(label=0)
            state = kv.remove(state, state.labels == 0)
        assert len(memory) == state.occupied.sum()
    assert all(torch.equal(a, b) for a, b in zip(memory.state, state, strict=True))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), more=st.integers(1, 9))
def test_of_entries_of_several_writers_the_same_stay_as_in_the_function(seed, more):
    memory = filled(9, seed=seed, capacity=12)
    memory.merge(filled(9, seed=seed + 1, origin=1))
    state = memory.state
    for i in range(more):
        features, labels = draw(1, KEY_DIM, seed=seed + i), draw_labels(1, seed=seed + i)
        memory.write(features, labels)
        state = kv.write(state, features, labels)
    assert all(torch.equal(a, b) for a, b in zip(memory.state, state, strict=True))


def test_many_entries_are_averaged_as_few_are(monkeypatch):
    """The sizes at which a write goes by classes and blocks, and those at which it goes at once."""
    features, labels = draw(900, KEY_DIM, seed=3), torch.arange(900) % 7
    state = kv.write(kv.init(300, KEY_DIM), features[:300], labels[:300])
    whole, smaller = kv.write(state, features, labels), kv.prune(kv.write(kv.init(900, KEY_DIM), features, labels), 300)
    monkeypatch.setattr("hsokv.memory.consolidation.PRODUCT", 1000)
    monkeypatch.setattr("hsokv.memory.consolidation.BLOCK", 16)
    in_blocks = kv.write(state, features, labels)
    assert all(torch.equal(a, b) for a, b in zip(whole[1:], in_blocks[1:], strict=True))
    torch.testing.assert_close(whole.keys, in_blocks.keys)
    pruned = kv.prune(kv.write(kv.init(900, KEY_DIM), features, labels), 300)
    assert all(torch.equal(a, b) for a, b in zip(smaller, pruned, strict=True))


@pytest.mark.parametrize("label", [1, 60], ids=["averaged", "an entry leaves"])
def test_one_row_into_a_full_memory_makes_no_tensor_of_all_keys(label):
    memory = KeyValueMemory(64, 61, capacity=6000)
    memory.write(draw(6000, 64), torch.arange(6000) % 60)
    where = memory.keys.data_ptr()
    assert largest(lambda: memory.write(draw(1, 64, seed=1), torch.tensor([label]))) <= 2 * 6000
    assert memory.keys.data_ptr() == where
    assert len(memory) == 6000


@pytest.mark.parametrize("write", ["module", "function"])
def test_twice_as_many_as_fit_make_no_square(write):
    n = 6000
    memory = KeyValueMemory(16, 10, capacity=n)
    features, labels = draw(2 * n, 16), torch.arange(2 * n) % 10
    memory.write(features[:n], labels[:n])
    state = memory.state
    calls = {"module": lambda: memory.write(features, labels), "function": lambda: kv.write(state, features, labels)}
    assert largest(calls[write]) <= n * n / 10


def test_what_was_taken_is_not_changed_by_a_write():
    memory = filled(20)
    before = snapshot(memory)
    takings = {
        "state": lambda: list(memory.state),
        "checkpoint": lambda: list(memory.state_dict().values()),
        "shallow copy": lambda: list(copy.copy(memory).state),
    }
    for take in takings.values():
        taken = take()
        was = [part.clone() for part in taken]
        for seed in range(3):
            memory.write(draw(1, KEY_DIM, seed=seed), torch.tensor([seed]))
        assert all(torch.equal(a, b) for a, b in zip(taken, was, strict=True))
    assert not unchanged(memory, before)


def test_a_checkpoint_that_was_assigned_is_not_changed_by_a_write():
    checkpoint = filled(20).state_dict()
    before = {name: part.clone() for name, part in checkpoint.items()}
    memory = empty()
    memory.load_state_dict(checkpoint, assign=True)
    memory.write(draw(1, KEY_DIM), torch.tensor([0]))
    assert all(torch.equal(checkpoint[name], part) for name, part in before.items())


@pytest.mark.parametrize("projected", [False, True])
def test_rows_written_one_by_one_between_a_loss_and_its_gradient_do_no_harm(projected):
    memory = filled(20)
    if projected:
        memory.set_projection(torch.nn.Parameter(draw(KEY_DIM, 4, seed=5)))
    queries = draw(5, KEY_DIM, seed=1).requires_grad_(not projected)
    leaves = [leaf for leaf in (queries, *memory.parameters()) if leaf.requires_grad]

    def gradient(between):
        loss = nll_loss(memory(queries), draw_labels(5))
        between()
        return torch.autograd.grad(loss, leaves)

    calm = gradient(lambda: None)
    rows = [(draw(1, KEY_DIM, seed=i), torch.tensor([i % 3])) for i in range(9)]
    stirred = gradient(lambda: ([memory.write(*row) for row in rows], memory.forget(label=0)))
    assert all(torch.equal(a, b) for a, b in zip(calm, stirred, strict=True))


def test_entries_are_in_order_wherever_they_are_looked_at():
    memory = empty(capacity=4)
    for i, label in enumerate([0, 0, 0, 0, 1, 2, 1]):
        memory.write(draw(1, KEY_DIM, seed=i), torch.tensor([label]))
    expected = content(copy.deepcopy(memory))
    assert [entry[1] for entry in expected] == sorted(entry[1] for entry in expected)
    file = io.BytesIO()
    torch.save(memory, file)
    file.seek(0)
    assert content(torch.load(file, weights_only=False)) == expected
    loaded = empty(capacity=4)
    loaded.load_state_dict(memory.state_dict())
    assert content(loaded) == content(memory) == expected


@pytest.mark.parametrize("capacity", [5, 40])
def test_a_memory_can_be_resized(capacity):
    memory, state = filled(20), filled(20).state
    memory.resize(capacity)
    assert memory.capacity == capacity
    assert all(torch.equal(a, b) for a, b in zip(memory.state, kv.prune(state, capacity), strict=True))
    memory.write(draw(4, KEY_DIM, seed=2), draw_labels(4))
    assert memory.count.sum() == 24
