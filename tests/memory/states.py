"""States that the tests of the pure functions share."""

import torch
from hypothesis import strategies as st

from hsokv.memory import functional as kv

CLASSES = 3
seeds = st.integers(0, 10**6)
FLOATS = [torch.float32, torch.float64]


def unit(*shape, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator, dtype=dtype), dim=-1)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def copy(state):
    return kv.MemoryState(*(part.clone() for part in state))


def kept(state):
    """(number, label) of every entry in slot order."""
    held = state.occupied
    return list(zip(state.number[held].tolist(), state.labels[held].tolist(), strict=True))


def names(state):
    """(origin, number) of every entry in slot order."""
    held = state.occupied
    return list(zip(state.origin[held].tolist(), state.number[held].tolist(), strict=True))


def quota(labels, capacity):
    """What has to stay of labels written in this order, by plain Python: lowest rank inside the class, oldest first."""
    ranks = [labels[:i].count(label) for i, label in enumerate(labels)]
    return sorted(sorted(range(len(labels)), key=lambda i: (ranks[i], i))[:capacity])


def well_formed(state):
    """Free slots are empty and last, entries lie in the order of writing, names are unique, the clock is ahead."""
    held = state.occupied
    assert held.tolist() == sorted(held.tolist(), reverse=True)
    assert state.keys[~held].count_nonzero() == state.count[~held].count_nonzero() == 0
    assert state.labels[~held].count_nonzero() == state.origin[~held].count_nonzero() == 0
    assert (state.number[~held] == -1).all()
    assert [(number, origin) for origin, number in names(state)] == sorted({(n, o) for o, n in names(state)})
    assert (state.number < state.clock).all()
    assert (state.count[held] >= 1).all()
    torch.testing.assert_close(state.keys[held].norm(dim=-1), torch.ones(int(held.sum()), dtype=state.keys.dtype))


def grown(seed, origin, capacity=4, base=None):
    """A memory with a history of its own: writes past its capacity and a removal, on top of `base` if given."""
    generator = torch.Generator().manual_seed(seed)
    state = kv.init(capacity, 3) if base is None else base
    for count in torch.randint(1, 4, (2,), generator=generator).tolist():
        labels = torch.randint(0, CLASSES, (count,), generator=generator)
        state = kv.write(state, torch.randn(count, 3, generator=generator), labels, origin)
    return kv.remove(state, torch.rand(state.labels.shape, generator=generator) < 0.2)


def many():
    labels = torch.randint(0, CLASSES, (2, 3, 16), generator=torch.Generator().manual_seed(0))
    return unit(2, 3, 16, 4), labels, unit(2, 3, 6, 4, seed=1), torch.arange(6).reshape(2, 3)
