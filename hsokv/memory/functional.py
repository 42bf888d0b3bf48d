"""The key-value memory as pure functions: a state of fixed capacity goes in, a new state comes out.

Keys are unit vectors, values are class labels, both with leading batch axes allowed everywhere (`...`), so that a
population of memories is read and written in one call. Reading never changes a state. Shapes are checked here; values
(finite keys, known labels) are checked once at the edge, by `check_entries`, because a branch on a value would not
pass `torch.func.vmap`.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, normalize, pad

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.memory.folding import prune
from hsokv.memory.state import MemoryState, age, init, join, sort, take

__all__ = [
    "MemoryState",
    "Retrieval",
    "check_entries",
    "init",
    "label_distribution",
    "merge",
    "project",
    "prune",
    "read",
    "remove",
    "write",
]

GROUP = 8  # slots a group: what a read first ranks by their best
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
    """Add n entries; where they are too many for the slots, `prune` folds.

    `keys` [..., n, key_dim], not zero (normalised here); `labels` [..., n]; `origin`, one number or [...], names the
    writer. Raises DataError for other shapes.

    >>> state = write(init(2, 2), torch.eye(2), torch.tensor([0, 1]))
    >>> write(state, torch.tensor([[1.0, 1.0]]), torch.tensor([1])).labels
    tensor([0, 1])
    """
    batch, key_dim = state.keys.shape[:-2], state.keys.shape[-1]
    if keys.shape != (*labels.shape, key_dim) or keys.shape[:-2] != batch or not labels.ndim:
        raise DataError(
            f"wanted keys {[*batch, 'n', key_dim]} and labels {[*batch, 'n']}, "
            f"got {tuple(keys.shape)} and {tuple(labels.shape)}"
        )
    entries = labels.shape[-1]
    added = MemoryState(
        keys=_unit(keys).to(state.keys.dtype),
        labels=labels,
        count=torch.ones_like(labels, dtype=state.count.dtype),
        number=state.clock.unsqueeze(-1) + torch.arange(entries, device=labels.device),
        origin=torch.zeros_like(labels) + torch.as_tensor(origin, device=labels.device).unsqueeze(-1),
        clock=state.clock + entries,
    )
    return prune(join(state, added), state.labels.shape[-1])


def merge(state: MemoryState, other: MemoryState) -> MemoryState:
    """The union of two memories, with the slots of both; of an entry held by both, the copy with the larger count.

    Exactly commutative, associative and idempotent, up to free slots. An entry is known by its origin and number, so
    memories that were written apart need different origins. What one side has folded into an entry and the other still
    holds is in both, so merge first, all of them, and `prune` to the capacity wanted once, at the end.
    """
    both = join(state, other)
    order = sort(_digest(both.keys), -both.count, both.origin, age(both))
    number, origin = both.number.gather(-1, order), both.origin.gather(-1, order)
    again = (number.diff(dim=-1) == 0) & (origin.diff(dim=-1) == 0)
    again = torch.cat([torch.zeros_like(again[..., :1]), again], -1)
    return remove(both, torch.zeros_like(again).scatter(-1, order, again))


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


def read(state: MemoryState, queries: Tensor, k: int) -> Retrieval:
    """The `k` nearest entries by cosine; `queries` [..., n, key_dim] unit rows, k >= 1 (capped at the capacity).

    Takes the memory of one [..., n, capacity] product and little more. Float32 is the fast case.
    """
    if k < 1:
        raise ConfigurationError(f"a read wants k >= 1, got {k}")
    capacity = state.labels.shape[-1]
    # A product may round the columns past the last full group another way, so that equal keys would not tie. Padding
    # copies, even by nothing.
    rest = -capacity % GROUP
    cosine = queries @ (pad(state.keys, (0, 0, 0, rest)) if rest else state.keys).mT
    slots = _nearest(cosine.detach(), min(k, capacity))

    def look_up(values: Tensor) -> Tensor:
        return values.unsqueeze(-2).expand(*slots.shape[:-1], values.shape[-1]).gather(-1, slots)

    similarity = cosine.gather(-1, slots).clamp(0, 1)
    return Retrieval(similarity, look_up(state.labels), look_up(state.count), slots)


def label_distribution(retrieval: Retrieval, sharpness: Tensor | float, classes: int) -> Tensor:
    """What the retrieved entries say about the label: p_c ∝ e^{-b} + sum_{j: y_j = c} n_j e^{-b (1 - cos_j)}.

    n_j is the count of an entry: it weighs what the examples it stands for would. The constant is the evidence of one
    example at right angles, so that no class is impossible (for b under 100, where float32 ends).
    `sharpness` b > 0 is the inverse temperature of the branch (broadcast against [..., n]); returns [..., n, classes],
    rows sum to 1.

    >>> one = Retrieval(torch.ones(1, 1), torch.tensor([[1]]), torch.ones(1, 1), torch.tensor([[0]]))
    >>> label_distribution(one, 50.0, 2)
    tensor([[1.9287e-22, 1.0000e+00]])
    """
    b = torch.as_tensor(sharpness, dtype=retrieval.similarity.dtype).unsqueeze(-1)
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
    bad = ~torch.isfinite(keys).all(-1) | (keys == 0).all(-1)
    if bad.any():
        raise DataError(
            f"wanted finite keys that are not zero, {int(bad.sum())} of {bad.numel()} are not: remake the features"
        )
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
