"""Laws of the memory as a module."""

import copy
import io
import math
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import nll_loss, normalize

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv

ROOT = Path(__file__).parents[2]
KEY_DIM, CLASSES = 6, 3


def draw(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def draw_labels(n, seed=0):
    return torch.randint(0, CLASSES, (n,), generator=torch.Generator().manual_seed(seed))


def empty(**settings):
    return KeyValueMemory(KEY_DIM, CLASSES, **{"capacity": 20, "k": 4, **settings})


def filled(entries=12, seed=0, **settings):
    memory = empty(**settings)
    memory.write(draw(entries, KEY_DIM, seed=seed), draw_labels(entries, seed))
    return memory


def snapshot(memory):
    return {name: tensor.clone() for name, tensor in memory.state_dict().items()}


def unchanged(memory, before):
    now = memory.state_dict()
    return now.keys() == before.keys() and all(torch.equal(now[name], before[name]) for name in before)


def same_reads(one, other, queries):
    pairs = zip(one.read(queries), other.read(queries), strict=True)
    return all(torch.equal(a, b) for a, b in pairs) and torch.equal(one(queries), other(queries))


def content(memory):
    """Every entry with all that is known of it, in the order of slots."""
    held = memory.state.occupied
    parts = (memory.origin, memory.number, memory.labels, memory.count, memory.keys)
    return list(zip(*(part[held].tolist() for part in parts), strict=True))


# --- making one


@pytest.mark.parametrize("name", ["key_dim", "classes", "capacity", "k"])
@pytest.mark.parametrize("value", [0, -1, 2.5])
def test_sizes_below_one_are_refused(name, value):
    with pytest.raises(ConfigurationError, match=f"{name} a whole number >= 1, got {value}: give"):
        KeyValueMemory(**{"key_dim": 2, "classes": 2, name: value})


@pytest.mark.parametrize("sharpness", [0.0, -1.0, math.inf, math.nan])
def test_a_sharpness_that_is_no_temperature_is_refused(sharpness):
    with pytest.raises(ConfigurationError, match=r"finite sharpness > 0, got .*: 10"):
        empty(sharpness=sharpness)


def test_an_origin_is_a_whole_number():
    with pytest.raises(ConfigurationError, match="whole number as its origin, got 'a'"):
        empty(origin="a")


def test_it_loads_torch_and_numpy_alone():
    code = (
        "import sys, torch, numpy\nbefore = set(sys.modules)\nfrom hsokv.memory import KeyValueMemory\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names\n"
        "heavy = {'transformers', 'scipy', 'snakemake', 'matplotlib', 'pandas', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'loaded {new} and {heavy}' if new - {'hsokv', 'torch', 'numpy'} or heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_it_says_what_it_is():
    assert repr(filled(7)) == "KeyValueMemory(capacity=20, entries=7, classes=3, k=4)"


def test_only_the_sharpness_is_learned_at_first():
    memory = empty(sharpness=25.0)
    assert [name for name, _ in memory.named_parameters()] == ["log_sharpness"]
    torch.testing.assert_close(memory.sharpness.detach(), torch.tensor(25.0))


def test_made_on_the_meta_device_then_elsewhere_it_is_as_new():
    with torch.device("meta"):
        memory = empty()
    assert "entries=?" in repr(memory)
    memory = memory.to_empty(device="cpu")
    memory.reset_parameters()
    assert unchanged(memory, snapshot(empty()))
    memory.load_state_dict(filled().state_dict())
    assert same_reads(memory, filled(), draw(5, KEY_DIM, seed=1))


def test_reset_forgets_all():
    memory = filled()
    memory.reset_parameters()
    assert unchanged(memory, snapshot(empty()))


# --- writing and reading


def test_what_is_written_is_found():
    features, labels = draw(12, KEY_DIM), draw_labels(12)
    memory = empty()
    assert memory.write(features, labels) is None
    assert len(memory) == 12
    found = memory.read(5 * features, k=1)
    torch.testing.assert_close(found.similarity, torch.ones(12, 1))
    assert torch.equal(found.labels[:, 0], labels)
    assert torch.equal(memory(features).argmax(-1), labels)


def test_it_does_what_the_functions_do():
    memory = filled(sharpness=7.0)
    state = kv.write(kv.init(20, KEY_DIM), draw(12, KEY_DIM), draw_labels(12))
    assert all(torch.equal(a, b) for a, b in zip(memory.state, state, strict=True))
    queries = normalize(draw(5, KEY_DIM, seed=1), dim=-1)
    expected = kv.label_distribution(kv.read(state, queries, 4), 7.0, CLASSES)
    torch.testing.assert_close(memory(queries).exp().detach(), expected)


def test_a_full_memory_keeps_its_capacity_and_every_example():
    memory = filled(50)
    assert len(memory) == 20
    assert memory.count.sum() == 50


def test_rows_are_distributions_and_no_label_is_impossible():
    queries = draw(9, KEY_DIM, seed=1)
    for sharpness in (1e-3, 10.0, 1e4):
        log_probs = filled(sharpness=sharpness)(queries)
        assert log_probs.isfinite().all()
        torch.testing.assert_close(log_probs.exp().sum(-1).detach(), torch.ones(9))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_length_of_a_query_does_not_matter(scale):
    queries = draw(5, KEY_DIM, seed=1)
    torch.testing.assert_close(filled()(scale * queries), filled()(queries))


def test_the_order_of_a_batch_does_not_matter():
    memory, queries, order = filled(), draw(9, KEY_DIM, seed=1), draw(9).argsort()
    torch.testing.assert_close(memory(queries)[order], memory(queries[order]))


def test_further_axes_are_read_row_by_row():
    memory, queries = filled(), draw(2, 5, KEY_DIM, seed=1)
    log_param = draw(2, 5, CLASSES).log_softmax(-1)
    assert torch.equal(memory(queries), torch.stack([memory(part) for part in queries]))
    gate = torch.rand(2, 5, generator=torch.Generator().manual_seed(0))
    pairs = zip(log_param, queries, gate, strict=True)
    assert torch.equal(memory.mix(log_param, queries, gate), torch.stack([memory.mix(*pair) for pair in pairs]))


def test_while_it_fills_free_slots_count_nothing():
    memory, queries = empty(), draw(5, KEY_DIM, seed=1)
    memory.write(draw(2, KEY_DIM), torch.tensor([0, 1]))
    found = memory.read(queries)
    assert found.labels.shape == (5, 4)
    assert (found.count > 0).tolist() == [[True, True, False, False]] * 5
    exact = kv.label_distribution(memory.read(queries, k=2), memory.sharpness, CLASSES)
    torch.testing.assert_close(memory(queries).exp(), exact)


def test_a_k_beyond_the_entries_is_refused():
    with pytest.raises(ConfigurationError, match="k of at most 3, the entries held, got 4: leave k out"):
        filled(3).read(draw(1, KEY_DIM), k=4)
    with pytest.raises(ConfigurationError, match="k >= 1, got 0"):
        filled(3).read(draw(1, KEY_DIM), k=0)


def test_reading_changes_nothing():
    memory = filled()
    before, queries = snapshot(memory), draw(5, KEY_DIM, seed=1)
    found = memory.read(queries)
    found.labels.zero_()
    memory.mix(torch.zeros(5, CLASSES), queries, 0.5)
    assert unchanged(memory, before)


def test_eval_and_no_grad_read_the_same():
    memory, queries = filled(), draw(5, KEY_DIM, seed=1)
    expected = memory(queries).detach()
    memory.eval()
    assert torch.equal(memory(queries).detach(), expected)
    with torch.no_grad():
        assert torch.equal(memory(queries), expected)
    with torch.inference_mode():
        assert torch.equal(memory(queries), expected)


CHANGES = {
    "write": lambda memory: memory.write(draw(4, KEY_DIM), draw_labels(4)),
    "forget": lambda memory: memory.forget(label=0),
    "merge": lambda memory: memory.merge(filled(seed=1, origin=1)),
    "projection": lambda memory: memory.set_projection(draw(KEY_DIM, 2)),
    "reset": lambda memory: memory.reset_parameters(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_what_was_changed_in_inference_mode_can_be_trained_on(change):
    memory, expected = filled(capacity=24), filled(capacity=24)  # a read copies what is no multiple of 8, which heals
    change(expected)
    with torch.inference_mode():
        change(memory)
    memory(draw(5, KEY_DIM, seed=1).requires_grad_()).sum().backward()
    assert memory.log_sharpness.grad.isfinite()
    assert unchanged(memory, snapshot(expected))


NOTHING = torch.zeros(0, dtype=torch.int64)
REFUSED_WRITES = {
    "dimension": (draw(2, KEY_DIM + 1), draw_labels(2), r"features \[n, 6\] of floats, got \[2, 7\]"),
    "one row": (draw(KEY_DIM), draw_labels(1), r"features \[n, 6\] of floats, got \[6\]"),
    "axes": (draw(2, 2, KEY_DIM), torch.zeros(2, 2, dtype=torch.int64), r"features \[n, 6\] with labels \[n\]"),
    "whole numbers": (torch.ones(2, KEY_DIM, dtype=torch.int64), draw_labels(2), "of floats, got .*torch.int64"),
    "number of labels": (draw(2, KEY_DIM), draw_labels(3), r"with labels \[n\] of int64, got \[2, 6\] with \[3\]"),
    "type of labels": (draw(2, KEY_DIM), torch.zeros(2), "of int64, got .* of torch.float32"),
    "label too large": (draw(2, KEY_DIM), torch.tensor([0, 3]), "labels in 0..2, got 0..3"),
    "label too small": (draw(2, KEY_DIM), torch.tensor([-1, 0]), "labels in 0..2, got -1..0"),
    "zero": (draw(2, KEY_DIM) * torch.tensor([[1.0], [0.0]]), draw_labels(2), "features that are not zero, got 1 of 2"),
    "NaN": (draw(2, KEY_DIM) * math.nan, draw_labels(2), "finite features .*, got 2 of 2"),
    "infinity": (draw(2, KEY_DIM).masked_fill(torch.eye(2, KEY_DIM) > 0, math.inf), draw_labels(2), "finite features"),
    "device": (torch.ones(2, KEY_DIM, device="meta"), draw_labels(2), "features on cpu, got them on meta"),
    "device of labels": (draw(2, KEY_DIM), draw_labels(2).to("meta"), "labels on cpu, got them on meta"),
}


@pytest.mark.parametrize("case", REFUSED_WRITES)
def test_a_refused_write_leaves_all_as_it_was(case):
    features, labels, message = REFUSED_WRITES[case]
    memory = filled()
    before = snapshot(memory)
    with pytest.raises(DataError, match=message):
        memory.write(features, labels)
    assert unchanged(memory, before)


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        (torch.zeros(1, KEY_DIM), "queries that are not zero, got 1 of 1"),
        (torch.full((1, KEY_DIM), math.nan), "finite queries"),
        (draw(2, KEY_DIM - 1), r"queries \[n, 6\] of floats, got \[2, 5\]"),
    ],
)
def test_bad_queries_are_refused_even_by_an_empty_memory(queries, message):
    for memory in (empty(), filled()):
        with pytest.raises(DataError, match=message):
            memory(queries)


def test_nothing_written_and_nothing_asked_is_no_error():
    memory = filled()
    before = snapshot(memory)
    memory.write(draw(0, KEY_DIM), NOTHING)
    assert unchanged(memory, before)
    assert memory(draw(0, KEY_DIM)).shape == (0, CLASSES)


# --- forgetting and merging


def test_forgetting_a_label_leaves_the_others_as_they_were():
    memory = filled()
    expected = [entry for entry in content(memory) if entry[2] != 1]
    memory.forget(label=1)
    assert content(memory) == expected
    before = snapshot(memory)
    memory.forget(label=1)
    assert unchanged(memory, before)


def test_slots_and_their_mask_forget_the_same():
    features = draw(12, KEY_DIM)
    one, other = filled(), filled()
    one.forget(one.read(features[:3], k=1).slots)
    other.forget(torch.arange(20) < 3)
    assert content(one) == content(other) == content(filled())[3:]
    assert one.read(features[:1], k=1).similarity < 0.999


def test_forgetting_free_slots_or_none_changes_nothing():
    memory = filled()
    before = snapshot(memory)
    memory.forget(torch.tensor([19]))
    memory.forget(NOTHING)
    assert unchanged(memory, before)


@pytest.mark.parametrize(
    ("chosen", "error", "message"),
    [
        ({}, ConfigurationError, "either slots or a label"),
        ({"slots": NOTHING, "label": 0}, ConfigurationError, "either slots or a label"),
        ({"label": 3}, DataError, "label in 0..2, got 3"),
        ({"label": -1}, DataError, "label in 0..2, got -1"),
        ({"slots": torch.tensor([20])}, DataError, "int64 in 0..19"),
        ({"slots": torch.tensor([-1])}, DataError, "int64 in 0..19"),
        ({"slots": torch.tensor([1.0])}, DataError, r"got \[1\] of torch.float32"),
        ({"slots": torch.ones(3, dtype=torch.bool)}, DataError, r"bool \[20\]"),
    ],
)
def test_a_refused_forget_leaves_all_as_it_was(chosen, error, message):
    memory = filled()
    before = snapshot(memory)
    with pytest.raises(error, match=message):
        memory.forget(**chosen)
    assert unchanged(memory, before)


def test_merging_commutes_in_content():
    one, other = filled(8, seed=1, origin=1), filled(9, seed=2, origin=2)
    backward = copy.deepcopy(other)
    backward.merge(one)
    one.merge(other)
    assert len(one) == 17
    assert content(one) == content(backward)
    assert same_reads(one, backward, draw(5, KEY_DIM, seed=3))


def test_merging_twice_is_merging_once_and_only_the_capacity_of_one_counts():
    one, other = filled(8, seed=1, origin=1, capacity=10), filled(30, seed=2, origin=2, capacity=30)
    one.merge(filled(0, origin=3))
    assert len(one) == 8
    one.merge(other)
    assert len(one) == 10
    assert one.count.sum() == 38
    other = empty(origin=4)
    other.merge(filled(8, seed=1, origin=1))
    once = content(other)
    other.merge(filled(8, seed=1, origin=1))
    assert content(other) == once


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (KeyValueMemory(5, CLASSES, origin=1), "key_dim 6 and 3 classes, got key_dim 5 and 3 classes"),
        (KeyValueMemory(KEY_DIM, 4, origin=1), "got key_dim 6 and 4 classes"),
        (filled(seed=1), "another origin, got 0 in both"),
    ],
)
def test_a_refused_merge_leaves_all_as_it_was(other, message):
    memory = filled()
    before = snapshot(memory)
    with pytest.raises(ConfigurationError, match=message):
        memory.merge(other)
    assert unchanged(memory, before)


# --- mixing


@pytest.mark.parametrize("gate", [0.0, 0.3, 1.0])
def test_the_mixture_is_the_one_of_probabilities(gate):
    memory, queries, log_param = filled(), draw(5, KEY_DIM, seed=1), draw(5, CLASSES).log_softmax(-1)
    expected = (1 - gate) * log_param.exp() + gate * memory(queries).exp()
    torch.testing.assert_close(memory.mix(log_param, queries, gate).exp(), expected)
    assert torch.equal(memory.mix(log_param, queries, gate), memory.mix(log_param, queries, torch.full((5,), gate)))


def test_an_empty_memory_is_uniform():
    torch.testing.assert_close(empty()(draw(5, KEY_DIM)).detach(), torch.full((5, CLASSES), -math.log(CLASSES)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("gate", [0.0, 0.7, 1.0, torch.linspace(0, 1, 5)])
def test_an_empty_memory_contributes_exactly_zero(gate, dtype):
    log_param = (300 * draw(5, CLASSES, dtype=torch.float64)).log_softmax(-1).to(dtype)
    log_param[0, 0] = -math.inf
    mixed = empty().mix(log_param, draw(5, KEY_DIM, seed=1), gate)
    assert mixed.dtype is dtype
    assert torch.equal(mixed, log_param)


def test_a_shut_gate_is_one_branch_and_an_open_one_the_other():
    memory, queries, log_param = filled(), draw(5, KEY_DIM, seed=1), (300 * draw(5, CLASSES)).log_softmax(-1)
    assert torch.equal(memory.mix(log_param, queries, 0), log_param)
    assert torch.equal(memory.mix(log_param, queries, 1), memory(queries))


@pytest.mark.parametrize("memory", [empty(), filled()], ids=["empty", "filled"])
def test_no_gradient_is_lost_to_infinity(memory):
    """Shut and open gates, and a label that the other branch rules out."""
    logits = draw(5, CLASSES).masked_fill(torch.eye(5, CLASSES) > 0, -math.inf).requires_grad_()
    queries, gate = draw(5, KEY_DIM, seed=1).requires_grad_(), torch.tensor([0, 1, 0.5, 1e-7, 1]).requires_grad_()
    log_probs = memory.mix(logits.log_softmax(-1), queries, gate)
    log_probs.masked_select(log_probs.isfinite()).sum().backward()
    for leaf in (queries, gate, logits):
        assert leaf.grad.isfinite().all()


@pytest.mark.parametrize(
    ("log_param", "gate", "message"),
    [
        (torch.zeros(5, 4), 0.5, r"wanted log_param \[5, 3\] and a gate \[\] or \[5\], got \[5, 4\] and \[\]"),
        (torch.zeros(CLASSES), 0.5, r"wanted log_param \[5, 3\]"),
        (torch.zeros(5, CLASSES), torch.zeros(5, 1), r"a gate \[\] or \[5\], got \[5, 3\] and \[5, 1\]"),
        (torch.zeros(5, CLASSES), 1.1, "a gate in 0..1"),
        (torch.zeros(5, CLASSES), -0.1, "a gate in 0..1"),
        (torch.zeros(5, CLASSES), torch.full((5,), math.nan), "a gate in 0..1"),
    ],
)
def test_what_cannot_be_mixed_is_refused(log_param, gate, message):
    with pytest.raises(DataError, match=message):
        filled().mix(log_param, draw(5, KEY_DIM), gate)


# --- gradients


def test_gradients_reach_all_that_can_learn():
    memory = filled(sharpness=3.0)
    projection = nn.Parameter(draw(KEY_DIM, 4, seed=5))
    memory.set_projection(projection)
    queries, gate = draw(5, KEY_DIM, seed=1).requires_grad_(), torch.full((5,), 0.3).requires_grad_()
    log_param = draw(5, CLASSES).log_softmax(-1).requires_grad_()
    nll_loss(memory.mix(log_param, queries, gate), draw_labels(5)).backward()
    for leaf in (queries, gate, log_param, memory.log_sharpness, projection):
        assert leaf.grad.isfinite().all()
        assert leaf.grad.count_nonzero()


def test_gradients_are_those_of_the_function():
    memory = filled(sharpness=3.0).double()
    projection = nn.Parameter(draw(KEY_DIM, 4, seed=5, dtype=torch.float64))
    memory.set_projection(projection)
    leaves = (
        draw(3, CLASSES).double().log_softmax(-1),
        draw(3, KEY_DIM, seed=1).double(),
        torch.full((3,), 0.3).double(),
    )
    leaves = tuple(leaf.requires_grad_() for leaf in leaves)

    def mixed(log_param, queries, gate, log_sharpness, projection):
        parts = {"log_sharpness": log_sharpness, "projection": projection}
        return torch.func.functional_call(
            _Mixed(memory), {f"memory.{k}": v for k, v in parts.items()}, (log_param, queries, gate)
        )

    assert torch.autograd.gradcheck(mixed, (*leaves, memory.log_sharpness, projection))


class _Mixed(nn.Module):
    def __init__(self, memory):
        super().__init__()
        self.memory = memory

    def forward(self, *inputs):
        return self.memory.mix(*inputs)


def test_a_write_between_a_loss_and_its_gradient_does_no_harm():
    memory = filled()
    memory.set_projection(nn.Parameter(draw(KEY_DIM, 4, seed=5)))
    queries = draw(5, KEY_DIM, seed=1).requires_grad_()

    def gradient(between):
        loss = nll_loss(memory(queries), draw_labels(5))
        between()
        return torch.autograd.grad(loss, [queries, *memory.parameters()])

    calm = gradient(lambda: None)
    stirred = gradient(lambda: (memory.write(queries, draw_labels(5)), memory.forget(label=0)))
    assert all(torch.equal(a, b) for a, b in zip(calm, stirred, strict=True))


def test_what_is_written_keeps_no_graph():
    memory = empty()
    memory.write(draw(3, KEY_DIM).requires_grad_(), draw_labels(3))
    assert not any(buffer.requires_grad for buffer in memory.buffers())


# --- projections


@pytest.mark.parametrize("new_dim", [2, 4, 9])
def test_keys_made_anew_are_keys_written_afresh(new_dim):
    projection, queries = draw(KEY_DIM, new_dim, seed=5), draw(5, KEY_DIM, seed=1)
    memory = filled()
    memory.set_projection(projection)
    afresh = KeyValueMemory(new_dim, CLASSES, capacity=20, k=4)
    afresh.write(draw(12, KEY_DIM) @ projection, draw_labels(12))
    for a, b in zip(memory.read(queries), afresh.read(queries @ projection), strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(memory(queries), afresh(queries @ projection))


def test_writing_under_a_projection_is_projecting_what_was_written():
    one, other = empty(), filled()
    for memory in (one, other):
        memory.set_projection(draw(KEY_DIM, 2, seed=5))
    one.write(draw(12, KEY_DIM), draw_labels(12))
    assert same_reads(one, other, draw(5, KEY_DIM, seed=1))


def test_a_projection_taken_back_leaves_no_trace():
    memory = filled()
    before = snapshot(memory)
    for projection in (draw(KEY_DIM, 2), nn.Parameter(draw(KEY_DIM, 3)), None):
        memory.set_projection(projection)
    assert unchanged(memory, before)
    assert same_reads(memory, filled(), draw(5, KEY_DIM, seed=1))


def test_keys_follow_a_parameter_and_not_the_original_of_a_copy():
    queries = draw(5, KEY_DIM, seed=1)
    parameter, fixed = nn.Parameter(draw(KEY_DIM, 2, seed=5)), draw(KEY_DIM, 2, seed=5)
    learner, keeper, expected = filled(), filled(), filled()
    learner.set_projection(parameter)
    keeper.set_projection(fixed)
    before = keeper(queries)
    assert torch.equal(learner(queries), before)
    with torch.no_grad():
        parameter.add_(draw(KEY_DIM, 2, seed=6))
        fixed.zero_()
    expected.set_projection(parameter.detach())
    assert same_reads(learner, expected, queries)
    assert torch.equal(keeper(queries), before)


@pytest.mark.parametrize(
    ("projection", "message"),
    [
        (draw(KEY_DIM + 1, 2), r"projection \[6, new_dim\] of floats on cpu, got \[7, 2\]"),
        (draw(KEY_DIM), r"got \[6\]"),
        (draw(KEY_DIM, 0), r"got \[6, 0\]"),
        (torch.ones(KEY_DIM, 2, dtype=torch.int64), "of torch.int64"),
        (torch.full((KEY_DIM, 2), math.nan), "finite projection"),
        (torch.ones(KEY_DIM, 2, device="meta"), "on meta"),
    ],
)
def test_a_refused_projection_leaves_all_as_it_was(projection, message):
    memory = filled()
    memory.set_projection(draw(KEY_DIM, 2))
    before = snapshot(memory)
    with pytest.raises(DataError, match=message):
        memory.set_projection(projection)
    assert unchanged(memory, before)


# --- saving and loading


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("entries", [0, 7, 50])
def test_save_and_load_are_inverse(entries, projected, tmp_path):
    saved, loaded = filled(entries, sharpness=7.0), filled(5, seed=9)
    if projected:
        saved.set_projection(nn.Parameter(draw(KEY_DIM, 2, seed=5)))
        loaded.set_projection(torch.zeros(KEY_DIM, 2))
    torch.save(saved.state_dict(), tmp_path / "memory.pt")
    loaded.load_state_dict(torch.load(tmp_path / "memory.pt", weights_only=True))
    assert unchanged(loaded, snapshot(saved))
    assert same_reads(loaded, saved, draw(5, KEY_DIM, seed=1))
    for memory in (saved, loaded):
        memory.write(draw(4, KEY_DIM, seed=2), draw_labels(4))
    assert unchanged(loaded, snapshot(saved))


def test_a_checkpoint_taken_is_not_changed_by_a_write():
    memory = filled()
    before, taken = snapshot(memory), memory.state_dict()
    memory.write(draw(4, KEY_DIM, seed=2), draw_labels(4))
    memory.forget(label=0)
    assert all(torch.equal(taken[name], before[name]) for name in before)


def _projected_checkpoint():
    memory = filled(5)
    memory.set_projection(draw(KEY_DIM, 2))
    return memory.state_dict()


OTHER_CHECKPOINTS = {
    "capacity": (empty(capacity=30).state_dict(), r"\[20, 6\].*; got one .*\[capacity, key_dim\] = \[30, 6\]"),
    "key_dim": (KeyValueMemory(7, CLASSES, 20).state_dict(), r"\[20, 6\].*; got one .* = \[20, 7\]"),
    "classes": (
        KeyValueMemory(KEY_DIM, 4, 20).state_dict(),
        r"\[classes\] = \[3\].*; got one .*\[classes\] = \[4\].*differ in label_set",
    ),
    "projection": (_projected_checkpoint(), r"projection = none; got one .*projection = \[6, 2\]"),
    "a part": ({"keys": torch.ones(20, KEY_DIM)}, "differ in clock, count, "),
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("inside", [True, False], ids=["inside a model", "alone"])
@pytest.mark.parametrize("case", OTHER_CHECKPOINTS)
def test_a_checkpoint_of_another_shape_leaves_all_as_it_was(case, inside, strict):
    checkpoint, message = OTHER_CHECKPOINTS[case]
    memory = filled()
    before = snapshot(memory)
    model = memory
    if inside:
        model = nn.ModuleDict({"memory": memory})
        checkpoint = {f"memory.{name}": tensor for name, tensor in checkpoint.items()}
    with pytest.raises(DataError, match=message):
        model.load_state_dict(checkpoint, strict=strict)
    assert unchanged(memory, before)


def test_a_checkpoint_without_a_memory_is_for_torch_to_judge():
    model = nn.ModuleDict({"head": nn.Linear(2, 2), "memory": filled()})
    before = snapshot(model["memory"])
    checkpoint = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("head")}
    assert len(model.load_state_dict(checkpoint, strict=False).missing_keys) == len(before)
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict(checkpoint)
    assert unchanged(model["memory"], before)


def test_a_copy_goes_its_own_way():
    memory = filled()
    memory.set_projection(nn.Parameter(draw(KEY_DIM, 2, seed=5)))
    before, other = snapshot(memory), copy.deepcopy(memory)
    assert same_reads(memory, other, draw(5, KEY_DIM, seed=1))
    other.write(draw(4, KEY_DIM, seed=2), draw_labels(4))
    with torch.no_grad():
        other.projection.zero_()
    assert unchanged(memory, before)
    file = io.BytesIO()
    torch.save(memory, file)
    file.seek(0)
    assert unchanged(torch.load(file, weights_only=False), before)


# --- types


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_another_type_of_floats_leaves_whole_numbers_alone(dtype):
    memory = filled(50).to(dtype)
    names = ["labels", "number", "origin", "clock"]
    for name in names:
        assert torch.equal(getattr(memory, name), getattr(filled(50), name))
    queries = draw(5, KEY_DIM, seed=1)
    torch.testing.assert_close(memory(queries), filled(50)(queries), atol=0.2, rtol=0, check_dtype=False)
    memory.set_projection(draw(KEY_DIM, 2, dtype=dtype))
    memory.write(draw(4, KEY_DIM, seed=2).to(dtype), draw_labels(4))
    other = filled(4, seed=3, origin=1)
    other.merge(memory)
    memory.merge(filled(4, seed=3, origin=1))
    memory.mix(torch.zeros(5, CLASSES), queries, 0.5).sum().backward()
    assert memory.keys.dtype is dtype
    assert len(memory) == len(other) == 20


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_features_of_any_type_are_normalised_as_precisely_as_they_are_kept(dtype):
    features, memory = draw(2, KEY_DIM, seed=1, dtype=dtype), empty()
    memory.write(features, draw_labels(2))
    torch.testing.assert_close(memory.keys[:2], normalize(features.double(), dim=-1).float(), atol=1e-7, rtol=1e-6)
    similarity = memory.read(features, k=1).similarity
    torch.testing.assert_close(similarity, torch.ones(2, 1), atol=1e-6, rtol=0)


def test_under_autocast_it_can_be_trained():
    memory, encoder = filled(), nn.Linear(KEY_DIM, KEY_DIM)
    memory.set_projection(nn.Parameter(draw(KEY_DIM, 4, seed=5)))
    with torch.autocast("cpu", torch.bfloat16):
        features = encoder(draw(5, KEY_DIM, seed=1))
        loss = nll_loss(memory.mix(torch.zeros(5, CLASSES).log_softmax(-1), features, 0.5), draw_labels(5))
        memory.write(features, draw_labels(5))
    loss.backward()
    assert all(leaf.grad.isfinite().all() for leaf in (*encoder.parameters(), *memory.parameters()))
    assert len(memory) == 17


# --- in a training loop


def toy(batches, size=16, seed=0):
    """Batches of points around one axis per class, well apart."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(batches):
        y = torch.randint(0, 3, (size,), generator=generator)
        yield 2 * torch.eye(3, 8)[y] + 0.3 * torch.randn(size, 8, generator=generator), y


def test_the_loop_of_the_readme_runs_and_its_loss_falls():
    section = (ROOT / "README.md").read_text().split("## The memory by itself\n")[1].split("\n## ")[0]
    losses = []

    def batches():
        for batch in toy(20):
            yield batch
            losses.append(float(names["loss"].detach()))

    names = {"batches": batches()}
    exec(
        textwrap.dedent("\n".join(line for line in section.splitlines() if line.startswith("    ") or not line)), names
    )
    assert len(losses) == 20
    assert losses[-1] < 0.5 * losses[0]
    assert len(names["memory"]) == 320


def test_a_projection_and_a_sharpness_learn():
    """Labels follow three of eight axes, and the others are louder: a projection can shut them out."""
    x, y = next(toy(1, size=200, seed=1))
    x[:, 3:] *= 10
    memory = KeyValueMemory(8, 3, sharpness=1.0)
    memory.write(x[:100], y[:100])
    memory.set_projection(nn.Parameter(torch.eye(8)))
    optimizer = torch.optim.Adam(memory.parameters(), lr=0.05)
    losses = []
    for _ in range(20):
        loss = nll_loss(memory(x[100:]), y[100:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert memory.sharpness > 1
