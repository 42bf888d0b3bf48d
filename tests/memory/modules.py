"""Memories that the tests of the module share."""

from pathlib import Path

import torch

from hsokv.memory import KeyValueMemory

ROOT = Path(__file__).parents[2]
KEY_DIM, CLASSES = 6, 3
NOTHING = torch.zeros(0, dtype=torch.int64)


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
