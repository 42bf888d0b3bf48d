"""The buffers of a memory as a module: written in place, and read as a whole, from any thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self, TypeGuard

import torch
from torch import Tensor, nn

from hsokv.memory.consolidation import insert_, prune
from hsokv.memory.state import MemoryState, init


class Storage(nn.Module):
    """A `MemoryState` in buffers of the names of its fields.

    Entries are inserted in place, in any order of slots, unless `state`, a checkpoint, a copy, a gradient or a read in
    another thread may hold the tensors: then they are copied first. Whoever looks finds them in the order of writing.
    """

    keys: Tensor
    labels: Tensor
    count: Tensor
    number: Tensor
    origin: Tensor
    clock: Tensor

    def __init__(self, state: MemoryState) -> None:
        super().__init__()
        for name, part in state._asdict().items():
            self.register_buffer(name, part)
        self._lock = threading.RLock()
        self._readers = 0  # reads that go on now, in any thread
        self._taken = False  # whether somebody else may hold the tensors
        self._ordered = True  # whether the slots are in the order of writing
        self._version = 0  # grows with every change
        self._known: dict[int, Tensor] = {}  # slots and sizes of classes, for `insert_`

    @property
    def capacity(self) -> int:
        """The number of entries that there is room for."""
        return self.keys.shape[0]

    @property
    def state(self) -> MemoryState:
        """What is held, for the functions of `hsokv.memory.functional`; features, not their projections."""
        with self._lock:
            self._take()
            dtype = wide(self.keys.dtype)  # the functions know no half precision
            return self._buffers_as_state()._replace(keys=self.keys.to(dtype), count=self.count.to(dtype))

    @state.setter
    @torch.inference_mode(False)
    def state(self, state: MemoryState) -> None:
        """Hold a copy of these entries, oldest first, in as many slots as they have; checked as a checkpoint is."""
        self.load_state_dict({**self.state_dict(), **state._asdict()})

    def __len__(self) -> int:
        """The number of entries held."""
        return int((self.number >= 0).sum())

    def __bool__(self) -> bool:
        """A memory is one, whatever it holds."""
        return True

    def _buffers_as_state(self) -> MemoryState:
        return MemoryState(*(getattr(self, name) for name in MemoryState._fields))

    @contextmanager
    def _reading(self, gradient: bool) -> Iterator[tuple[MemoryState, int]]:
        """What is held, while no write changes it, and its version; with a `gradient`, as long as that needs it."""
        with self._lock:
            self._order()
            if self.keys.is_inference() and not torch.is_inference_mode_enabled():  # it could not be trained on
                self._own()
            self._taken = self._taken or gradient
            self._readers += 1
            state, version = self._buffers_as_state(), self._version
        try:
            yield state, version
        finally:
            with self._lock:
                self._readers -= 1

    def _insert(self, added: Callable[[MemoryState], MemoryState], classes: int) -> None:
        """Insert the entries that `added` makes of the present state."""
        with self._lock:
            if self._taken or self._readers or self.keys.is_inference():
                self._own()
            state = self._buffers_as_state()
            self._version += 1
            self._ordered = insert_(state, added(state), classes, self._known) and self._ordered

    def _keep(self, state: MemoryState, ordered: bool = True) -> None:
        """Hold new tensors instead of the present ones."""
        for name, part in state._asdict().items():
            setattr(self, name, part.to(getattr(self, name).dtype))
        self._taken, self._ordered, self._version, self._known = False, ordered, self._version + 1, {}

    def _own(self) -> None:
        self._keep(MemoryState(*(part.clone() for part in self._buffers_as_state())), self._ordered)

    @torch.inference_mode(False)
    @torch.no_grad()
    def _order(self) -> None:
        if not self._ordered:
            self._keep(prune(self._buffers_as_state(), self.capacity))

    def _take(self) -> None:
        self._order()
        self._taken = True

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        with self._lock:
            self._order()
            count, self._known = self.count, {}
            super()._apply(fn, recurse)
            if self.count.dtype != wide(self.count.dtype):  # in half precision counts would soon stand still
                self.count = count.to(self.count.device)
        return self

    def __getstate__(self) -> dict[str, object]:
        """For copies and pickles, which take what is held now whatever is written later."""
        with self._lock:
            self._take()
            state: dict[str, object] = {**self.__dict__, "_buffers": dict(self._buffers), "_readers": 0, "_known": {}}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        self._lock = threading.RLock()

    def _save_to_state_dict(self, *args: object) -> None:
        with self._lock:
            self._take()
            super()._save_to_state_dict(*args)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: object) -> None:
        """Take a checkpoint with its capacity."""
        with self._lock:
            if prefix + "keys" in state_dict:
                capacity, key_dim = state_dict[prefix + "keys"].shape
                self._keep(init(capacity, key_dim, dtype=self.keys.dtype, device=self.keys.device))
            super()._load_from_state_dict(state_dict, prefix, *args)
            self.count = self.count.to(wide(self.count.dtype))
            self._taken = True  # with `assign`, by the checkpoint


def wide(dtype: torch.dtype) -> torch.dtype:
    """The type that a number of this type is computed in: float32 or wider."""
    return torch.float32 if dtype.itemsize < 4 else dtype


def is_dense(rows: object) -> TypeGuard[Tensor]:
    """Whether it is a tensor as memories take it: not sparse, nor of parts of several lengths."""
    return isinstance(rows, Tensor) and rows.layout is torch.strided and not rows.is_nested


def told(rows: object) -> str:
    """What an error says that was given: the shape, type and device of a tensor, or the name of another type."""
    return f"{list(rows.shape)} of {rows.dtype} on {rows.device}" if is_dense(rows) else f"a {type(rows).__name__}"
