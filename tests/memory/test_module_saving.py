"""Laws of the memory as a module: saving and loading, types, and a training loop."""

import copy
import io
import textwrap

import pytest
import torch
from torch import nn
from torch.nn.functional import nll_loss, normalize

from hsokv.exceptions import DataError
from hsokv.memory import KeyValueMemory

from .modules import CLASSES, KEY_DIM, ROOT, draw, draw_labels, empty, filled, same_reads, snapshot, unchanged

# --- saving and loading


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize(("entries", "capacity"), [(0, 20), (7, 40), (50, 20), (7, 7)])
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


def _projected_checkpoint():
    memory = filled(5)
    memory.set_projection(draw(KEY_DIM, 2))
    return memory.state_dict()


OTHER_CHECKPOINTS = {
    "slots": ({**empty().state_dict(), "labels": torch.zeros(30, dtype=torch.int64)}, "differ in labels"),
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
