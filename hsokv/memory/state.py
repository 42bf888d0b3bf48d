"""What a memory holds: entries in slots of a fixed number, as tensors with any leading axes."""

from typing import NamedTuple

import torch
from torch import Tensor

from hsokv.exceptions import ConfigurationError


class MemoryState(NamedTuple):
    """Entries of one memory (or, with leading axes, of many), in the order of writing, free slots last.

    keys        [..., capacity, key_dim]  unit rows, zero where free
    labels      [..., capacity]           int64, 0 where free
    count       [..., capacity]           examples that an entry stands for, its confidence; 0 where free
    number      [..., capacity]           time of the write, -1 where free: smaller is older
    origin      [..., capacity]           which writer; (origin, number) names an entry, wherever it has been copied to
    clock       [...]                     time of the next write, later than that of every entry met so far
    """

    keys: Tensor
    labels: Tensor
    count: Tensor
    number: Tensor
    origin: Tensor
    clock: Tensor

    @property
    def occupied(self) -> Tensor:
        """Which slots hold an entry, bool [..., capacity]."""
        return self.number >= 0


def init(
    capacity: int,
    key_dim: int,
    batch: tuple[int, ...] = (),
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> MemoryState:
    """An empty memory of `capacity` >= 1 entries of dimension `key_dim` >= 1.

    >>> init(2, 3).occupied
    tensor([False, False])
    """
    if capacity < 1 or key_dim < 1:
        raise ConfigurationError(f"a memory wants capacity >= 1 and key_dim >= 1, got {capacity} and {key_dim}")
    return MemoryState(
        keys=torch.zeros(*batch, capacity, key_dim, dtype=dtype, device=device),
        labels=torch.zeros(*batch, capacity, dtype=torch.int64, device=device),
        count=torch.zeros(*batch, capacity, dtype=dtype, device=device),
        number=torch.full((*batch, capacity), -1, dtype=torch.int64, device=device),
        origin=torch.zeros(*batch, capacity, dtype=torch.int64, device=device),
        clock=torch.zeros(batch, dtype=torch.int64, device=device),
    )


def join(state: MemoryState, other: MemoryState) -> MemoryState:
    """The slots of both, side by side."""
    slots = (torch.cat(parts, -2 if i == 0 else -1) for i, parts in enumerate(zip(state[:-1], other[:-1], strict=True)))
    return MemoryState(*slots, clock=torch.maximum(state.clock, other.clock))


def take(state: MemoryState, slots: Tensor) -> MemoryState:
    """The entries of the given slots [..., n], in their order."""
    keys = state.keys.gather(-2, slots.unsqueeze(-1).expand(*slots.shape, state.keys.shape[-1]))
    return MemoryState(keys, *(part.gather(-1, slots) for part in state[1:-1]), clock=state.clock)


def sort(*columns: Tensor) -> Tensor:
    """Indices that sort by the last of the columns [..., n], then by the one before it, and so on."""
    order = columns[0].argsort(dim=-1, stable=True)
    for column in columns[1:]:
        order = order.gather(-1, column.gather(-1, order).argsort(dim=-1, stable=True))
    return order


def age(state: MemoryState) -> Tensor:
    """Times of writing, free slots after every entry."""
    return torch.where(state.occupied, state.number, torch.iinfo(torch.int64).max)
