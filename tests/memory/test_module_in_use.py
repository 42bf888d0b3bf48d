"""Laws of the memory as a module in the places where modules are used: threads, modes, compilers, several ranks."""

import copy
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import distributed, nn
from torch.nn.functional import nll_loss
from torch.utils.checkpoint import checkpoint

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.memory import KeyValueMemory

from .modules import CLASSES, KEY_DIM, content, draw, draw_labels, empty, filled

# --- threads


def together(*calls):
    """Run calls in threads and raise what any of them raises."""
    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(call) for call in calls]:
            done.result()


def test_threads_lose_no_entry():
    memory = empty(capacity=150)
    features = draw(150, KEY_DIM)

    def write(first):
        for i in range(first, first + 50):
            memory.write(features[i : i + 1], torch.tensor([i % 3]))

    together(*(lambda first=first: write(first) for first in (0, 50, 100)))
    assert len(memory) == 150
    assert sorted(memory.number.tolist()) == list(range(150))
    torch.testing.assert_close(memory.read(features, k=1).similarity, torch.ones(150, 1))


def test_a_read_sees_all_of_a_write_or_nothing():
    """Every write replaces four entries of one class by four of another, all of one number in their first feature."""
    memory, seen = KeyValueMemory(2, 400, capacity=400, k=400), []
    done = threading.Event()

    def write():
        for label in range(200):
            memory.write(torch.eye(2)[:1].expand(4, 2), torch.full((4,), label % 400))
        done.set()

    def look():
        while not done.is_set():
            found = memory.read(torch.ones(1, 2))
            labels, free = found.labels[0], found.count[0] == 0
            seen.append((labels[~free].bincount(minlength=400), found.count.sum()))
            copy.deepcopy(memory)

    together(write, look, look)
    for sizes, count in seen:
        if count < 400:
            assert set(sizes.tolist()) <= {0, 4}
        assert count % 4 == 0


def test_two_memories_can_be_merged_into_each_other_at_once():
    one, other = filled(4, seed=1, origin=1), filled(4, seed=2, origin=2)
    together(*(lambda a=a, b=b: [a.merge(b) for _ in range(20)] for a, b in ((one, other), (other, one))))
    assert sorted(content(one)) == sorted(content(other))


# --- modes and types


def test_a_memory_that_was_made_in_inference_mode_can_be_trained_and_written_to():
    with torch.inference_mode():
        memory = filled(20, capacity=24)
    memory.log_inverse_temperature = nn.Parameter(
        memory.log_inverse_temperature.clone()
    )  # a parameter is torch's to heal
    memory(draw(5, KEY_DIM, seed=1).requires_grad_()).sum().backward()
    for _ in range(2):
        memory.write(draw(4, KEY_DIM, seed=2), draw_labels(4))
    assert memory.count.sum() == 28


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_counts_go_on_in_half_precision(dtype):
    memory = KeyValueMemory(2, 2, capacity=1).to(dtype)
    for _ in range(3):
        memory.write(torch.eye(2)[:1].expand(1500, 2), torch.zeros(1500, dtype=torch.int64))
        memory.write(torch.eye(2)[:1].to(dtype), torch.zeros(1, dtype=torch.int64))
    assert memory.count.tolist() == [4503]
    assert memory.keys.dtype is dtype


def test_autocast_changes_no_read():
    memory, queries = filled(), draw(5, KEY_DIM, seed=1)
    for projection in (None, draw(KEY_DIM, 4)):
        memory.set_projection(projection)
        expected = memory(queries)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(memory(queries), expected)


# --- compilers


def mixing(memory):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.memory = nn.Linear(KEY_DIM, CLASSES), memory

        def forward(self, queries):
            return self.memory.mix(self.head(queries).log_softmax(-1), queries, 0.5)

    return Model()


@pytest.mark.parametrize("entries", [0, 12])
def test_a_compiled_read_is_the_read_itself_and_sees_what_is_written(entries):
    model, queries = mixing(filled(entries)), draw(5, KEY_DIM, seed=1)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(queries), model(queries))
    for label in (0, 1):
        model.memory.write(draw(3, KEY_DIM, seed=2), torch.full((3,), label))
        torch.testing.assert_close(compiled(queries), model(queries))
    compiled(queries).sum().backward()
    assert model.memory.log_inverse_temperature.grad.isfinite()


def test_an_exported_read_is_the_read_itself_for_any_number_of_queries():
    model, queries = mixing(filled(300, capacity=300)), draw(5, KEY_DIM, seed=1)
    exported = torch.export.export(model, (queries,), dynamic_shapes=({0: torch.export.Dim("n", min=2)},)).module()
    for n in (2, 5, 40):
        queries = draw(n, KEY_DIM, seed=n)
        torch.testing.assert_close(exported(queries), model(queries))


# --- training


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradients_are_the_same_with_checkpointing(reentrant):
    model, queries, labels = mixing(filled()), draw(8, KEY_DIM, seed=1).requires_grad_(), draw_labels(8)
    leaves = [queries, *model.parameters()]
    nll_loss(model(queries), labels).backward()
    expected = [leaf.grad.clone() for leaf in leaves]
    for leaf in leaves:
        leaf.grad = None
    nll_loss(checkpoint(model, queries, use_reentrant=reentrant), labels).backward()
    assert all(torch.equal(leaf.grad, grad) for leaf, grad in zip(leaves, expected, strict=True))


# --- several ranks


def _rank(rank, folder):
    """What one of two ranks does, with its own rows: as many as its number and one more."""
    distributed.init_process_group("gloo", init_method=f"file://{folder}/ranks", rank=rank, world_size=2)
    memory = empty()
    mine = (draw(rank + 1, KEY_DIM, seed=rank), torch.full((rank + 1,), rank))
    with pytest.raises(ConfigurationError, match="gather=True"):
        memory.write(*mine)
    assert len(memory) == 0
    model = nn.parallel.DistributedDataParallel(mixing(memory))
    for _ in range(2):
        loss = nll_loss(model(draw(4, KEY_DIM, seed=10 + rank)), draw_labels(4))
        loss.backward()
        memory.write(*mine, gather=True)
    bad = draw(1, KEY_DIM) * (math.nan if rank else 1)
    with pytest.raises(DataError, match="finite"):  # on both, so that none waits for the other
        memory.write(bad, torch.tensor([0]), gather=True)
    model(draw(4, KEY_DIM))
    alone = empty()
    alone.write(draw(1, KEY_DIM), torch.tensor([2]), gather=False)
    torch.save((memory.state_dict(), len(alone)), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def test_ranks_keep_the_rows_of_all(tmp_path):
    torch.multiprocessing.spawn(_rank, (str(tmp_path),), nprocs=2)
    (one, alone), (other, _) = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    expected = empty()
    for _ in range(2):
        for rank in range(2):
            expected.write(draw(rank + 1, KEY_DIM, seed=rank), torch.full((rank + 1,), rank))
    names = set(one) - {"log_inverse_temperature"}
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert all(torch.equal(one[name], expected.state_dict()[name]) for name in names)
    assert alone == 1
