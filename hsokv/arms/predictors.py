"""What fitted methods predict with, as modules: a linear head, neighbours, and heads mixed with what a memory says."""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from hsokv.arms.interface import Prediction, unseen
from hsokv.learning.head import Head, logits
from hsokv.learning.modules import WideModule
from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv


class Predictor(WideModule):
    """A module of named parts: tensors (copied; `weight` and `bias` as frozen parameters), numbers, None, or a memory.

    `classes` is how many a prediction has a column for.
    """

    classes: int

    def __init__(self, **parts: Tensor | KeyValueMemory | int | None) -> None:
        super().__init__()
        self._names = tuple(parts)
        for name, part in parts.items():
            if isinstance(part, Tensor):
                # Laid out as it will be where it is read from a file: the last digits depend on it.
                part = part.detach().clone(memory_format=torch.contiguous_format)
            if name in ("weight", "bias"):
                part = nn.Parameter(part, requires_grad=False)
            if isinstance(part, KeyValueMemory):
                part.requires_grad_(False)  # each member reads it at a inverse_temperature of its own
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def describe(self) -> dict[str, object]:
        """The parts without what was learnt, as JSON: what `from_description` makes a predictor of this form from."""

        def described(part: Tensor | KeyValueMemory | int | None) -> object:
            if isinstance(part, KeyValueMemory):
                return {name: getattr(part, name) for name in ("key_dim", "classes", "capacity", "k")}
            return {"shape": [*part.shape], "dtype": str(part.dtype)[6:]} if isinstance(part, Tensor) else part

        return {name: described(getattr(self, name)) for name in self._names}

    @classmethod
    def from_description(cls, description: Mapping[str, object]) -> Self:
        """A predictor whose tensors are zero and whose memory is empty."""

        def made(part: object) -> object:
            if not isinstance(part, Mapping):
                return part
            if "shape" in part:
                return torch.zeros(part["shape"], dtype=getattr(torch, part["dtype"]))
            return KeyValueMemory(**part)

        return cls(**{name: made(part) for name, part in description.items()})

    @property
    def dtype(self) -> torch.dtype:
        """Of the features that it takes."""
        return next(part.dtype for part in (*self.parameters(), *self.buffers()) if part.is_floating_point())


class Linear(Predictor):
    """p = softmax((x W + b) / T) over the classes that the head has seen, 0 for the others of `classes`.

    `weight` W [key_dim, seen], `bias` b [seen], `temperature` T > 0, of shape [].
    """

    weight: Tensor
    bias: Tensor
    temperature: Tensor

    def forward(self, x: Tensor) -> Prediction:
        """What it says of features x [n, key_dim]."""
        scores = logits(Head(self.weight, self.bias), x) / self.temperature
        return Prediction(unseen(scores.log_softmax(-1), self.classes))


class Neighbours(Predictor):
    """p_c = (votes_c + 1 / seen) / (k + 1) of the `k` examples x, y nearest by cosine, 0 for the others of `classes`.

    The smoothing moves no arg-max.
    """

    x: Tensor
    y: Tensor
    k: int
    seen: int

    def forward(self, x: Tensor) -> Prediction:
        """What it says of features x [n, key_dim]."""
        nearest = (x @ self.x.mT).argsort(dim=-1, descending=True, stable=True)[..., : self.k]
        votes = one_hot(self.y[nearest], self.seen).sum(-2)
        return Prediction(unseen(((votes + 1 / self.seen) / (self.k + 1)).log(), self.classes))


class Ensemble(Predictor):
    """p = (1 - g) mean_m softmax((x W_m + b_m) / T_m) + g mean_m p_mem,m.

    `weight` W, `bias` b and `temperature` T lead with [members]. With a `memory` there are the gate g, of shape [], and
    `inverse_temperature` b [members]; without one p is the first mean. The memory's keys are features, less `centre`
    [key_dim], through `projection` [key_dim, new_dim], where there are these; queries go through `query_projection` of
    the same shape instead, where there is one. Classes not seen by the heads get 0.
    """

    weight: Tensor
    bias: Tensor
    temperature: Tensor
    memory: KeyValueMemory | None
    inverse_temperature: Tensor | None
    gate: Tensor  # where there is a memory
    projection: Tensor | None
    centre: Tensor | None
    query_projection: Tensor | None

    def __init__(
        self, classes: int, weight: Tensor, bias: Tensor, temperature: Tensor, **read: Tensor | KeyValueMemory | None
    ) -> None:
        optional = dict.fromkeys(list(Ensemble.__annotations__)[3:])
        super().__init__(classes=classes, weight=weight, bias=bias, temperature=temperature, **optional | read)

    def forward(self, x: Tensor) -> Prediction:
        """What it says of features x [n, key_dim]."""
        heads = self.by_member(x).mean(0)
        if self.memory is None:
            return Prediction(unseen(heads.log(), self.classes))
        retrieval = self.read(x)
        mixed = (1 - self.gate) * heads + self.gate * self.recalled(retrieval)
        return Prediction(
            log_probs=unseen(mixed.log(), self.classes),
            without_memory=unseen(heads.log(), self.classes),
            gate=self.gate.expand(len(x)),
            top_entries=heaviest(retrieval, self.inverse_temperature),
            top_similarity=retrieval.similarity[:, 0],
        )

    def by_member(self, x: Tensor) -> Tensor:
        """What each head says, [members, n, seen]."""
        return (logits(Head(self.weight, self.bias), x) / self.temperature[:, None, None]).softmax(-1)

    def keys(self, x: Tensor) -> Tensor:
        """Features x [..., n, key_dim] as keys of the memory."""
        return to_keys(x, self.projection, self.centre)

    def read(self, x: Tensor) -> kv.Retrieval:
        """The entries of the memory that are nearest to features x [..., n, key_dim]."""
        ask = self.projection if self.query_projection is None else self.query_projection
        return self.memory.nearest(to_keys(x, ask, self.centre))

    def recalled(self, retrieval: kv.Retrieval) -> Tensor:
        """What a memory says of the classes that the heads have seen, [n, seen], averaged over the members."""
        return kv.label_distribution(retrieval, self.inverse_temperature[:, None], self.bias.shape[-1]).mean(0)


def to_keys(x: Tensor, projection: Tensor | None, centre: Tensor | None) -> Tensor:
    """Features x [..., n, key_dim] as keys: less `centre` [key_dim], through `projection` [key_dim, new_dim]."""
    x = x if centre is None else x - centre
    return x if projection is None else normalize(x @ projection, dim=-1)


def heaviest(retrieval: kv.Retrieval, inverse_temperature: Tensor) -> Tensor:
    """Slot [members, n] of the entry that weighs most, n_j e^{b cos_j}; of equals the first; -1 in an empty memory."""
    weight = retrieval.count.log() + inverse_temperature[:, None, None] * retrieval.similarity
    best = weight.argmax(-1, keepdim=True)
    slots = retrieval.slots.expand(weight.shape).gather(-1, best)
    return torch.where(retrieval.count.expand(weight.shape).gather(-1, best) > 0, slots, -1).squeeze(-1)
