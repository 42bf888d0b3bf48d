"""A class-balanced quota: which entries stay when a memory is too small, and into which the others are folded."""

import torch
from torch import Tensor

from hsokv.exceptions import ConfigurationError
from hsokv.memory.state import MemoryState, age, init, join, sort, take


def prune(state: MemoryState, capacity: int) -> MemoryState:
    """The same memory in `capacity` slots: under a class-balanced quota some entries stay, the others are folded in.

    Entries are ranked inside their class, oldest first; what stays is the `capacity` entries of lowest rank, oldest
    first among equal ranks, so no class loses its last entry while another keeps two. Each of the others is averaged,
    weighted by counts, into the entry of its class that stays and is nearest to it: one step of online k-means
    (MacQueen 1967), so several senses of a class live side by side. A class with no entry left is forgotten.

    Raises ConfigurationError for a capacity under 1.
    """
    missing = capacity - state.labels.shape[-1]
    if missing > 0:
        free = init(missing, state.keys.shape[-1], tuple(state.clock.shape), state.keys.dtype, state.keys.device)
        return join(state, free._replace(clock=state.clock))
    if capacity < 1:
        raise ConfigurationError(f"a memory wants capacity >= 1, got {capacity}")
    if not _may((state.occupied.sum(-1) > capacity).any()):
        return take(state, sort(state.origin, age(state))[..., :capacity])
    kept, spare = _by_quota(state, capacity)
    return _fold(take(state, kept), take(state, spare))


def _by_quota(state: MemoryState, capacity: int) -> tuple[Tensor, Tensor]:
    """Slots of the entries that stay [..., capacity] and of the others, each oldest first and free slots last."""
    total = state.labels.shape[-1]
    oldest_first = sort(state.origin, age(state))
    position = torch.arange(total, device=state.labels.device).expand(state.labels.shape)
    seniority = torch.empty_like(position).scatter(-1, oldest_first, position)
    label = torch.where(state.occupied, state.labels, torch.iinfo(torch.int64).max)  # free slots: a class of their own
    order = sort(seniority, label)
    starts = label.gather(-1, order).diff(dim=-1) != 0
    starts = torch.cat([torch.ones_like(label[..., :1], dtype=torch.bool), starts], -1)
    rank = position - torch.where(starts, position, 0).cummax(-1).values
    rank = torch.empty_like(position).scatter(-1, order, rank)
    priority = torch.where(state.occupied, rank * total + seniority, total * total + seniority).argsort(dim=-1)

    def in_order(slots: Tensor) -> Tensor:
        return slots.gather(-1, seniority.gather(-1, slots).argsort(dim=-1))

    return in_order(priority[..., :capacity]), in_order(priority[..., capacity:])


def _fold(kept: MemoryState, spare: MemoryState) -> MemoryState:
    """`kept` with every entry of `spare` averaged into the nearest entry of its class."""
    same = (spare.labels.unsqueeze(-1) == kept.labels.unsqueeze(-2)) & kept.occupied.unsqueeze(-2)
    same = same & spare.occupied.unsqueeze(-1)
    into = torch.where(same, spare.keys @ kept.keys.mT, -2).argmax(-1)
    weight = torch.where(same.any(-1), spare.count, 0)
    count = kept.count.scatter_add(-1, into, weight)
    total = kept.keys * kept.count.unsqueeze(-1)
    total = total.scatter_add(-2, into.unsqueeze(-1).expand(spare.keys.shape), spare.keys * weight.unsqueeze(-1))
    # Where nothing came, the key stays as it is to the last bit; so it does where what came cancels it.
    moves = (count > kept.count).unsqueeze(-1) & (total.abs().amax(-1, keepdim=True) > 0)
    moved = torch.where(moves, torch.nn.functional.normalize(total, dim=-1), kept.keys)
    return kept._replace(keys=moved, count=count)


def _may(condition: Tensor) -> bool:
    """Whether a condition holds, to save work; where no value can be asked for, under vmap, that it may."""
    try:
        return bool(condition)
    except RuntimeError:
        return True
