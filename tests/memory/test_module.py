"""Laws of the memory as a module: reading, mixing, projections, gradients, and what a write changes and costs."""

import copy
import io
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import nll_loss, normalize

from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv

from .made import (
    CLASSES,
    KEY_DIM,
    NOTHING,
    content,
    draw,
    draw_labels,
    empty,
    filled,
    largest,
    same,
    same_reads,
    snapshot,
    unchanged,
)

# --- reading


def test_it_says_what_the_functions_say_of_queries_of_any_length():
    memory, queries = filled(inverse_temperature=7.0), draw(5, KEY_DIM, seed=1)
    expected = kv.label_distribution(kv.read(memory.state, normalize(queries, dim=-1), 4), 7.0, CLASSES)
    for scale in (1e-30, 1.0, 1e30):
        torch.testing.assert_close(memory(scale * queries).exp().detach(), expected)


@pytest.mark.parametrize("inverse_temperature", [1e-3, 10.0, 1e4])
def test_rows_are_distributions_and_no_label_is_impossible(inverse_temperature):
    for entries in (0, 1, 12):
        log_probs = filled(entries, inverse_temperature=inverse_temperature)(draw(9, KEY_DIM, seed=1))
        assert log_probs.isfinite().all()
        torch.testing.assert_close(log_probs.exp().sum(-1).detach(), torch.ones(9))
        if not entries:
            torch.testing.assert_close(log_probs.exp().detach(), torch.full((9, CLASSES), 1 / CLASSES))


def test_reading_in_any_mode_and_changing_nothing_change_nothing():
    memory, queries = filled(), draw(5, KEY_DIM, seed=1)
    before, expected = snapshot(memory), memory(queries).detach()
    memory.read(queries).labels.zero_()
    memory.mix(draw(5, CLASSES).log_softmax(-1), queries, 0.5)
    memory.eval()
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with mode():
            assert torch.equal(memory(queries), expected)
    memory.write(draw(0, KEY_DIM), NOTHING)
    memory.forget(NOTHING)
    memory.forget(torch.tensor([19]))  # a free slot
    memory.relabel(NOTHING, 1)
    assert memory(draw(0, KEY_DIM)).shape == (0, CLASSES)
    assert unchanged(memory, before)


# --- mixing


def test_the_mixture_is_the_one_of_probabilities_and_a_branch_alone_to_the_bit():
    memory, queries, log_param = filled(), draw(5, KEY_DIM, seed=1), (300 * draw(5, CLASSES)).log_softmax(-1)
    expected = 0.7 * log_param.exp() + 0.3 * memory(queries).exp()
    torch.testing.assert_close(memory.mix(log_param, queries, 0.3).exp(), expected)
    gates = torch.tensor([0.3, 0.0, 1.0, 0.3, 0.3])
    one_by_one = [memory.mix(log_param, queries, float(gate))[i] for i, gate in enumerate(gates)]
    for axes in (..., None):  # a further axis is read row by row
        assert torch.equal(memory.mix(log_param[axes], queries[axes], gates[axes]), torch.stack(one_by_one)[axes])
    assert torch.equal(one_by_one[1], log_param[1])
    assert torch.equal(one_by_one[2], memory(queries)[2])


def test_an_empty_memory_contributes_exactly_zero():
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        log_param = (300 * draw(5, CLASSES, dtype=torch.float64)).log_softmax(-1).to(dtype)
        for gate in (0.7, 1.0, torch.linspace(0, 1, 5)):
            mixed = empty().mix(log_param, draw(5, KEY_DIM, seed=1), gate)
            assert mixed.dtype is dtype
            assert torch.equal(mixed, log_param)


@pytest.mark.parametrize("memory", [empty(), filled()], ids=["empty", "filled"])
def test_no_gradient_is_lost_to_infinity(memory):
    """Shut and open gates, and a label that the other branch rules out."""
    logits = draw(5, CLASSES).masked_fill(torch.eye(5, CLASSES) > 0, -math.inf).requires_grad_()
    queries, gate = draw(5, KEY_DIM, seed=1).requires_grad_(), torch.tensor([0, 1, 0.5, 1e-7, 1]).requires_grad_()
    log_probs = memory.mix(logits.log_softmax(-1), queries, gate)
    log_probs.masked_select(log_probs.isfinite()).sum().backward()
    for leaf in (queries, gate, logits):
        assert leaf.grad.isfinite().all()


def test_gradients_are_those_of_the_function():
    memory = filled(inverse_temperature=3.0).double()
    memory.set_projection(nn.Parameter(draw(KEY_DIM, 4, seed=5, dtype=torch.float64)))
    leaves = (draw(3, CLASSES).log_softmax(-1), draw(3, KEY_DIM, seed=1), torch.full((3,), 0.3))
    leaves = tuple(leaf.double().requires_grad_() for leaf in leaves)
    learnt = (memory.log_inverse_temperature, memory.projection)
    assert torch.autograd.gradcheck(lambda *given: memory.mix(*given[:3]), (*leaves, *learnt))


# --- projections


def test_a_projection_is_of_all_features_follows_a_parameter_and_taken_back_leaves_no_trace():
    one, other, queries = empty(), filled(), draw(5, KEY_DIM, seed=1)
    parameter, fixed = nn.Parameter(draw(KEY_DIM, 2, seed=5)), draw(KEY_DIM, 2, seed=5)
    one.set_projection(parameter)
    one.write(draw(12, KEY_DIM), draw_labels(12))
    other.set_projection(fixed)
    assert same_reads(one, other, queries)
    with torch.no_grad():
        parameter.add_(draw(KEY_DIM, 2, seed=6))
        fixed.zero_()  # of which a copy was taken
    assert not same_reads(one, other, queries)
    other.set_projection(parameter.detach())
    assert same_reads(one, other, queries)
    one.set_projection(None)
    assert unchanged(one, snapshot(filled()))
    assert same_reads(one, filled(), queries)


# --- what a write changes and costs

batches = st.lists(st.lists(st.integers(0, CLASSES - 1), max_size=6), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None)
@given(capacity=st.integers(1, 12), steps=batches, seed=st.integers(0, 1000), merged=st.booleans())
def test_writes_in_place_are_those_of_the_function_bit_for_bit(capacity, steps, seed, merged):
    memory, state = empty(capacity=capacity), kv.init(capacity, KEY_DIM)
    if merged:  # entries of several writers, of the same times
        memory = filled(9, seed=seed, capacity=capacity)
        memory.merge(filled(9, seed=seed + 1, origin=1))
        state = memory.state
    for i, labels in enumerate(steps):
        features, labels = draw(len(labels), KEY_DIM, seed=seed + i), torch.tensor(labels, dtype=torch.int64)
        memory.write(features, labels)
        state = kv.write(state, features, labels)
        if i % 3 == 2:
            memory.forget(label=0)
            state = kv.remove(state, state.labels == 0)
        assert len(memory) == state.occupied.sum()
    assert same(memory.state, state)


@pytest.mark.parametrize("label", [1, 60], ids=["averaged", "an entry leaves"])
def test_one_row_into_a_full_memory_makes_no_tensor_of_all_keys(label):
    memory = KeyValueMemory(64, 61, capacity=6000)
    memory.write(draw(6000, 64), torch.arange(6000) % 60)
    where = memory.keys.data_ptr()
    assert largest(lambda: memory.write(draw(1, 64, seed=1), torch.tensor([label]))) <= 2 * 6000
    assert memory.keys.data_ptr() == where
    assert len(memory) == 6000


def test_twice_as_many_as_fit_make_no_square():
    n = 6000
    memory = KeyValueMemory(16, 10, capacity=n)
    features, labels = draw(2 * n, 16), torch.arange(2 * n) % 10
    memory.write(features[:n], labels[:n])
    state = memory.state
    for call in (lambda: memory.write(features, labels), lambda: kv.write(state, features, labels)):
        assert largest(call) <= n * n / 10


def pickled(memory):
    file = io.BytesIO()
    torch.save(memory, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


TAKINGS = {
    "state": lambda memory: memory.state,
    "checkpoint": lambda memory: memory.state_dict().values(),
    "shallow copy": lambda memory: copy.copy(memory).state,
    "deep copy": lambda memory: copy.deepcopy(memory).state,
    "pickle": lambda memory: pickled(memory).state,
    "assigned": lambda memory: (memory.load_state_dict(given := memory.state_dict(), assign=True), given.values())[1],
}


@pytest.mark.parametrize("take", TAKINGS.values(), ids=list(TAKINGS))
def test_what_was_taken_is_in_order_and_not_changed_by_a_write(take):
    memory = empty(capacity=4)
    for i, label in enumerate([0, 0, 0, 0, 1, 2, 1]):  # the slots: 0, 1, 5, 4
        memory.write(draw(1, KEY_DIM, seed=i), torch.tensor([label]))
    taken = list(take(memory))
    was = [part.clone() for part in taken]
    assert any(part.dtype is torch.int64 and part.tolist() == [0, 1, 4, 5] for part in taken), "times of writing"
    for seed in range(3):
        memory.write(draw(1, KEY_DIM, seed=seed), torch.tensor([seed]))
    assert same(taken, was)


@pytest.mark.parametrize("projected", [False, True])
def test_writes_between_a_loss_and_its_gradient_do_no_harm(projected):
    memory = filled(20)
    if projected:
        memory.set_projection(nn.Parameter(draw(KEY_DIM, 4, seed=5)))
    queries = draw(5, KEY_DIM, seed=1).requires_grad_(not projected)
    leaves = [leaf for leaf in (queries, *memory.parameters()) if leaf.requires_grad]

    def gradient(between):
        loss = nll_loss(memory(queries), draw_labels(5))
        between()
        return torch.autograd.grad(loss, leaves)

    calm = gradient(lambda: None)
    rows = [(draw(1, KEY_DIM, seed=i), torch.tensor([i % 3])) for i in range(9)]
    assert same(calm, gradient(lambda: ([memory.write(*row) for row in rows], memory.forget(label=0))))


# --- forgetting, relabelling, merging


def written(features, labels):
    memory = empty(capacity=40, k=5)
    for rows in zip(features.split(7), labels.split(7), strict=True):
        memory.write(*rows)
    return memory


def test_a_memory_that_was_never_full_answers_as_one_that_never_saw_the_forgotten():
    features, labels, queries = draw(30, KEY_DIM), draw_labels(30), draw(9, KEY_DIM, seed=1)
    gone = torch.zeros(30, dtype=torch.bool)
    gone[[0, 3, 11, 28, 29]] = True
    memory, masked, twin = written(features, labels), written(features, labels), written(features[~gone], labels[~gone])
    memory.forget(gone.nonzero())
    masked.forget(torch.cat([gone, gone[:10]]))
    assert same_reads(memory, twin, queries)
    assert content(masked) == content(memory)
    memory.forget(label=1)
    assert content(memory) == [entry for entry in content(masked) if entry[1] != 1]


def test_relabelled_entries_answer_as_if_written_so():
    features, labels = draw(30, KEY_DIM), draw_labels(30)
    memory, twin = written(features, labels), written(features, labels.where(labels != 0, 2))
    memory.relabel(memory.labels == 0, 2)  # free slots too
    assert torch.equal(memory.labels, twin.labels)
    assert torch.equal(memory(draw(9, KEY_DIM, seed=1)), twin(draw(9, KEY_DIM, seed=1)))


def test_merging_twice_is_merging_once_in_the_capacity_of_one_which_can_be_changed():
    one, other = filled(8, seed=1, origin=1, capacity=10), filled(30, seed=2, origin=2, capacity=30)
    one.merge(filled(0, origin=3))
    assert len(one) == 8
    one.merge(other)
    assert (len(one), one.count.sum()) == (10, 38)
    state = one.state
    for capacity in (40, 5):
        one.resize(capacity)
        assert same(one.state, kv.prune(state, capacity))
    taker = empty(origin=4)
    taker.merge(filled(8, seed=1, origin=1))
    once = content(taker)
    taker.merge(filled(8, seed=1, origin=1))
    assert content(taker) == once
