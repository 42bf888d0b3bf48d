"""Laws of reads that are done in blocks of queries and entries."""

import pytest
import torch
from torch.func import vmap

from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv

from .largest import largest
from .states import CLASSES, unit


def filled(capacity, key_dim, entries=None, dtype=torch.float32):
    entries = capacity if entries is None else entries
    keys, labels = unit(entries, key_dim, dtype=dtype), torch.arange(entries) % CLASSES
    return kv.write(kv.init(capacity, key_dim, dtype=dtype), keys, labels)


@pytest.mark.parametrize("k", [1, 16, 900])
@pytest.mark.parametrize("entries", [100, 900])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blocks_find_what_one_product_finds(k, entries, dtype):
    state, queries = filled(900, 8, entries, dtype), unit(300, 8, seed=1, dtype=dtype)
    whole, blocks = kv.read(state, queries, k), kv.read(state, queries, k, max_megabytes=1)
    assert torch.equal(whole.slots, blocks.slots)
    torch.testing.assert_close(whole, blocks)


def test_ties_over_blocks_go_to_the_older_entry():
    state = kv.write(kv.init(20_003, 48), unit(1, 48).expand(20_003, 48), torch.arange(20_003))
    found = kv.read(state, unit(30, 48, seed=1), 5, max_megabytes=1)
    assert found.slots.tolist() == [list(range(5))] * 30


def test_blocks_take_no_more_than_they_may():
    state, queries = filled(20_000, 4), unit(2_000, 4, seed=1)
    assert largest(lambda: kv.read(state, queries, 2, max_megabytes=1)) <= 2**18
    memory = KeyValueMemory(4, CLASSES, capacity=20_000, k=2, max_megabytes=1)
    memory.write(state.keys, state.labels)
    assert largest(lambda: memory.read(queries)) <= 2**18


def test_gradients_pass_through_blocks():
    state, queries = filled(900, 8, dtype=torch.float64), unit(300, 8, seed=1, dtype=torch.float64)

    def gradients(**settings):
        leaves = [part.clone().requires_grad_() for part in (state.keys, queries)]
        found = kv.read(state._replace(keys=leaves[0]), leaves[1], 5, **settings)
        return torch.autograd.grad(kv.label_distribution(found, 5.0, CLASSES)[:, 0].square().sum(), leaves)

    for whole, blocks in zip(gradients(), gradients(max_megabytes=1), strict=True):
        torch.testing.assert_close(whole, blocks)


def test_many_memories_are_read_in_blocks_too():
    states = [filled(900, 8), kv.write(kv.init(900, 8), unit(900, 8, seed=7), torch.arange(900) % CLASSES)]
    state = kv.MemoryState(*(torch.stack(parts) for parts in zip(*states, strict=True)))
    queries = unit(2, 200, 8, seed=1)
    alone = [kv.read(one, some, 5) for one, some in zip(states, queries, strict=True)]

    def read(state, queries):
        return kv.read(kv.MemoryState(*state), queries, 5, max_megabytes=1)

    for together in (read(state, queries), vmap(read)(tuple(state), queries)):
        for part, parts in zip(together, zip(*alone, strict=True), strict=True):
            torch.testing.assert_close(part, torch.stack(parts), rtol=0, atol=1e-6)
