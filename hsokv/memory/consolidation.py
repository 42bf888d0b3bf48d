"""A class-balanced quota: which entries stay when a memory is too small, and into which the others are averaged."""

import torch
from torch import Tensor

from hsokv.exceptions import ConfigurationError
from hsokv.memory.state import MemoryState, age, init, join, sort, take

PRODUCT = 2**24  # most cosines that are held at once
FEW = 32  # entries beyond the capacity that are found one by one, without sorting all


def prune(state: MemoryState, capacity: int) -> MemoryState:
    """The same memory in `capacity` slots: under a class-balanced quota some entries stay, the others are averaged in.

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
    return _consolidate(take(state, kept), take(state, spare))


def is_large(state: MemoryState, added: MemoryState) -> bool:
    """Whether a write is better done by `insert_` on a copy: one memory, no gradient, and more cosines than fit."""
    if added.labels.ndim != 1 or added.labels.numel() * state.labels.numel() <= PRODUCT:
        return False
    gradient = torch.is_grad_enabled() and (state.keys.requires_grad or added.keys.requires_grad)
    return not gradient and _can_branch(state.labels)


def insert_(state: MemoryState, added: MemoryState, classes: int | None = None) -> bool:
    """`prune(join(state, added), capacity)` of one memory in place, at the cost of the entries that are added.

    `state` may hold its entries in any order, free slots last; `added` are newer. Where entries leave, newer ones take
    their slots. Returns whether an ordered state is still ordered. With labels in 0..classes-1 (else None) a few
    entries are consolidated without sorting all. What is averaged is compared with its own class alone.
    """
    capacity, new = state.labels.shape[0], len(added.labels)
    held = capacity if state.number[-1] >= 0 else int(state.occupied.sum())
    spares = held + new - capacity
    if spares <= 0:
        out = torch.zeros(0, dtype=torch.int64, device=state.labels.device)
    else:
        both = join(*(part._replace(keys=part.keys[:, :0]) for part in (_first(state, held), added)))
        few = classes is not None and spares <= FEW
        out = _newest_of_largest(both, spares, classes) if few else _by_quota(both, capacity)[1]
    freed, unkept = out[out < held], out[out >= held] - held
    left = take(state, freed)
    stays = torch.ones_like(added.labels, dtype=torch.bool)
    stays[unkept] = False
    slots = torch.cat([freed, torch.arange(held, min(capacity, held + new), device=freed.device)])
    for part, more in zip(state[:-1], added[:-1], strict=True):
        part.index_copy_(0, slots, more[stays].to(part.dtype))
    state.clock.copy_(added.clock)
    groups = [left, added._replace(clock=state.clock)]
    rows = [torch.arange(len(freed), device=freed.device), unkept]
    into = torch.cat([_nearest_of_class(state, *pair) for pair in zip(groups, rows, strict=True)])
    if (into >= 0).any():
        targets, into = into.unique(return_inverse=True)
        forgotten = int(targets[0] < 0)
        _average_(state, targets[forgotten:], into - forgotten, list(zip(groups, rows, strict=True)))
    return not len(freed)


def _first(state: MemoryState, held: int) -> MemoryState:
    return MemoryState(*(part[:held] for part in state[:-1]), state.clock)


def _newest_of_largest(state: MemoryState, spares: int, classes: int) -> Tensor:
    """What `_by_quota` leaves out [spares], oldest first: again and again the newest entry of the largest classes."""
    sizes, number = torch.bincount(state.labels, minlength=classes), state.number.clone()
    out = []
    for _ in range(spares):
        most = sizes == sizes.max()
        if len(out) == 0 and most[state.labels[-1]]:
            slot = len(number) - 1  # the newest of all
        else:
            times = torch.where(most[state.labels], number, -1)
            equals = (times == times.max()).nonzero().squeeze(-1)
            slot = int(equals[state.origin[equals].argmax()])
        out.append(slot)
        sizes[state.labels[slot]] -= 1
        number[slot] = -1
    out = torch.tensor(out, device=number.device)
    return out[sort(state.origin[out], state.number[out])]


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


def _consolidate(kept: MemoryState, spare: MemoryState) -> MemoryState:
    """`kept` with every entry of `spare` averaged into the nearest entry of its class."""
    if spare.labels.ndim == 1 and len(spare.labels) * len(kept.labels) > PRODUCT and _can_branch(spare.labels):
        held = spare.occupied.nonzero().squeeze(-1)
        into = torch.full_like(spare.labels, -1)
        into[held] = _nearest_of_class(kept, spare, held)
        weight, into = torch.where(into >= 0, spare.count, 0), into.clamp_min(0)
    else:
        same = (spare.labels.unsqueeze(-1) == kept.labels.unsqueeze(-2)) & kept.occupied.unsqueeze(-2)
        same = same & spare.occupied.unsqueeze(-1)
        into = torch.where(same, spare.keys @ kept.keys.mT, -2).argmax(-1)
        weight = torch.where(same.any(-1), spare.count, 0)
    count = kept.count.scatter_add(-1, into, weight)
    total = kept.keys * kept.count.unsqueeze(-1)
    total = total.scatter_add(-2, into.unsqueeze(-1).expand(spare.keys.shape), spare.keys * weight.unsqueeze(-1))
    return kept._replace(keys=_centre(kept.keys, total, count > kept.count), count=count)


def _nearest_of_class(kept: MemoryState, spare: MemoryState, rows: Tensor) -> Tensor:
    """For some rows [n] of `spare` the slot of the nearest entry of their class, the oldest among equals; -1: none."""
    into = torch.full_like(rows, -1)
    classes, which = spare.labels[rows].unique(return_inverse=True)
    slots = (torch.isin(kept.labels, classes) & kept.occupied).nonzero().squeeze(-1)
    slots = slots[sort(kept.origin[slots], kept.number[slots], kept.labels[slots])]
    labels = kept.labels[slots]
    starts, ends = torch.searchsorted(labels, classes), torch.searchsorted(labels, classes, right=True)
    order, sizes = which.argsort(stable=True), torch.bincount(which, minlength=len(classes))
    for start, end, mine in zip(starts.tolist(), ends.tolist(), order.split(sizes.tolist()), strict=True):
        if start < end:
            keys = kept.keys.index_select(0, slots[start:end]).to(spare.keys.dtype)
            for some in mine.split(max(1, PRODUCT // (end - start))):
                cosine = spare.keys.index_select(0, rows[some]) @ keys.mT
                into[some] = slots[start + cosine.argmax(-1)]
    return into


def _average_(state: MemoryState, targets: Tensor, into: Tensor, groups: list[tuple[MemoryState, Tensor]]) -> None:
    """Average rows of other states, in their order, into slots `targets`; `into` says which of these, under 0 none."""
    dtype = groups[1][0].keys.dtype
    keys, before = state.keys[targets].to(dtype), state.count[targets].to(dtype)
    count, total = before.clone(), keys * before.unsqueeze(-1)
    done = 0
    for group, rows in groups:
        for some in rows.split(4096):
            index, done = into[done : done + len(some)], done + len(some)
            some, index = some[index >= 0], index[index >= 0]
            weight = group.count[some].to(dtype)
            count.index_add_(0, index, weight)
            total.index_add_(0, index, group.keys[some].to(dtype) * weight.unsqueeze(-1))
    state.keys.index_copy_(0, targets, _centre(keys, total, count > before).to(state.keys.dtype))
    state.count.index_copy_(0, targets, count.to(state.count.dtype))


def _centre(keys: Tensor, total: Tensor, grown: Tensor) -> Tensor:
    # Where nothing came, the key stays as it is to the last bit; so it does where what came cancels it.
    moves = grown.unsqueeze(-1) & (total.abs().amax(-1, keepdim=True) > 0)
    return torch.where(moves, torch.nn.functional.normalize(total, dim=-1), keys)


def _can_branch(tensor: Tensor) -> bool:
    """Whether values can be asked for: not under vmap."""
    try:
        return bool((tensor[:1] == tensor[:1]).all())
    except RuntimeError:
        return False


def _may(condition: Tensor) -> bool:
    """Whether a condition holds, to save work; where no value can be asked for, under vmap, that it may."""
    try:
        return bool(condition)
    except RuntimeError:
        return True
