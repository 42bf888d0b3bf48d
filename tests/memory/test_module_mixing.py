"""Laws of the memory as a module: mixing, gradients and projections."""

import math

import pytest
import torch
from torch import nn

from .modules import CLASSES, KEY_DIM, draw, draw_labels, empty, filled, same_reads, snapshot, unchanged

# --- mixing


@pytest.mark.parametrize("gate", [0.0, 0.3, 1.0])
def test_the_mixture_is_the_one_of_probabilities(gate):
    memory, queries, log_param = filled(), draw(5, KEY_DIM, seed=1), draw(5, CLASSES).log_softmax(-1)
    expected = (1 - gate) * log_param.exp() + gate * memory(queries).exp()
    torch.testing.assert_close(memory.mix(log_param, queries, gate).exp(), expected)
    assert torch.equal(memory.mix(log_param, queries, gate), memory.mix(log_param, queries, torch.full((5,), gate)))


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


# --- gradients


def test_gradients_are_those_of_the_function():
    memory = filled(inverse_temperature=3.0).double()
    projection = nn.Parameter(draw(KEY_DIM, 4, seed=5, dtype=torch.float64))
    memory.set_projection(projection)
    leaves = (
        draw(3, CLASSES).double().log_softmax(-1),
        draw(3, KEY_DIM, seed=1).double(),
        torch.full((3,), 0.3).double(),
    )
    leaves = tuple(leaf.requires_grad_() for leaf in leaves)

    def mixed(log_param, queries, gate, log_inverse_temperature, projection):
        parts = {"log_inverse_temperature": log_inverse_temperature, "projection": projection}
        return torch.func.functional_call(
            _Mixed(memory), {f"memory.{k}": v for k, v in parts.items()}, (log_param, queries, gate)
        )

    assert torch.autograd.gradcheck(mixed, (*leaves, memory.log_inverse_temperature, projection))


class _Mixed(nn.Module):
    def __init__(self, memory):
        super().__init__()
        self.memory = memory

    def forward(self, *inputs):
        return self.memory.mix(*inputs)


def test_what_is_written_keeps_no_graph():
    memory = empty()
    memory.write(draw(3, KEY_DIM).requires_grad_(), draw_labels(3))
    assert not any(buffer.requires_grad for buffer in memory.buffers())


# --- projections


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
