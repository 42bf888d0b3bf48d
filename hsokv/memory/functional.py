"""The key-value memory as pure functions: a state of fixed capacity goes in, a new state comes out.

Keys are unit vectors, values are class labels, both with leading batch axes allowed everywhere (`...`), so that a
population of memories is read and written in one call. Reading never changes a state.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from hsokv.exceptions import ConfigurationError, DataError


class MemoryState(NamedTuple):
    """Entries of one memory (or, with leading axes, of many).

    keys        [..., capacity, key_dim]  unit rows, zero where free
    labels      [..., capacity]           int64, 0 where free
    confidence  [..., capacity]           in (0, 1], 0 where free
    written     [..., capacity]           serial number of the write, -1 where free: smaller is older
    """

    keys: Tensor
    labels: Tensor
    confidence: Tensor
    written: Tensor

    @property
    def occupied(self) -> Tensor:
        """Which slots hold an entry, bool [..., capacity]."""
        return self.written >= 0


class Retrieval(NamedTuple):
    """The k entries nearest to each query, nearest first, older first among equals.

    similarity  [..., n, k]  cosine clamped to [0, 1], 0 for a free slot
    labels      [..., n, k]  int64
    confidence  [..., n, k]  0 for a free slot
    """

    similarity: Tensor
    labels: Tensor
    confidence: Tensor


def init(capacity: int, key_dim: int, batch: tuple[int, ...] = (), dtype: torch.dtype = torch.float32) -> MemoryState:
    """An empty memory of `capacity` >= 1 entries of dimension `key_dim` >= 1.

    >>> init(2, 3).occupied
    tensor([False, False])
    """
    if capacity < 1 or key_dim < 1:
        raise ConfigurationError(f"a memory wants capacity >= 1 and key_dim >= 1, got {capacity} and {key_dim}")
    return MemoryState(
        torch.zeros(*batch, capacity, key_dim, dtype=dtype),
        torch.zeros(*batch, capacity, dtype=torch.int64),
        torch.zeros(*batch, capacity, dtype=dtype),
        torch.full((*batch, capacity), -1, dtype=torch.int64),
    )


def write(state: MemoryState, keys: Tensor, labels: Tensor, classes: int) -> MemoryState:
    """Add n entries and keep the cap under a class-balanced quota.

    Old and new entries are ranked inside their class, newest first; what stays is the `capacity` entries of lowest
    rank, newest first among equal ranks. So no class loses its last entry while another keeps two, and the order of
    slots is the order of writing. `keys` [..., n, key_dim] (normalised here), `labels` [..., n] in 0..classes-1.
    Raises DataError for keys that are zero or not finite and for labels outside the classes; the state is untouched.

    >>> state = write(init(2, 2), torch.eye(2), torch.tensor([0, 1]), classes=2)
    >>> write(state, torch.tensor([[1.0, 1.0]]), torch.tensor([1]), classes=2).labels
    tensor([0, 1])
    """
    _check_entries(state, keys, labels, classes)
    count, capacity = labels.shape[-1], state.labels.shape[-1]
    serial = state.written.amax(-1, keepdim=True) + 1 + torch.arange(count)
    written = torch.cat([state.written, serial], -1)
    everything = MemoryState(
        torch.cat([state.keys, _unit(keys).to(state.keys.dtype)], -2),
        torch.cat([state.labels, labels], -1),
        torch.cat([state.confidence, torch.ones_like(serial, dtype=state.confidence.dtype)], -1),
        written,
    )
    kept = _keep(everything.labels, written, capacity)
    return MemoryState(
        everything.keys.gather(-2, kept.unsqueeze(-1).expand(*kept.shape, everything.keys.shape[-1])),
        *(part.gather(-1, kept) for part in everything[1:]),
    )


def read(state: MemoryState, queries: Tensor, k: int) -> Retrieval:
    """The `k` nearest entries by cosine; `queries` [..., n, key_dim] unit rows, k >= 1 (capped at the capacity)."""
    if k < 1:
        raise ConfigurationError(f"a read wants k >= 1, got {k}")
    similarity = (queries @ state.keys.mT).clamp(0, 1)
    # Not topk, which leaves open which of several equals it takes. Slots are in the order of writing, so a stable sort
    # puts the older first; free slots come last and have zero keys: they never pass an entry and weigh nothing.
    ranked, order = similarity.sort(dim=-1, descending=True, stable=True)
    top, slots = ranked[..., :k], order[..., :k]

    def look_up(values: Tensor) -> Tensor:
        return values.unsqueeze(-2).expand(*slots.shape[:-1], values.shape[-1]).gather(-1, slots)

    return Retrieval(top, look_up(state.labels), look_up(state.confidence))


def label_distribution(retrieval: Retrieval, sharpness: Tensor | float, classes: int) -> Tensor:
    """What the retrieved entries say about the label: p_c ∝ e^{-b} + sum_{j: y_j = c} c_j e^{-b (1 - cos_j)}.

    The constant is the evidence of one entry at right angles, so that no class is impossible. `sharpness` b > 0 is the
    inverse temperature of the branch (broadcast against [..., n]); returns [..., n, classes], rows sum to 1.

    >>> one = Retrieval(torch.ones(1, 1), torch.tensor([[1]]), torch.ones(1, 1))
    >>> label_distribution(one, 50.0, 2)
    tensor([[1.9287e-22, 1.0000e+00]])
    """
    b = torch.as_tensor(sharpness, dtype=retrieval.similarity.dtype).unsqueeze(-1)
    # All is divided by e^{-b (1 - top)}, top the nearest similarity, so that a sharp read does not underflow.
    top = retrieval.similarity.amax(-1, keepdim=True)
    weight = retrieval.confidence * torch.exp(-b * (top - retrieval.similarity))
    evidence = torch.exp(-b * top).expand(*weight.shape[:-1], classes)
    evidence = evidence.scatter_add(-1, retrieval.labels.expand(weight.shape), weight)
    return evidence / evidence.sum(-1, keepdim=True)


def _unit(keys: Tensor) -> Tensor:
    # Scaled first, so that the squares of very small or very large numbers do not leave the range of floats.
    return torch.nn.functional.normalize(keys / keys.abs().amax(-1, keepdim=True), dim=-1)


def _keep(labels: Tensor, written: Tensor, capacity: int) -> Tensor:
    """Indices [..., capacity] of the entries that stay, in the order of writing, free slots last."""
    newest_first = written.argsort(dim=-1, descending=True, stable=True)
    by_class = labels.gather(-1, newest_first).argsort(dim=-1, stable=True)
    order = newest_first.gather(-1, by_class)  # class by class, newest first
    sorted_labels = labels.gather(-1, order)
    position = torch.arange(labels.shape[-1]).expand(labels.shape)
    starts = torch.cat([torch.ones_like(sorted_labels[..., :1], dtype=torch.bool), sorted_labels.diff(dim=-1) != 0], -1)
    first = torch.where(starts, position, 0).cummax(-1).values
    rank = torch.empty_like(position).scatter(-1, order, position - first)
    total = labels.shape[-1]
    # Lowest rank first, newest first among equals; free slots (written = -1) after everything else.
    recency = torch.empty_like(position).scatter(-1, newest_first, position)
    priority = torch.where(written >= 0, rank * total + recency, total * total)
    kept = priority.argsort(dim=-1, stable=True)[..., :capacity]
    serial = written.gather(-1, kept)
    return kept.gather(-1, torch.where(serial >= 0, serial, serial.max() + 1).argsort(dim=-1, stable=True))


def _check_entries(state: MemoryState, keys: Tensor, labels: Tensor, classes: int) -> None:
    batch, key_dim = state.keys.shape[:-2], state.keys.shape[-1]
    if keys.shape[:-2] != batch or keys.shape[-1] != key_dim or keys.shape[:-1] != labels.shape:
        raise DataError(
            f"wanted keys {[*batch, 'n', key_dim]} and labels {[*batch, 'n']}, "
            f"got {tuple(keys.shape)} and {tuple(labels.shape)}"
        )
    if not torch.isfinite(keys).all() or (keys.abs().amax(-1) == 0).any():
        raise DataError("wanted finite keys that are not zero; some are not: remake the features")
    if labels.numel() and (int(labels.min()) < 0 or int(labels.max()) >= classes):
        raise DataError(f"wanted labels in 0..{classes - 1}, got {int(labels.min())}..{int(labels.max())}")
