"""A class-balanced quota: which entries stay when a memory is too small, and into which the others are averaged."""

import torch
from torch import Tensor

from hsokv.exceptions import ConfigurationError
from hsokv.memory.state import MemoryState, age, init, join, sort, take

PRODUCT = 2**24  # most cosines that are held at once
BLOCK = 1024  # entries, and rows compared with them, at a time: what the cache of a core holds
SIZES = -1  # beside classes
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


def insert_(
    state: MemoryState, added: MemoryState, classes: int | None = None, known: dict[int, Tensor] | None = None
) -> bool:
    """`prune(join(state, added), capacity)` of one memory in place, at the cost of the entries that are added.

    `state` may hold its entries in any order, free slots last; `added` are newer. Where entries leave, newer ones take
    their slots. Returns whether an ordered state is still ordered. With labels in 0..classes-1 (else None) a few
    are consolidated without sorting all. What is averaged is compared with its own class alone, whose slots stand in
    `known` (and the sizes of all by SIZES) from one call to the next, as long as entries are averaged alone.
    """
    known = {} if known is None else known
    capacity, new = state.labels.shape[0], len(added.labels)
    held = capacity if state.number[-1] >= 0 else int(state.occupied.sum())
    freed, unkept = _left_out(state, held, added, max(0, held + new - capacity), classes, known)
    left = take(state, freed) if len(freed) else state
    if len(unkept) < new:
        known.clear()
        stays = torch.ones_like(added.labels, dtype=torch.bool)
        stays[unkept] = False
        free = torch.arange(held, held + new - len(unkept) - len(freed), device=freed.device)
        for part, more in zip(state[:-1], added[:-1], strict=True):
            part.index_copy_(0, torch.cat([freed, free]), more[stays].to(part.dtype))
    state.clock.copy_(added.clock)
    rows = torch.arange(len(freed), device=freed.device)
    groups = [group for group in ((left, rows), (added, unkept)) if len(group[1])]
    if groups:
        _average_(state, groups, torch.cat([_nearest_of_class(state, *group, known) for group in groups]))
    return not len(freed)


def _left_out(
    state: MemoryState, held: int, added: MemoryState, spares: int, classes: int | None, known: dict[int, Tensor]
) -> tuple[Tensor, Tensor]:
    """Which of the first `held` slots and which added rows `_by_quota` leaves out, both oldest first."""
    labels, device = state.labels[:held], state.labels.device
    if not spares:
        return torch.arange(0, device=device), torch.arange(0, device=device)
    if spares > FEW or classes is None:
        keyless = (part._replace(keys=part.keys[:, :0]) for part in (state, added))
        both = join(MemoryState(*(part[:held] for part in next(keyless)[:-1]), clock=state.clock), next(keyless))
        out = _by_quota(both, held + len(added.labels) - spares)[1]
        return out[out < held], out[out >= held] - held
    freed, unkept, rest, number = [], [], added.labels.tolist(), None
    if SIZES not in known:
        known[SIZES] = torch.bincount(labels, minlength=classes)
    sizes = known[SIZES] + torch.bincount(added.labels, minlength=classes)
    for _ in range(spares):  # again and again the newest entry of the largest classes
        largest = sizes == sizes.max()
        newest = next((row for row in reversed(range(len(rest))) if rest[row] >= 0 and largest[rest[row]]), None)
        if newest is not None:
            unkept.append(newest)
            sizes[rest[newest]] -= 1
            rest[newest] = -1
            continue
        number = state.number[:held].clone() if number is None else number
        times = torch.where(largest[labels], number, -1)
        equals = (times == times.max()).nonzero().squeeze(-1)
        freed.append(int(equals[state.origin[equals].argmax()]))
        sizes[labels[freed[-1]]] -= 1
        number[freed[-1]] = -1
    freed, unkept = (torch.tensor(slots, dtype=torch.int64, device=device) for slots in (freed, sorted(unkept)))
    return freed[sort(state.origin[freed], state.number[freed])] if len(freed) > 1 else freed, unkept


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
    large = spare.labels.ndim == 1 and len(spare.labels) * len(kept.labels) > PRODUCT
    if large and _may(spare.occupied.any(), otherwise=False):
        held = spare.occupied.nonzero().squeeze(-1)
        into = torch.full_like(spare.labels, -1)
        into[held] = _nearest_of_class(kept, spare, held, {})
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


def _nearest_of_class(kept: MemoryState, spare: MemoryState, rows: Tensor, known: dict[int, Tensor]) -> Tensor:
    """For some rows [n] of `spare` the slot of the nearest entry of their class, the oldest among equals; -1: none."""
    into = torch.full_like(rows, -1)
    classes, which = spare.labels[rows].unique(return_inverse=True)
    slots = known.get(int(classes)) if len(classes) == 1 else None
    if slots is None:
        theirs = kept.labels == classes if len(classes) == 1 else torch.isin(kept.labels, classes)
        slots = (theirs if kept.number[-1] >= 0 else theirs & kept.occupied).nonzero().squeeze(-1)
        if (kept.number[slots].diff() < 0).any():
            slots = slots[sort(kept.origin[slots], kept.number[slots])]
    if len(classes) == 1:
        known[int(classes)] = slots
    pairs = [(slots, torch.arange(len(rows), device=rows.device))]
    if len(classes) > 1:
        slots = slots[kept.labels[slots].argsort(stable=True)]
        ends = torch.searchsorted(kept.labels[slots], classes, right=True).tolist()
        order, sizes = which.argsort(stable=True), torch.bincount(which, minlength=len(classes)).tolist()
        pairs = zip(slots.tensor_split(ends[:-1]), order.split(sizes), strict=True)
    for among, mine in pairs:
        if not len(among):
            continue
        best = torch.full(mine.shape, -torch.inf, dtype=spare.keys.dtype, device=rows.device)
        wide = BLOCK if len(mine) > FEW else 8 * BLOCK  # few rows: fewer, larger blocks of entries
        for near in among.split(wide):
            keys = kept.keys.index_select(0, near).to(spare.keys.dtype)
            for some, which_best in zip(mine.split(BLOCK), best.split(BLOCK), strict=True):
                cosine, at = (spare.keys.index_select(0, rows[some]) @ keys.mT).max(-1)
                nearer = cosine > which_best
                which_best.copy_(torch.where(nearer, cosine, which_best))
                into[some] = torch.where(nearer, near[at], into[some])
    return into


def _average_(state: MemoryState, groups: list[tuple[MemoryState, Tensor]], into: Tensor) -> None:
    """Average rows of other states, in their order, into the slots `into`; -1: forgotten."""
    dtype = groups[-1][0].keys.dtype
    targets, into = into.unique(return_inverse=True)
    keys, before = state.keys[targets].to(dtype), state.count[targets].to(dtype)  # of the last slot for -1
    count, total = before.clone(), keys * before.unsqueeze(-1)
    done = 0
    for source, rows in groups:
        for some in rows.split(BLOCK):
            index, done = into[done : done + len(some)], done + len(some)
            weight = source.count[some].to(dtype)
            count.index_add_(0, index, weight)
            total.index_add_(0, index, source.keys[some].to(dtype) * weight.unsqueeze(-1))
    forgotten = int(targets[0] < 0)
    keys = _centre(keys, total, count > before)
    state.keys.index_copy_(0, targets[forgotten:], keys[forgotten:].to(state.keys.dtype))
    state.count.index_copy_(0, targets[forgotten:], count[forgotten:].to(state.count.dtype))


def _centre(keys: Tensor, total: Tensor, grown: Tensor) -> Tensor:
    # Where nothing came, the key stays as it is to the last bit; so it does where what came cancels it.
    moves = grown.unsqueeze(-1) & (total.abs().amax(-1, keepdim=True) > 0)
    return torch.where(moves, torch.nn.functional.normalize(total, dim=-1), keys)


def _may(condition: Tensor, otherwise: bool = True) -> bool:
    """Whether a condition holds, to save work; `otherwise` where no value can be asked for, under vmap."""
    try:
        return bool(condition)
    except RuntimeError:
        return otherwise
