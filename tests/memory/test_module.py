"""Laws of the memory as a module: making one, writing and reading."""

import pytest
import torch
from torch.nn.functional import normalize

from hsokv.memory import functional as kv

from .modules import CLASSES, KEY_DIM, NOTHING, draw, draw_labels, empty, filled, same_reads, snapshot, unchanged

# --- making one


def test_only_the_inverse_temperature_is_learned_at_first():
    memory = empty(inverse_temperature=25.0)
    assert [name for name, _ in memory.named_parameters()] == ["log_inverse_temperature"]
    torch.testing.assert_close(memory.inverse_temperature.detach(), torch.tensor(25.0))


def test_made_on_the_meta_device_then_elsewhere_it_is_as_new():
    with torch.device("meta"):
        memory = empty()
    assert "entries=?" in repr(memory)
    memory = memory.to_empty(device="cpu")
    memory.reset_parameters()
    assert unchanged(memory, snapshot(empty()))
    memory.load_state_dict(filled().state_dict())
    assert same_reads(memory, filled(), draw(5, KEY_DIM, seed=1))


# --- writing and reading


def test_it_does_what_the_functions_do():
    memory = filled(inverse_temperature=7.0)
    state = kv.write(kv.init(20, KEY_DIM), draw(12, KEY_DIM), draw_labels(12))
    assert all(torch.equal(a, b) for a, b in zip(memory.state, state, strict=True))
    queries = normalize(draw(5, KEY_DIM, seed=1), dim=-1)
    expected = kv.label_distribution(kv.read(state, queries, 4), 7.0, CLASSES)
    torch.testing.assert_close(memory(queries).exp().detach(), expected)


def test_rows_are_distributions_and_no_label_is_impossible():
    queries = draw(9, KEY_DIM, seed=1)
    for inverse_temperature in (1e-3, 10.0, 1e4):
        log_probs = filled(inverse_temperature=inverse_temperature)(queries)
        assert log_probs.isfinite().all()
        torch.testing.assert_close(log_probs.exp().sum(-1).detach(), torch.ones(9))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_length_of_a_query_does_not_matter(scale):
    queries = draw(5, KEY_DIM, seed=1)
    torch.testing.assert_close(filled()(scale * queries), filled()(queries))


def test_further_axes_are_read_row_by_row():
    memory, queries = filled(), draw(2, 5, KEY_DIM, seed=1)
    log_param = draw(2, 5, CLASSES).log_softmax(-1)
    assert torch.equal(memory(queries), torch.stack([memory(part) for part in queries]))
    gate = torch.rand(2, 5, generator=torch.Generator().manual_seed(0))
    pairs = zip(log_param, queries, gate, strict=True)
    assert torch.equal(memory.mix(log_param, queries, gate), torch.stack([memory.mix(*pair) for pair in pairs]))


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
    assert memory.log_inverse_temperature.grad.isfinite()
    assert unchanged(memory, snapshot(expected))


def test_nothing_written_and_nothing_asked_is_no_error():
    memory = filled()
    before = snapshot(memory)
    memory.write(draw(0, KEY_DIM), NOTHING)
    assert unchanged(memory, before)
    assert memory(draw(0, KEY_DIM)).shape == (0, CLASSES)
