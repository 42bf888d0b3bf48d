"""The key-value memory as pure functions: a state of fixed capacity goes in, a new state comes out.

Keys are unit vectors, values are class labels, both with leading batch axes allowed everywhere (`...`), so that a
population of memories is read and written in one call. Reading never changes a state. Shapes are checked here; values
(finite keys, known labels) are checked once at the edge, by `check_entries`, because a branch on a value would not
pass `torch.func.vmap`.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, normalize, pad

from hsokv.exceptions import ConfigurationError, DataError, check_positive
from hsokv.memory.consolidation import prune
from hsokv.memory.state import MemoryState, age, init, join, sort, take

__all__ = [
    "MemoryState",
    "Retrieval",
    "check_entries",
    "collide",
    "entries",
    "init",
    "label_distribution",
    "look_up",
    "merge",
    "project",
    "prune",
    "read",
    "remove",
    "write",
]

GROUP = 8  # slots a group: what a read first ranks by their best
BLOCK = 2**21  # cosines a block, so that they stay in the cache of a core
MEGABYTES = 256  # what a read takes at most, where nothing else is asked for
SAME = 0.99  # least cosine of two copies of an entry, of which one may have been rounded to half precision
ONE = 0x3F800000  # the bits of 1.0 in float32


class Retrieval(NamedTuple):
    """The k entries nearest to each query, nearest first, older first among equals.

    similarity  [..., n, k]  cosine clamped to [0, 1], 0 for a free slot
    labels      [..., n, k]  int64
    count       [..., n, k]  0 for a free slot
    slots       [..., n, k]  where each entry lies in the state
    """

    similarity: Tensor
    labels: Tensor
    count: Tensor
    slots: Tensor


def write(state: MemoryState, keys: Tensor, labels: Tensor, origin: int | Tensor = 0) -> MemoryState:
    """Add n entries; where they are too many for the slots, `prune` consolidates.

    `keys` [..., n, key_dim], not zero (normalised here); `labels` [..., n]; `origin`, one number or [...], names the
    writer. Raises DataError for other shapes.

    >>> state = write(init(2, 2), torch.eye(2), torch.tensor([0, 1]))
    >>> write(state, torch.tensor([[1.0, 1.0]]), torch.tensor([1])).labels
    tensor([0, 1])
    """
    return prune(join(state, entries(state, keys, labels, origin)), state.labels.shape[-1])


def entries(state: MemoryState, keys: Tensor, labels: Tensor, origin: int | Tensor = 0) -> MemoryState:
    """What `write` adds to a state, as a state of n slots."""
    batch, key_dim = state.keys.shape[:-2], state.keys.shape[-1]
    if keys.shape != (*labels.shape, key_dim) or keys.shape[:-2] != batch or not labels.ndim:
        raise DataError(
            f"wanted keys {[*batch, 'n', key_dim]} and labels {[*batch, 'n']}, "
            f"got {tuple(keys.shape)} and {tuple(labels.shape)}"
        )
    n = labels.shape[-1]
    return MemoryState(
        keys=_unit(keys).to(state.keys.dtype),
        labels=labels,
        count=torch.ones_like(labels, dtype=state.count.dtype),
        number=state.clock.unsqueeze(-1) + torch.arange(n, device=labels.device),
        origin=torch.zeros_like(labels) + torch.as_tensor(origin, device=labels.device).unsqueeze(-1),
        clock=state.clock + n,
    )


def merge(state: MemoryState, other: MemoryState) -> MemoryState:
    """The union of two memories, with the slots of both; of an entry held by both, the copy with the larger count.

    Exactly commutative, associative and idempotent, up to free slots. An entry is known by its origin and number, so
    memories that were written apart need different origins. What one side has averaged into an entry and the other
    still holds is in both, so merge first, all of them, and `prune` to the capacity wanted once, at the end.
    """
    both = join(state, other)
    order = sort(_digest(both.keys), -both.count, both.origin, age(both))
    number, origin = both.number.gather(-1, order), both.origin.gather(-1, order)
    again = (number.diff(dim=-1) == 0) & (origin.diff(dim=-1) == 0)
    again = torch.cat([torch.zeros_like(again[..., :1]), again], -1)
    return remove(both, torch.zeros_like(again).scatter(-1, order, again))


def collide(state: MemoryState, other: MemoryState) -> bool:
    """Whether one origin and number names different entries of two memories, averaged ones (count over 1) aside."""
    both = join(state, other)
    order = sort(both.origin, age(both))
    number, origin, count = (part[order] for part in (both.number, both.origin, both.count))
    pairs = (number.diff() == 0) & (origin.diff() == 0) & (count[1:] == 1) & (count[:-1] == 1)
    slots = pairs.nonzero().squeeze(-1)
    cosine = (both.keys[order[slots]] * both.keys[order[slots + 1]]).sum(-1)
    return bool((cosine < SAME).any())


def remove(state: MemoryState, chosen: Tensor) -> MemoryState:
    """The state without the entries in the slots that `chosen` (bool [..., capacity]) marks, oldest first."""
    emptied = MemoryState(
        keys=state.keys.masked_fill(chosen.unsqueeze(-1), 0),
        labels=state.labels.masked_fill(chosen, 0),
        count=state.count.masked_fill(chosen, 0),
        number=state.number.masked_fill(chosen, -1),
        origin=state.origin.masked_fill(chosen, 0),
        clock=state.clock,
    )
    return take(emptied, sort(emptied.origin, age(emptied)))


def project(state: MemoryState, projection: Tensor) -> MemoryState:
    """The same entries with the keys k P / |k P|; `projection` P [..., key_dim, new_dim].

    A memory of features is kept and its keys are made anew whenever P moves, so that none goes stale. A key that P
    maps to zero stays zero: it is similar to nothing.
    """
    return state._replace(keys=_unit(state.keys @ projection))


def read(state: MemoryState, queries: Tensor, k: int, max_megabytes: int = MEGABYTES) -> Retrieval:
    """The `k` nearest entries by cosine; `queries` [..., n, key_dim] unit rows, k >= 1 (capped at the capacity).

    Takes at most `max_megabytes`, besides the result and, for a gradient, the n k keys that were found: what needs more
    is read in blocks of queries and entries. Float32 is the fast case; keys of another type are converted.
    """
    for name, value in {"k": k, "max_megabytes": max_megabytes}.items():
        if value < 1:
            raise ConfigurationError(f"a read wants {name} >= 1, got {value}")
    capacity = state.labels.shape[-1]
    keys, k = state.keys, min(k, capacity)
    # Of numpy: that of torch imports sympy, a third of a second a process.
    batch = 1 if torch.compiler.is_compiling() else math.prod(np.broadcast_shapes(keys.shape[:-2], queries.shape[:-2]))
    most = max_megabytes * 2**17  # cosines: one takes 8 bytes in all
    whole = torch.compiler.is_compiling() or batch * queries.shape[-2] * capacity <= most
    if whole and keys.dtype is queries.dtype:
        # A product may round the columns past the last full group another way, so that equal keys would not tie.
        # Padding copies, even by nothing.
        rest = -capacity % GROUP
        cosine = queries @ (pad(keys, (0, 0, 0, rest)) if rest else keys).mT
        slots = _nearest(cosine.detach(), k)
        return look_up(state, slots, cosine.gather(-1, slots).clamp(0, 1))
    slots, similarity = _in_blocks(keys.detach(), queries.detach(), k, max(1, min(most, BLOCK) // batch))
    if torch.is_grad_enabled() and (keys.requires_grad or queries.requires_grad):
        similarity = cosines(keys, queries, slots)
    return look_up(state, slots, similarity)


def look_up(state: MemoryState, slots: Tensor, similarity: Tensor) -> Retrieval:
    """The entries in `slots` [..., n, k], as a read gives them."""

    def at(values: Tensor) -> Tensor:
        return values.unsqueeze(-2).expand(*slots.shape[:-1], values.shape[-1]).gather(-1, slots)

    return Retrieval(similarity, at(state.labels), at(state.count), slots)


def cosines(keys: Tensor, queries: Tensor, slots: Tensor) -> Tensor:
    """Cosines [..., n, k], clamped to [0, 1], of queries with the keys in `slots`, as a function of both."""
    first = torch.arange(keys[..., 0, 0].numel(), device=keys.device).view(keys.shape[:-2]) * keys.shape[-2]
    found = keys.reshape(-1, keys.shape[-1]).index_select(0, (slots + first[..., None, None]).flatten())
    return (found.view(*slots.shape, keys.shape[-1]) * queries.unsqueeze(-2)).sum(-1).clamp(0, 1)


def label_distribution(retrieval: Retrieval, inverse_temperature: Tensor | float, classes: int) -> Tensor:
    """What the retrieved entries say about the label: p_c ∝ e^{-b} + sum_{j: y_j = c} n_j e^{-b (1 - cos_j)}.

    n_j is the count of an entry: it weighs what the examples it stands for would. The constant is the evidence of one
    example at right angles, so that no class is impossible (for b under 100, where float32 ends).
    `inverse_temperature` b > 0 is broadcast against [..., n]; returns [..., n, classes], rows sum to 1.

    >>> one = Retrieval(torch.ones(1, 1), torch.tensor([[1]]), torch.ones(1, 1), torch.tensor([[0]]))
    >>> label_distribution(one, 50.0, 2)
    tensor([[1.9287e-22, 1.0000e+00]])
    """
    if not isinstance(inverse_temperature, Tensor):
        check_positive(inverse_temperature, "inverse_temperature")
    b = torch.as_tensor(inverse_temperature, dtype=retrieval.similarity.dtype).unsqueeze(-1)
    # All is divided by e^{-b (1 - top)}, top the nearest similarity, so that a sharp read does not underflow. It
    # cancels, so that no gradient is lost by taking top as a constant.
    top = retrieval.similarity.detach().amax(-1, keepdim=True)
    weight = retrieval.count * torch.exp(b * (retrieval.similarity - top))
    constant = torch.exp(-b * top)
    total = weight.sum(-1, keepdim=True) + classes * constant
    share = (constant / total).expand(*weight.shape[:-1], classes)
    return share.scatter_add(-1, retrieval.labels.expand(weight.shape), weight / total)


def check_entries(keys: Tensor, labels: Tensor, classes: int) -> None:
    """Raise DataError for keys that are zero or not finite, or labels outside 0..classes-1."""
    check_rows(keys, "keys")
    check_labels(labels, classes)


def check_rows(rows: Tensor, name: str) -> None:
    """Raise DataError for rows [..., n, d] that are zero or not finite, naming them."""
    largest = rows.detach().abs().amax(-1)
    bad = ~(largest > 0) | (largest == torch.inf)
    if bad.any():
        raise DataError(
            f"wanted finite {name} that are not zero, got {int(bad.sum())} of {bad.numel()} that are not: "
            "leave them out or make them anew"
        )


def check_labels(labels: Tensor, classes: int) -> None:
    """Raise DataError for labels outside 0..classes-1."""
    if labels.numel() and (int(labels.min()) < 0 or int(labels.max()) >= classes):
        raise DataError(f"wanted labels in 0..{classes - 1}, got {int(labels.min())}..{int(labels.max())}")


def _unit(keys: Tensor) -> Tensor:
    # Scaled first, so that the squares of very small or very large numbers do not leave the range of floats.
    scale = keys.detach().abs().amax(-1, keepdim=True)
    return normalize(keys / torch.where(scale > 0, scale, 1), dim=-1)


def _nearest(cosine: Tensor, k: int) -> Tensor:
    """Slots [..., n, k] of the largest of `cosine` [..., n, slots], clamped to [0, 1]; the lower first among equals.

    Groups of neighbouring slots are ranked by their best, then the slots of the k best groups. That is exact: were a
    slot of the answer in no such group, each of the k would hold a larger cosine or an equal one in a lower slot. Free
    slots come last and have zero keys: they never pass an entry and weigh nothing.
    """
    groups = cosine.shape[-1] // GROUP
    if groups < 4 * k:
        return _first(cosine, k)
    best = max_pool1d(cosine.reshape(-1, 1, cosine.shape[-1]), GROUP).reshape(*cosine.shape[:-1], groups)
    chosen = _first(best, k, ranked=False).sort(dim=-1).values  # in the order of slots, which breaks ties
    start = torch.arange(0, chosen[..., 0].numel() * groups, groups, device=cosine.device)
    rows = chosen + start.view(*chosen.shape[:-1], 1)
    candidates = cosine.reshape(-1, GROUP).index_select(0, rows.flatten())
    picked = _first(candidates.reshape(*chosen.shape[:-1], k * GROUP), k)
    return chosen.gather(-1, picked // GROUP) * GROUP + picked % GROUP


def _in_blocks(keys: Tensor, queries: Tensor, k: int, cosines: int) -> tuple[Tensor, Tensor]:
    """Slots [..., n, k] and cosines of the nearest keys, by products of at most about so many `cosines` a block."""
    rows = max(1, min(1024, queries.shape[-2], cosines // GROUP))
    width = -(-min(max(k, cosines // rows), keys.shape[-2]) // GROUP) * GROUP
    done = []
    for some in queries.split(rows, dim=-2):
        slots = similarity = None
        for start in range(0, keys.shape[-2], width):
            block = keys[..., start : start + width, :].to(queries.dtype)
            if block.shape[-2] < width:  # filled up, so that equal keys tie with those of other blocks
                block = pad(block, (0, 0, 0, width - block.shape[-2]))
            cosine = some @ block.mT
            near = _nearest(cosine, k)
            values, near = cosine.gather(-1, near).clamp(0, 1), near + start
            if slots is not None and similarity is not None:
                values, near = torch.cat([similarity, values], -1), torch.cat([slots, near], -1)
                best = _first(values, k)
                values, near = values.gather(-1, best), near.gather(-1, best)
            slots, similarity = near, values
        done.append((slots, similarity))
    slots, similarity = (torch.cat(parts, -2) for parts in zip(*done, strict=True))
    return slots, similarity


def _first(cosine: Tensor, k: int, ranked: bool = True) -> Tensor:
    """Indices [..., n, k] of the largest of `cosine` clamped to [0, 1], the lower index first among equals.

    topk leaves open which of several equals it takes. So it ranks whole numbers, all different: the bits of a float
    that is not negative grow with the float (those of a negative one are negative), and the index breaks ties.
    """
    if cosine.dtype is not torch.float32:
        return cosine.clamp(0, 1).sort(dim=-1, descending=True, stable=True).indices[..., :k]
    rank = cosine.view(torch.int32).clamp(0, ONE).to(torch.int64).mul_(2**32)
    return rank.sub_(torch.arange(cosine.shape[-1], device=cosine.device)).topk(k, dim=-1, sorted=ranked).indices


def _digest(keys: Tensor) -> Tensor:
    """A whole number for the bits of each key, so that copies of an entry that differ can be told apart exactly."""
    keys = keys.detach().to(torch.promote_types(keys.dtype, torch.float32))
    bits = keys.view(torch.int32 if keys.dtype is torch.float32 else torch.int64).to(torch.int64)
    odd = 2 * torch.arange(keys.shape[-1], device=keys.device) + 1
    return (bits * (odd * 0x9E3779B97F4A7C1)).sum(-1)  # modulo 2^64, so the order of the sum does not matter
