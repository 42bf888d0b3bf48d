"""Laws of the memory as a module in the places where modules are used: threads, modes, compilers, training loops.

Several ranks: tests/hub/test_processes.py.
"""

import copy
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import nll_loss
from torch.utils.checkpoint import checkpoint

from hsokv.memory import KeyValueMemory

from .made import CLASSES, KEY_DIM, Mixing, content, draw, draw_labels, empty, filled, snapshot, unchanged

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
