"""The key-value memory as a module for any training loop: what it holds are buffers, what it does is `functional`."""

import math
import operator
from collections.abc import Callable
from numbers import Real
from typing import Self, SupportsIndex

import torch
from torch import Tensor, distributed, nn
from torch.nn.functional import normalize

from hsokv.exceptions import ConfigurationError, DataError, check_count, check_positive
from hsokv.memory import functional as kv
from hsokv.memory.index import INDEX_FROM, check_index, open_index
from hsokv.memory.storage import Storage, is_dense, told, wide

LOG_SUM = 0.1  # how far off the log of a sum of probabilities may be, for rounding in half precision


class KeyValueMemory(Storage):
    """Labelled feature vectors, and what the `k` nearest of them say about the label of a query.

    p_mem(c | q) ∝ e^{-b} + sum_{j: y_j = c} n_j e^{-b (1 - cos(q, x_j))}, j among the k nearest entries.

    An entry is a feature x_j [key_dim], kept as a unit vector, its label y_j in 0..classes-1 and the number n_j of
    examples it stands for: 1, until a memory that is full averages further ones into it. The logarithm of
    `inverse_temperature` b > 0 is a parameter. `origin` names this memory as a writer: memories that are to be merged
    need different ones. Everything is saved by `state_dict`, and computed in float32 or wider, under autocast
    too. Values are checked at each call; inside `torch.func.vmap`, where they cannot be, use
    `hsokv.memory.functional`, and a compiled or exported read does not check them. An exported
    program shares the buffers: export a deepcopy of a memory that is to be written to.

    Reading changes nothing and takes at most `max_megabytes`. It is exact, by products of torch; from 20,000 entries on
    `index` "faiss" searches as exactly with faiss (which of several equal entries it takes is open), "hnsw" and "ivf"
    approximately. A write changes the buffers in place, unless `state`, `state_dict` or a gradient has taken them: then
    they are copied first. Threads may write and read at once: writes take turns, a read sees all of a write or nothing.
    Under activation checkpointing, which reads again in the backward pass, write after it.

    Raises ConfigurationError for a number out of its range, or an index that is unknown or not installed.

    >>> memory = KeyValueMemory(key_dim=2, classes=2)
    >>> memory.write(torch.eye(2), torch.tensor([0, 1]))
    >>> memory(torch.tensor([[3.0, 0.0]])).exp().detach()
    tensor([[9.9991e-01, 9.0788e-05]])
    """

    log_inverse_temperature: nn.Parameter
    label_set: Tensor
    projection: Tensor | None

    def __init__(
        self,
        key_dim: int,
        classes: int,
        capacity: int = 1000,
        k: int = 16,
        inverse_temperature: float = 10.0,
        origin: int = 0,
        index: str | None = None,
        max_megabytes: int = kv.MEGABYTES,
    ) -> None:
        capacity, key_dim = check_count(capacity, "capacity"), check_count(key_dim, "key_dim")
        inverse_temperature = check_positive(inverse_temperature, "inverse_temperature")
        check_index(index)
        dtype = wide(torch.get_default_dtype())
        super().__init__(kv.init(capacity, key_dim, dtype=dtype))
        self.key_dim, self.classes, self.k = key_dim, check_count(classes, "classes"), check_count(k, "k")
        self.writer, self.max_megabytes = check_count(origin, "origin", 0), check_count(max_megabytes, "max_megabytes")
        self.index, self._inverse_temperature_at_first = index, inverse_temperature
        self._search = None  # the index, once made
        # No other tensor has an axis of classes: this one lets a checkpoint of other classes be recognised by shape.
        self.register_buffer("label_set", torch.zeros(classes, dtype=torch.bool))
        self.register_buffer("projection", None)
        self.log_inverse_temperature = nn.Parameter(torch.full((), math.log(inverse_temperature), dtype=dtype))

    @property
    def inverse_temperature(self) -> Tensor:
        """The inverse temperature b, a scalar."""
        return self.log_inverse_temperature.exp()

    # --- what changes the memory; each checks first, so that an error leaves everything as it was

    @torch.inference_mode(False)  # so that what was written there can be trained on
    @torch.no_grad()
    def write(self, features: Tensor, labels: Tensor, gather: bool | None = None, origin: int | None = None) -> None:
        """Add entries: `features` [n, key_dim], finite and not zero; `labels` [n], int64 in 0..classes-1.

        `origin` names the writer of these entries (default: this memory's own).

        Where they are too many, a quota per class decides which entries stay, and the others are averaged into the
        nearest of these (hsokv/memory/consolidation.py). A row costs itself, and where it is averaged a product with
        the entries of its class.

        Where torch.distributed runs several ranks, say `gather=True` on all of them at once: each writes the rows of
        all, in the order of ranks, so that every rank holds the same memory, which is what DistributedDataParallel
        wants. `gather=False` writes this rank's rows alone; a DDP that broadcasts buffers then puts rank 0's memory
        over it. Raises DataError, and ConfigurationError where `gather` is left out there.
        """
        features = self._checked_shape(features, "features")
        fits = isinstance(labels, Tensor) and labels.shape == features.shape[:-1] and features.ndim == 2
        if not fits or labels.dtype is not torch.int64:
            raise DataError(
                f"wanted features [n, {self.key_dim}] with labels [n] of int64, got {told(features)} and "
                f"{told(labels)}: give one label a row"
            )
        origin = self.writer if origin is None else check_count(origin, "origin", 0)
        if labels.device != self.labels.device:
            raise DataError(f"wanted labels on {self.labels.device}, got them on {labels.device}: move them there")
        ranks = distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1
        if gather is None and ranks > 1:
            raise ConfigurationError(
                f"a write on one of {ranks} ranks wants to know what becomes of the others' rows: write(..., "
                "gather=True) on every rank keeps all of them on all ranks, gather=False is for this rank alone"
            )
        if gather and ranks > 1:
            features, labels = _of_all_ranks(features, ranks), _of_all_ranks(labels, ranks)
        features = self._checked(features, "features")
        kv.check_labels(labels, self.classes)

        def added(state: kv.MemoryState) -> kv.MemoryState:
            state = state._replace(keys=state.keys[:0].to(wide(features.dtype)))
            return kv.entries(state, features, labels, origin)

        self._insert(added, self.classes)

    @torch.inference_mode(False)
    @torch.no_grad()
    def forget(self, slots: Tensor | None = None, *, label: int | None = None) -> None:
        """Remove the entries of some slots (bool [capacity], or int64 of any shape), or all those of a label.

        The entries that stay move up, so slots found by an earlier read name others now. What is forgotten is gone to
        the bit: reads answer as those of a memory of the same capacity that never saw it, as long as none had to be
        averaged into another (the memory was never full). Raises DataError, and ConfigurationError unless exactly one
        of both is given.
        """
        if (slots is None) == (label is None):
            raise ConfigurationError("forget wants either slots or a label, got both or neither: give one of them")
        with self._lock:
            state = self.state
            # Free slots of a label too, which changes nothing.
            chosen = state.labels == self._checked_label(label) if slots is None else self._chosen(slots)
            self._keep(kv.remove(state, chosen))

    @torch.inference_mode(False)
    @torch.no_grad()
    def relabel(self, slots: Tensor, label: int) -> None:
        """Give the entries of some slots, named as for `forget`, another label; their order stays. Raises DataError."""
        label = self._checked_label(label)
        with self._lock:
            state, chosen = self.state, self._chosen(slots)
            self._keep(state._replace(labels=state.labels.masked_fill(chosen & state.occupied, label)))

    @torch.inference_mode(False)
    @torch.no_grad()
    def merge(self, other: "KeyValueMemory") -> None:
        """Take in what another memory holds, its copies of own entries once; where too much, as `write` does.

        An entry is known by its writer and the time of writing, so memories that are written apart need different
        origins. What only one of them has forgotten comes back: forget in both. Raises ConfigurationError for equal
        origins, entries that are known by the same yet differ, another key_dim or other classes.
        """
        fits = isinstance(other, KeyValueMemory) and (other.key_dim, other.classes) == (self.key_dim, self.classes)
        if not fits or other.keys.is_meta:
            raise ConfigurationError(
                f"wanted a memory of key_dim {self.key_dim} and {self.classes} classes, got {other!r:.200}: "
                "merge memories of the same features and labels"
            )
        if other.writer == self.writer:
            raise ConfigurationError(
                f"wanted a memory of another origin, got {other.writer} in both: their entries could not be told "
                "apart; make each memory that writes with an origin of its own"
            )
        theirs = other.state
        with self._lock:
            state = self.state
            theirs = kv.MemoryState(*(part.to(like) for part, like in zip(theirs, state, strict=True)))
            if kv.collide(state, theirs):
                raise ConfigurationError(
                    "these memories hold different entries of one origin and time, of which one would be lost: make "
                    "each memory that writes with an origin of its own"
                )
            self._keep(kv.prune(kv.merge(state, theirs), self.capacity))

    @torch.inference_mode(False)
    @torch.no_grad()
    def resize(self, capacity: int) -> None:
        """Make room for `capacity` >= 1 entries; where more are held, as `write` does. Raises ConfigurationError."""
        capacity = check_count(capacity, "capacity")
        with self._lock:
            self._keep(kv.prune(self.state, capacity))

    @torch.inference_mode(False)
    def set_projection(self, projection: Tensor | None) -> None:
        """Compare features x by the cosine of x P from now on; `projection` P [key_dim, new_dim], finite; None: of x.

        An `nn.Parameter` is registered as it is and learns; of any other tensor a copy is kept. Features are stored as
        they were written, and keys are made from them at each read, so none is ever stale; it costs a product of
        [capacity, key_dim] by [key_dim, new_dim] a read. Raises DataError; ConfigurationError for a memory with an
        index, which knows features as they were written.
        """
        if projection is not None:
            if self.index is not None:
                raise ConfigurationError(f"a projection makes keys anew, got one beside index={self.index!r}: use one")
            good = is_dense(projection) and projection.ndim == 2 and projection.shape[0] == self.key_dim
            good = good and projection.shape[1] > 0 and projection.is_floating_point()
            if not good or projection.device != self.keys.device:
                raise DataError(
                    f"wanted a projection [{self.key_dim}, new_dim] of floats on {self.keys.device}, got "
                    f"{told(projection)}: its rows are the features'"
                )
            if not projection.isfinite().all():
                raise DataError("wanted a finite projection, got NaN or infinity in it: make it anew")
        del self.projection  # the name moves between parameters and buffers
        if isinstance(projection, nn.Parameter):
            self.register_parameter("projection", projection)
        else:
            self.register_buffer("projection", None if projection is None else projection.detach().clone())

    @torch.inference_mode(False)
    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Empty the memory and set the inverse temperature back; needed after `to_empty`, which leaves it undefined."""
        self._keep(kv.init(self.capacity, self.key_dim, dtype=self.keys.dtype, device=self.keys.device))
        self.label_set = torch.zeros_like(self.label_set)
        self.log_inverse_temperature.fill_(math.log(self._inverse_temperature_at_first))

    # --- what only reads

    def read(self, queries: Tensor, k: int | None = None) -> kv.Retrieval:
        """The entries nearest to each query by cosine; `queries` [..., n, key_dim], finite and not zero.

        Without `k`, the memory's own k (at most the capacity): where it holds fewer entries, those come first, then
        free slots with count and similarity 0. With `k`, exactly as many. Raises DataError for bad queries,
        ConfigurationError for a `k` of less than 1 or more than the entries.
        """
        queries = self._checked(queries, "queries")
        with torch.autocast(queries.device.type, enabled=False):
            # Divided by the largest number first, so that no square leaves the range of floats.
            return self.nearest(normalize(queries / queries.detach().abs().amax(-1, keepdim=True), dim=-1), k)

    def nearest(self, queries: Tensor, k: int | None = None) -> kv.Retrieval:
        """As `read`, of unit rows [..., n, key_dim] in float32 or wider, which are not looked at again.

        A row of zeros is similar to nothing.
        """
        k = k if k is None else check_count(k, "k")
        if torch.compiler.is_compiling():
            return self._read(self._buffers_as_state(), queries, self.k if k is None else k)
        learns = queries.requires_grad or (self.projection is not None and self.projection.requires_grad)
        with self._reading(learns and torch.is_grad_enabled()) as (state, version):
            held = int(state.occupied.sum()) if k is not None or self.index is not None else 0
            if k is not None and k > held:
                raise ConfigurationError(
                    f"wanted k of at most {held}, the entries held, got {k}: leave k out to take what is there"
                )
            return self._read(state, queries, self.k if k is None else k, held, version)

    def forward(self, queries: Tensor) -> Tensor:
        """log p_mem(label | query) [..., n, classes]; `queries` as in `read`; an empty memory says 1 / classes.

        Logarithms, because `nll_loss` wants them and `mix` needs them. At an inverse temperature beyond 80 they end at
        the logarithm of the least positive float, -87 in float32, not at minus infinity.
        """
        return self._log_probs(self.read(queries))

    def mix(self, log_param: Tensor, queries: Tensor, gate: Tensor | float) -> Tensor:
        """log((1 - g) p_param + g p_mem) [..., n, classes], with g = 0 while the memory is empty.

        `log_param` [..., n, classes] are log-probabilities of another branch (not logits), `queries` [..., n, key_dim]
        as in `read`, `gate` g one number or [..., n], in 0..1. Where g is exactly 0 or 1 the result is the one branch,
        bit for bit, and the gate gets no gradient. Raises DataError.
        """
        shape = self._checked_shape(queries, "queries").shape[:-1]
        good = is_dense(log_param) and log_param.is_floating_point() and log_param.shape == (*shape, self.classes)
        if not good or not isinstance(gate, Tensor | Real) or getattr(gate, "shape", ()) not in ((), shape):
            raise DataError(
                f"for queries {list(queries.shape)} wanted log_param {[*shape, self.classes]} of floats and a gate [] "
                f"or {list(shape)}, got {told(log_param)} and {told(gate)}: make them fit"
            )
        g = torch.as_tensor(gate, device=log_param.device)
        if not torch.compiler.is_compiling():
            if not ((g >= 0) & (g <= 1)).all():
                raise DataError("wanted a gate in 0..1, got some outside or NaN: take the sigmoid of what you have")
            if (log_param.detach().logsumexp(-1).abs() > LOG_SUM).any():
                raise DataError("wanted log_param whose exponentials sum to 1, got others: take log_softmax of logits")
        retrieval = self.read(queries)
        log_memory = self._log_probs(retrieval)
        g = g.unsqueeze(-1) * (retrieval.count[..., :1] > 0)
        # Both logarithms of the gate are taken where they are finite: a gradient of 0 times infinity would be NaN.
        inside = (g > 0) & (g < 1)
        share = torch.where(inside, g, 0.5)
        mixed = torch.logaddexp(log_param + torch.log1p(-share), log_memory + share.log())
        return torch.where(inside, mixed, torch.where(g > 0, log_memory, log_param)).to(log_param.dtype)

    def extra_repr(self) -> str:
        entries = "?" if self.number.is_meta else len(self)
        return f"{self.key_dim}, {self.classes}, capacity={self.capacity}, k={self.k}, entries={entries}"

    # --- inside

    def _checked_label(self, label: SupportsIndex | None) -> int:
        try:
            number = -1 if label is None else operator.index(label)
        except TypeError:
            number = -1
        if not 0 <= number < self.classes:
            raise DataError(f"wanted a label in 0..{self.classes - 1}, got {label!r}: give one of these")
        return number

    def _chosen(self, slots: Tensor) -> Tensor:
        """Slots that were named in one of two ways, as bool [capacity]."""
        if is_dense(slots) and slots.device == self.labels.device:
            if slots.dtype is torch.bool and slots.shape == self.labels.shape:
                return slots
            if slots.dtype is torch.int64 and ((slots >= 0) & (slots < self.capacity)).all():
                return torch.zeros_like(self.labels, dtype=torch.bool).index_fill_(0, slots.flatten(), True)
        raise DataError(
            f"wanted slots as bool [{self.capacity}] or as int64 in 0..{self.capacity - 1} on {self.labels.device}, "
            f"got {told(slots)}: take them from a read"
        )

    def _checked_shape(self, rows: Tensor, name: str) -> Tensor:
        if not is_dense(rows) or rows.ndim < 2 or rows.shape[-1] != self.key_dim or not rows.is_floating_point():
            raise DataError(
                f"wanted {name} as a dense tensor [n, {self.key_dim}] of floats, got {told(rows)}: "
                "give one vector a row"
            )
        if rows.device != self.keys.device:
            raise DataError(f"wanted {name} on {self.keys.device}, got them on {rows.device}: move them or the memory")
        return rows

    def _checked(self, rows: Tensor, name: str) -> Tensor:
        rows = self._checked_shape(rows, name)
        rows = rows.to(wide(rows.dtype))
        if rows.is_meta:
            raise DataError(
                f"{name} on the meta device hold no numbers: `to_empty`, then `reset_parameters` makes some"
            )
        if not torch.compiler.is_compiling():
            kv.check_rows(rows, name)
        return rows

    def _read(self, state: kv.MemoryState, queries: Tensor, k: int, held: int = 0, version: int = 0) -> kv.Retrieval:
        if self.index is not None and held >= INDEX_FROM and k <= held:
            search = self._search = self._search or open_index(self.index)
            entries = kv.MemoryState(*(part[:held] for part in state[:-1]), clock=state.clock)
            slots, similarity = search(entries, queries.detach(), k, version)
            if torch.is_grad_enabled() and queries.requires_grad:
                similarity = kv.cosines(state.keys, queries, slots)
            return kv.look_up(state, slots, similarity)
        dtype = wide(state.keys.dtype)
        queries = queries.to(dtype)
        if self.projection is not None:  # a query is projected as a key is
            keys = [state.keys.to(dtype), queries]
            keys, queries = (kv.project(state._replace(keys=x), self.projection.to(dtype)).keys for x in keys)
            state = state._replace(keys=keys)
        return kv.read(state._replace(count=state.count.to(dtype)), queries, k, self.max_megabytes)

    def _log_probs(self, retrieval: kv.Retrieval) -> Tensor:
        p = kv.label_distribution(retrieval, self.inverse_temperature, self.classes)
        return p.clamp_min(torch.finfo(p.dtype).tiny).log()

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: object) -> None:
        """Take a checkpoint with its capacity; refuse one of another shape, or a part of one, before torch copies."""
        tensors = [*self.named_parameters(recurse=False), *self.named_buffers(recurse=False)]
        mine = {name: list(part.shape) for name, part in tensors}
        names = [name for name in {**mine, "projection": None} if prefix + name in state_dict]
        came = {name: list(getattr(state_dict[prefix + name], "shape", [-1])) for name in names}
        capacity = (came.get("keys") or [0])[0]
        slots = {name: [capacity, *mine[name][1:]] for name in kv.MemoryState._fields[:-1]}
        if came and (came != {**mine, **slots} or not capacity):
            differ = sorted(name for name in mine | came if mine.get(name) != came.get(name))
            raise DataError(
                f"wanted a checkpoint of a memory with {_described(mine)}; got one with {_described(came)} "
                f"(they differ in {', '.join(differ)}): make the memory with these numbers, and set a projection of "
                "this shape or none"
            )
        if came and not state_dict[prefix + "keys"].is_meta:
            entries = kv.MemoryState(*(state_dict[prefix + name] for name in kv.MemoryState._fields))
            whole = all(part.dtype is torch.int64 for part in (entries.labels, *entries[3:]))
            if not whole or not all(x.to(wide(x.dtype)).isfinite().all() for x in (entries.keys, entries.count)):
                raise DataError("wanted finite keys and counts, and whole numbers beside: the checkpoint is damaged")
            kv.check_labels(entries.labels, self.classes)
        self._search = None
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._search = None
        return super()._apply(fn, recurse)

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_search": None}


def _of_all_ranks(rows: Tensor, ranks: int) -> Tensor:
    """The rows [n, ...] of all ranks, in their order; n may differ."""
    sizes = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(ranks)]
    distributed.all_gather(sizes, torch.tensor([len(rows)], device=rows.device))
    filled = rows.new_zeros(max(int(size) for size in sizes), *rows.shape[1:])
    filled[: len(rows)] = rows
    parts = [torch.empty_like(filled) for _ in range(ranks)]
    distributed.all_gather(parts, filled)
    return torch.cat([part[: int(size)] for part, size in zip(parts, sizes, strict=True)])


def _described(shapes: dict[str, list[int]]) -> str:
    axes = {"[capacity, key_dim]": "keys", "[classes]": "label_set", "projection": "projection"}
    return ", ".join(f"{what} = {shapes.get(name, 'none')}" for what, name in axes.items())
