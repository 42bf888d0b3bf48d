"""Laws of the memory as a module: saving and loading, and types."""

import pytest
import torch
from torch import nn
from torch.nn.functional import nll_loss, normalize

from hsokv.exceptions import DataError
from hsokv.memory import KeyValueMemory

from .made import CLASSES, KEY_DIM, draw, draw_labels, empty, filled, same_reads, snapshot, unchanged

# --- saving and loading


@pytest.mark.parametrize(
    ("entries", "capacity", "projected", "assign"),
    [(0, 20, False, False), (7, 40, True, False), (50, 20, False, True), (7, 7, True, True)],
)
def test_save_and_load_are_inverse(entries, capacity, projected, assign, tmp_path):
    saved, loaded = filled(entries, inverse_temperature=7.0, capacity=capacity), filled(20, seed=9)
    if projected:
        saved.set_projection(nn.Parameter(draw(KEY_DIM, 2, seed=5)))
        loaded.set_projection(torch.zeros(KEY_DIM, 2))
    torch.save(nn.ModuleDict({"memory": saved}).state_dict(), tmp_path / "model.pt")
    checkpoint = torch.load(tmp_path / "model.pt", weights_only=True)
    nn.ModuleDict({"memory": loaded}).load_state_dict(checkpoint, assign=assign)
    assert loaded.capacity == capacity
    for _ in range(2):
        assert unchanged(loaded, snapshot(saved))
        assert same_reads(loaded, saved, draw(5, KEY_DIM, seed=1))
        for memory in (saved, loaded):
            memory.write(draw(4, KEY_DIM, seed=2), draw_labels(4))


OTHER_CHECKPOINTS = {
    "labels": {**empty().state_dict(), "labels": torch.zeros(30, dtype=torch.int64)},
    r"\[20, 6\].*; got one .* = \[20, 7\]": KeyValueMemory(7, CLASSES, 20).state_dict(),
    r"\[classes\] = \[3\].*; got one .*\[classes\] = \[4\]": KeyValueMemory(KEY_DIM, 4, 20).state_dict(),
    r"projection = none; got one .*projection = \[6, 2\]": {**empty().state_dict(), "projection": torch.ones(6, 2)},
    "clock, count, ": {"keys": torch.ones(20, KEY_DIM)},
}


@pytest.mark.parametrize("message", OTHER_CHECKPOINTS)
def test_a_checkpoint_of_another_shape_leaves_all_as_it_was(message):
    memory = filled()
    before, model = snapshot(memory), nn.ModuleDict({"memory": memory})
    checkpoint = {f"memory.{name}": tensor for name, tensor in OTHER_CHECKPOINTS[message].items()}
    for strict in (True, False):
        with pytest.raises(DataError, match=message):
            model.load_state_dict(checkpoint, strict=strict)
        assert unchanged(memory, before)


def test_made_on_the_meta_device_then_elsewhere_it_is_as_new():
    with torch.device("meta"):
        memory = empty()
    assert "entries=?" in repr(memory)
    memory = memory.to_empty(device="cpu")
    memory.reset_parameters()
    assert unchanged(memory, snapshot(empty()))
    memory.load_state_dict(filled().state_dict())
    assert same_reads(memory, filled(), draw(5, KEY_DIM, seed=1))


# --- types


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_another_type_of_floats_leaves_whole_numbers_alone(dtype):
    memory = filled(50).to(dtype)
    for name in ("labels", "number", "origin", "clock"):
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


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_counts_go_on_in_half_precision(dtype):
    memory = KeyValueMemory(2, 2, capacity=1).to(dtype)
    for _ in range(3):
        memory.write(torch.eye(2)[:1].expand(1500, 2), torch.zeros(1500, dtype=torch.int64))
        memory.write(torch.eye(2)[:1].to(dtype), torch.zeros(1, dtype=torch.int64))
    assert memory.count.tolist() == [4503]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_features_of_any_type_are_normalised_as_precisely_as_they_are_kept(dtype):
    features, memory = draw(2, KEY_DIM, seed=1, dtype=dtype), empty()
    memory.write(features, draw_labels(2))
    torch.testing.assert_close(memory.keys[:2], normalize(features.double(), dim=-1).float(), atol=1e-7, rtol=1e-6)
    similarity = memory.read(features, k=1).similarity
    torch.testing.assert_close(similarity, torch.ones(2, 1), atol=1e-6, rtol=0)


def test_autocast_changes_no_read_and_it_can_be_trained_there():
    memory, encoder, queries = filled(), nn.Linear(KEY_DIM, KEY_DIM), draw(5, KEY_DIM, seed=1)
    for projection in (None, nn.Parameter(draw(KEY_DIM, 4, seed=5))):
        memory.set_projection(projection)
        expected = memory(queries)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(memory(queries), expected)
    with torch.autocast("cpu", torch.bfloat16):
        features = encoder(queries)
        loss = nll_loss(memory.mix(torch.zeros(5, CLASSES).log_softmax(-1), features, 0.5), draw_labels(5))
        memory.write(features, draw_labels(5))
    loss.backward()
    assert all(leaf.grad.isfinite().all() for leaf in (*encoder.parameters(), *memory.parameters()))
    assert len(memory) == 17
    assert not any(buffer.requires_grad for buffer in memory.buffers()), "what is written keeps no graph"
