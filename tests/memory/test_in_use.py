"""Laws of the memory as a module in the places where modules are used: threads, modes, compilers, loops, files, types.

Several ranks: tests/hub/test_processes.py.
"""

import copy
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import nll_loss, normalize
from torch.utils.checkpoint import checkpoint

from hsokv.exceptions import DataError
from hsokv.memory import KeyValueMemory

from .made import CLASSES, KEY_DIM, Mixing, content, draw, draw_labels, empty, filled, same_reads, snapshot, unchanged

# --- threads


def together(*calls):
    """Run calls in threads and raise what any of them raises."""
    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(call) for call in calls]:
            done.result()


def test_threads_lose_no_entry_and_a_read_sees_all_of_a_write_or_nothing():
    """Every write adds four entries of a class of its own."""
    memory, seen, writing = KeyValueMemory(2, 150, capacity=600, k=600), [], [1, 2]

    def write(first):
        for label in range(first, first + 75):
            memory.write(torch.eye(2)[:1].expand(4, 2), torch.full((4,), label))
        writing.pop()

    def look():
        while writing:
            found = memory.read(torch.ones(1, 2))
            seen.append(found.labels[0][found.count[0] > 0].bincount(minlength=150))
            copy.deepcopy(memory)

    together(lambda: write(0), lambda: write(75), look, look)
    assert sorted(memory.number.tolist()) == list(range(600))
    assert {size for sizes in seen for size in sizes.tolist()} == {0, 4}


def test_two_memories_can_be_merged_into_each_other_at_once():
    one, other = filled(4, seed=1, origin=1), filled(4, seed=2, origin=2)
    together(*(lambda a=a, b=b: [a.merge(b) for _ in range(20)] for a, b in ((one, other), (other, one))))
    assert sorted(content(one)) == sorted(content(other))


# --- inference mode

CHANGES = {
    "made": lambda memory: memory.__init__(KEY_DIM, CLASSES, capacity=24),
    "write": lambda memory: memory.write(draw(4, KEY_DIM), draw_labels(4)),
    "forget": lambda memory: memory.forget(label=0),
    "merge": lambda memory: memory.merge(filled(seed=1, origin=1)),
    "projection": lambda memory: memory.set_projection(draw(KEY_DIM, 2)),
    "reset": lambda memory: memory.reset_parameters(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_what_was_changed_in_inference_mode_can_be_trained_on_and_written_to(change):
    memory, expected = filled(capacity=24), filled(capacity=24)  # a read copies what is no multiple of 8, which heals
    change(expected)
    with torch.inference_mode():
        change(memory)
    # A parameter that was made there is torch's to heal.
    memory.log_inverse_temperature = nn.Parameter(memory.log_inverse_temperature.clone())
    memory(draw(5, KEY_DIM, seed=1).requires_grad_()).sum().backward()
    for each in (memory, expected, memory, expected):
        each.write(draw(4, KEY_DIM, seed=2), draw_labels(4))
    assert unchanged(memory, snapshot(expected))


# --- compilers


def test_a_compiled_read_is_the_read_itself_and_sees_what_is_written():
    model, queries = Mixing(empty()), draw(5, KEY_DIM, seed=1)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    for label in (0, 1):
        torch.testing.assert_close(compiled(queries), model(queries))
        model.memory.write(draw(3, KEY_DIM, seed=2), torch.full((3,), label))
    torch.testing.assert_close(compiled(queries), model(queries))
    compiled(queries).sum().backward()
    assert model.memory.log_inverse_temperature.grad.isfinite()


def test_an_exported_read_is_the_read_itself_for_any_number_of_queries():
    model, queries = Mixing(filled(300, capacity=300)), draw(5, KEY_DIM, seed=1)
    exported = torch.export.export(model, (queries,), dynamic_shapes=({0: torch.export.Dim("n", min=2)},)).module()
    for n in (2, 40):
        queries = draw(n, KEY_DIM, seed=n)
        torch.testing.assert_close(exported(queries), model(queries))


# --- training loops


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradients_are_the_same_with_checkpointing(reentrant):
    model, queries, labels = Mixing(filled()), draw(8, KEY_DIM, seed=1).requires_grad_(), draw_labels(8)
    leaves = [queries, *model.parameters()]
    expected = torch.autograd.grad(nll_loss(model(queries), labels), leaves)
    nll_loss(checkpoint(model, queries, use_reentrant=reentrant), labels).backward()
    assert all(torch.equal(leaf.grad, grad) for leaf, grad in zip(leaves, expected, strict=True))


def test_the_loop_of_the_readme_runs_and_its_loss_falls():
    section = (Path(__file__).parents[2] / "README.md").read_text().split("## The memory by itself\n")[1]
    code = "\n".join(line for line in section.split("\n## ")[0].splitlines() if line.startswith("    "))
    losses, names = [], {}

    def batches():
        """Points around one axis per class, well apart."""
        for seed in range(20):
            y = draw_labels(16, seed)
            yield 2 * torch.eye(3, 8)[y] + 0.3 * draw(16, 8, seed=seed), y
            losses.append(float(names["loss"].detach()))

    exec(textwrap.dedent(code), names | {"batches": batches()}, names)
    assert losses[-1] < 0.5 * losses[0]
    assert len(names["memory"]) == 320


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
    assert len(model.load_state_dict({}, strict=False).missing_keys) == len(before), "for torch to judge"
    assert unchanged(memory, before)


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
    memory.mix(draw(5, CLASSES).log_softmax(-1), queries, 0.5).sum().backward()
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
