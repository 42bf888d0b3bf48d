"""Memories and states that the tests share, and a measure of what a call takes."""

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv

KEY_DIM, CLASSES = 6, 3
NOTHING = torch.zeros(0, dtype=torch.int64)
FLOATS = [torch.float32, torch.float64]
seeds = st.integers(0, 10**6)


def draw(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def unit(*shape, seed=0, dtype=torch.float32):
    return normalize(draw(*shape, seed=seed, dtype=dtype), dim=-1)


def draw_labels(n, seed=0):
    return torch.randint(0, CLASSES, (n,), generator=torch.Generator().manual_seed(seed))


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# --- modules


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
    return same(one.read(queries), other.read(queries)) and torch.equal(one(queries), other(queries))


class Mixing(nn.Module):
    """A head beside a memory."""

    def __init__(self, memory):
        super().__init__()
        self.head, self.memory = nn.Linear(KEY_DIM, CLASSES), memory

    def forward(self, queries):
        return self.memory.mix(self.head(queries).log_softmax(-1), queries, 0.5)


# --- states


def copy(state):
    return kv.MemoryState(*(part.clone() for part in state))


def names(state):
    """(origin, number) of every entry in slot order."""
    held = state.occupied
    return list(zip(state.origin[held].tolist(), state.number[held].tolist(), strict=True))


def content(memory):
    """Every entry with all that is known of it, in the order of slots."""
    parts = (memory.state.labels, memory.state.count, memory.state.keys)
    return list(zip(names(memory.state), *(part[: len(memory)].tolist() for part in parts), strict=True))


def grown(seed, origin, capacity=4, base=None):
    """A memory with a history of its own: writes past its capacity and a removal, on top of `base` if given."""
    state = kv.init(capacity, 3) if base is None else base
    for i in range(2):
        count = (seed + i) % 3 + 1
        state = kv.write(state, draw(count, 3, seed=seed + i), draw_labels(count, seed + i), origin)
    generator = torch.Generator().manual_seed(seed)
    return kv.remove(state, torch.rand(state.labels.shape, generator=generator) < 0.2)


# --- what a call takes


class Largest(TorchDispatchMode):
    """Records the most elements of any tensor that is made, views left out: a law on memory that no machine bends."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        mine = {leaf.untyped_storage()._cdata for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor) and leaf.untyped_storage()._cdata not in mine:
                self.elements = max(self.elements, leaf.untyped_storage().nbytes() // leaf.element_size())
        return out


def largest(call):
    with Largest() as mode:
        call()
    return mode.elements
