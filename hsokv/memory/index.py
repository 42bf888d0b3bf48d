"""Nearest entries by faiss: exact products, or an approximate index that is kept up with what is written."""

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hsokv.exceptions import ConfigurationError, check_known
from hsokv.memory.state import MemoryState

INDEX_FROM = 20_000  # entries, under which a product of torch is as fast
REBUILD = 0.1  # share of entries that may be compared one by one before the index is made anew
Search = Callable[[MemoryState, Tensor, int], Tensor]


def check_index(name: str | None) -> None:
    """Raise ConfigurationError for an index that is unknown or not installed."""
    if name is None:
        return
    check_known("index", name, ["faiss", "hnsw", "ivf"])
    if importlib.util.find_spec("faiss") is None:
        raise ConfigurationError(f"index={name!r} wants faiss, which is not installed: pip install 'hsokv[faiss]'")


def open_index(name: str) -> Search:
    """A function of a memory's entries (oldest first, no free slot), queries [..., n, key_dim] and k to slots."""
    return exact if name == "faiss" else Approximate(name)


def exact(state: MemoryState, queries: Tensor, k: int) -> Tensor:
    """Slots [..., n, k] of the nearest entries, nearest first; which of several equals is open."""
    import faiss

    rows = _array(queries.flatten(0, -2))
    return _slots(faiss.knn(rows, _array(state.keys), k, metric=faiss.METRIC_INNER_PRODUCT)[1], queries, k)


class Approximate:
    """An index of the entries as they were when it was made, beside exact products with those that are newer.

    An entry is known by its origin and number, and changes only where its count does. Where more than a tenth is new or
    changed, the index is made anew: "ivf" (inverted lists around 4 sqrt(n) centres, of which one in 32 is read; quick
    to make) or "hnsw" (a graph; slow to make, quick to read).
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.made: MemoryState | None = None
        self.index: Any = None

    def __call__(self, state: MemoryState, queries: Tensor, k: int) -> Tensor:
        """Slots [..., n, k], as `exact` gives them, most of them."""
        import faiss

        slot_of, fresh = self._changes(state)
        if self.made is None or len(fresh) > REBUILD * len(state.number):
            self._make(state)
            slot_of, fresh = torch.arange(len(state.number)), fresh[:0]
        rows, valid = _array(queries.flatten(0, -2)), (slot_of >= 0).numpy()
        selector = None if valid.all() else faiss.IDSelectorBitmap(np.packbits(valid, bitorder="little"))
        if self.kind == "ivf":
            settings = faiss.SearchParametersIVF(sel=selector, nprobe=max(8, self.index.nlist // 32))
        else:
            settings = faiss.SearchParametersHNSW(sel=selector, efSearch=max(128, 2 * k))
        similarity, found = map(torch.from_numpy, self.index.search(rows, k, params=settings))
        slots = torch.where(found >= 0, slot_of[found], -1)
        if len(fresh):
            newer, which = faiss.knn(rows, _array(state.keys[fresh]), min(k, len(fresh)), faiss.METRIC_INNER_PRODUCT)
            similarity = torch.cat([similarity, torch.from_numpy(newer)], -1)
            slots = torch.cat([slots, fresh[torch.from_numpy(which)]], -1)
            similarity, best = similarity.topk(k)
            slots = slots.gather(-1, best)
        short = (slots < 0).any(-1)
        if short.any():  # too few were reached
            slots[short] = exact(state, torch.from_numpy(rows)[short], k)
        return _slots(slots.numpy(), queries, k)

    def _changes(self, state: MemoryState) -> tuple[Tensor, Tensor]:
        """For each entry of the index its slot now (-1: gone or changed), and the slots of those that it lacks."""
        if self.made is None:
            return torch.empty(0, dtype=torch.int64), torch.arange(len(state.number))
        slot = torch.searchsorted(state.number, self.made.number).clamp_max(len(state.number) - 1)
        parts = ("number", "origin", "count")
        same = [getattr(state, part)[slot] == getattr(self.made, part) for part in parts]
        slot_of = torch.where(torch.stack(same).all(0), slot, -1)
        lacks = torch.ones_like(state.number, dtype=torch.bool)
        lacks[slot_of[slot_of >= 0]] = False
        return slot_of, lacks.nonzero().squeeze(-1)

    def _make(self, state: MemoryState) -> None:
        import faiss

        n, key_dim = state.keys.shape
        if self.kind == "hnsw":
            self.index = faiss.IndexHNSWFlat(key_dim, 32, faiss.METRIC_INNER_PRODUCT)
        else:
            centres = int(4 * n**0.5)
            quantizer = faiss.IndexFlatIP(key_dim)
            self.index = faiss.IndexIVFFlat(quantizer, key_dim, centres, faiss.METRIC_INNER_PRODUCT)
            self.index.cp.max_points_per_centroid, self.index.cp.niter = 64, 6
            self.index.train(_array(state.keys))
        self.index.add(_array(state.keys))
        parts = (state.number.clone(), state.origin.clone(), state.clock.clone())
        self.made = MemoryState(state.keys[:0], state.labels[:0], state.count.clone(), *parts)


def _array(rows: Tensor) -> np.ndarray:
    return np.ascontiguousarray(rows.detach().cpu().float().numpy())


def _slots(found: np.ndarray, queries: Tensor, k: int) -> Tensor:
    return torch.from_numpy(found).view(*queries.shape[:-1], k).to(queries.device)
