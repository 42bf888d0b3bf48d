"""The predictor of the four variants: an average of heads, mixed with what a memory says."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hsokv.memory import functional as kv
from hsokv.methods.interface import Prediction, unseen
from hsokv.model.head import Head, logits


class Branch(NamedTuple):
    """A memory, or one of every problem (leading axis problems), and how it is read.

    Queries, less `centre` [key_dim] (None: nothing), go through `projection` [key_dim, new_dim] as the keys did (None:
    as they are); then the nearest `k` entries count, at `inverse_temperature` [members].
    """

    state: kv.MemoryState
    projection: Tensor | None
    k: int
    inverse_temperature: Tensor
    centre: Tensor | None = None


def place(branch: Branch, x: Tensor) -> Tensor:
    """Where features x [..., n, key_dim] lie among the keys of a memory."""
    moved = x if branch.centre is None else x - branch.centre
    return moved if branch.projection is None else normalize(moved @ branch.projection, dim=-1)


def read(branch: Branch, x: Tensor) -> kv.Retrieval:
    """Read a memory with the queries x [..., n, key_dim]."""
    return kv.read(branch.state, place(branch, x), branch.k)


def heaviest(retrieval: kv.Retrieval, inverse_temperature: Tensor) -> Tensor:
    """Slot [members, n] of the entry that weighs most, n_j e^{b cos_j}; of equals the first; -1 in an empty memory."""
    weight = retrieval.count.log() + inverse_temperature[:, None, None] * retrieval.similarity
    best = weight.argmax(-1, keepdim=True)
    slots = retrieval.slots.expand(weight.shape).gather(-1, best)
    return torch.where(retrieval.count.expand(weight.shape).gather(-1, best) > 0, slots, -1).squeeze(-1)


class Ensemble(NamedTuple):
    """p = (1 - g) mean_m softmax((x W_m + b_m) / T_m) + g mean_m p_mem,m.

    `head` and `temperature` lead with [members]; without a `memory` (None) nor a `gate` g, of shape [], p is the first
    mean. Classes from what the head has seen up to `classes` get 0.
    """

    head: Head
    temperature: Tensor
    classes: int
    memory: Branch | None = None
    gate: Tensor | None = None

    def __call__(self, x: Tensor) -> Prediction:
        param = self.parametric(x)
        if self.memory is None:
            return Prediction(unseen(param.log(), self.classes))
        retrieval = read(self.memory, x)
        mixed = (1 - self.gate) * param + self.gate * self.remembered(retrieval)
        return Prediction(
            log_probs=unseen(mixed.log(), self.classes),
            without_memory=unseen(param.log(), self.classes),
            gate=self.gate.expand(len(x)),
            top_entries=heaviest(retrieval, self.memory.inverse_temperature),
            top_similarity=retrieval.similarity[:, 0],
        )

    def by_member(self, x: Tensor) -> Tensor:
        """What each head says, [members, n, seen]."""
        return (logits(self.head, x) / self.temperature[:, None, None]).softmax(-1)

    def parametric(self, x: Tensor) -> Tensor:
        """What the heads say together, [n, seen]."""
        return self.by_member(x).mean(0)

    def remembered(self, retrieval: kv.Retrieval) -> Tensor:
        """What a memory says of the classes that the heads have seen, [n, seen], averaged over the members."""
        seen = self.head.bias.shape[-1]
        return kv.label_distribution(retrieval, self.memory.inverse_temperature[:, None], seen).mean(0)
