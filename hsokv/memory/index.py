"""Nearest entries by faiss: exact products, or an approximate index that is kept up with what is written."""

# The declarations in faiss know neither its keyword arguments nor all its classes.
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from hsokv.exceptions import ConfigurationError, check_known
from hsokv.memory.state import MemoryState

if TYPE_CHECKING:
    import faiss

INDEX_FROM = 20_000  # entries, under which a product of torch is as fast
REBUILD = 0.1  # share of entries that may be compared one by one before the index is made anew
Search = Callable[[MemoryState, Tensor, int, int], tuple[Tensor, Tensor]]


def check_index(name: str | None) -> None:
    """Raise ConfigurationError for an index that is unknown or not installed."""
    if name is None:
        return
    check_known("index", name, ["faiss", "hnsw", "ivf"])
    if importlib.util.find_spec("faiss") is None:
        raise ConfigurationError(f"index={name!r} wants faiss, which is not installed: pip install 'hsokv[faiss]'")


def open_index(name: str) -> Search:
    """A function of entries (oldest first, no free slot), queries [..., n, key_dim], k and the version of the entries.

    It returns slots and cosines [..., n, k].
    """
    return exact if name == "faiss" else Approximate(name)


def exact(state: MemoryState, queries: Tensor, k: int, version: int = 0) -> tuple[Tensor, Tensor]:
    """Slots [..., n, k] and cosines in [0, 1] of the nearest entries, nearest first; which of equals is open."""
    import faiss

    rows = _array(queries.flatten(0, -2))
    cosine, slots = faiss.knn(rows, _array(state.keys), k, metric=faiss.METRIC_INNER_PRODUCT)
    return _shaped(torch.from_numpy(slots), torch.from_numpy(cosine), queries)


class Approximate:
    """An index of the entries as they were when it was made, beside exact products with those that are newer.

    An entry is known by its origin and number, and changes only where its count does. Where more than a tenth is new or
    changed, the index is made anew: "ivf" (inverted lists around 2 sqrt(n) centres, of which one in 64 is read; quick
    to make) or "hnsw" (a graph; slow to make, quick to read).
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.made: tuple[faiss.Index, MemoryState] | None = None  # each is set at once, since threads may read
        self.last: tuple[int, faiss.Index, Tensor, Tensor] | None = None

    def __call__(self, state: MemoryState, queries: Tensor, k: int, version: int) -> tuple[Tensor, Tensor]:
        """Slots and cosines [..., n, k], as `exact` gives them, most of them."""
        import faiss

        last = self.last
        if last is None or last[0] != version:
            last = self.last = (version, *self._follow(state))
        _, index, slot_of, fresh = last
        rows, gone = _array(queries.flatten(0, -2)), len(slot_of) > len(state.number) - len(fresh)
        valid = np.packbits((slot_of >= 0).numpy(), bitorder="little") if gone else None
        selector = faiss.IDSelectorBitmap(valid) if gone else None
        if self.kind == "ivf":
            settings = faiss.SearchParametersIVF(sel=selector, nprobe=max(8, index.nlist // 64))
        else:
            settings = faiss.SearchParametersHNSW(sel=selector, efSearch=max(128, 2 * k))
        similarity, found = map(torch.from_numpy, index.search(rows, k, params=settings))
        slots = torch.where(found >= 0, slot_of[found], -1)
        if len(fresh):
            newer, which = faiss.knn(rows, _array(state.keys[fresh]), min(k, len(fresh)), faiss.METRIC_INNER_PRODUCT)
            similarity = torch.cat([similarity, torch.from_numpy(newer)], -1)
            slots = torch.cat([slots, fresh[torch.from_numpy(which)]], -1)
            similarity, best = similarity.topk(k)
            slots = slots.gather(-1, best)
        short = (slots < 0).any(-1)
        if short.any():  # too few were reached
            slots[short], similarity[short] = exact(state, torch.from_numpy(rows)[short], k)
        return _shaped(slots, similarity, queries)

    def _follow(self, state: MemoryState) -> tuple["faiss.Index", Tensor, Tensor]:
        """The index, for each of its entries the slot now, and the slots of those that it lacks."""
        state = state._replace(**{part: getattr(state, part).cpu() for part in ("number", "origin", "count")})
        made = self.made or self._make(state)
        changes = _changes(made[1], state)
        if len(changes[1]) > REBUILD * len(state.number):
            made = self._make(state)
            changes = _changes(made[1], state)
        self.made = made
        return made[0], *changes

    def _make(self, state: MemoryState) -> tuple["faiss.Index", MemoryState]:
        import faiss

        (n, key_dim), keys = state.keys.shape, _array(state.keys)
        if self.kind == "hnsw":
            index = faiss.IndexHNSWFlat(key_dim, 32, faiss.METRIC_INNER_PRODUCT)
        else:
            centres = min(int(2 * n**0.5), n // 40)
            index = faiss.IndexIVFFlat(faiss.IndexFlatIP(key_dim), key_dim, centres, faiss.METRIC_INNER_PRODUCT)
            index.cp.max_points_per_centroid, index.cp.niter = 40, 5
            index.train(keys)
        index.add(keys)
        names = (state.count.clone(), state.number.clone(), state.origin.clone(), state.clock.clone())
        return index, MemoryState(state.keys[:0].clone(), state.labels[:0].clone(), *names)


def _changes(made: MemoryState, state: MemoryState) -> tuple[Tensor, Tensor]:
    """For each entry of an index its slot now (-1: gone or changed), and the slots of those that it lacks."""
    slot = torch.searchsorted(state.number, made.number).clamp_max(len(state.number) - 1)
    same = [getattr(state, part)[slot] == getattr(made, part) for part in ("number", "origin", "count")]
    slot_of = torch.where(same[0] & same[1] & same[2], slot, -1)
    lacks = torch.ones_like(state.number, dtype=torch.bool)
    lacks[slot_of[slot_of >= 0]] = False
    return slot_of, lacks.nonzero().squeeze(-1)


def _array(rows: Tensor) -> np.ndarray:
    return np.ascontiguousarray(rows.detach().cpu().float().numpy())


def _shaped(slots: Tensor, cosine: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
    shape = (*queries.shape[:-1], slots.shape[-1])
    return slots.view(shape).to(queries.device), cosine.view(shape).clamp(0, 1).to(queries)
