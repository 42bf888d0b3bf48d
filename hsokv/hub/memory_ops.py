"""What a loaded model does with its memory, as functions of its predictor: learning without gradients."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from hsokv.arms.predictors import Ensemble
from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv

REMEMBERED, TRAINED = 2, 3
"""Origins of entries written to a model, by itself or by a trainer, beside hsokv.arms.members' two."""


class Recalled(NamedTuple):
    """An entry of the memory as it was read: its text (None where none is known) and label, its cosine `similarity`,
    its `share` of the reading, the number of examples it stands for, and where it came from."""

    text: str | None
    label: str
    similarity: float
    share: float
    count: float
    source: str


def remember(model: Ensemble, x: Tensor, labels: Tensor, capacity: int, origin: int = REMEMBERED) -> None:
    """Write features x [n, key_dim] of `labels` [n]; the memory doubles up to `capacity` entries, then consolidates."""
    memory, keys = model.memory, model.keys(x)
    kv.check_entries(keys, labels, memory.classes)
    needed = len(memory) + len(labels)
    if memory.capacity < min(needed, capacity):
        memory.resize(min(2 ** (needed - 1).bit_length(), capacity))
    memory.write(keys, labels, gather=False, origin=origin)


def add_classes(model: Ensemble, count: int) -> Ensemble:
    """The same with room for `count` more classes, which the heads hold impossible: they have not learnt them."""
    memory, parts = model.memory, {name: getattr(model, name) for name in model.describe()}
    grown = KeyValueMemory(memory.key_dim, memory.classes + count, memory.capacity, memory.k).to(model.weight.device)
    grown.state = memory.state
    parts |= {"classes": model.classes + count, "weight": pad(model.weight, (0, count)), "memory": grown}
    return Ensemble(**parts | {"bias": pad(model.bias, (0, count), value=-torch.inf)})


def log_probs(model: Ensemble, x: Tensor, added: int) -> Tensor:
    """What the model says of features x [n, key_dim], log p [n, classes]; the last `added` classes came after training.

    How likely a class is that no head has learnt is the memory's to say alone; among the others the gate g holds as it
    was fitted. With P = sum_{c added} p_mem(c):

        p(c) = p_mem(c)  for c added,      p(c) = (1 - P) (1 - g) p_heads(c) + g p_mem(c)  for the others.
    """
    if not added:
        return model(x).log_probs
    heads, recalled = model.by_member(x).mean(0), model.recalled(model.read(x))
    new = recalled[:, -added:]
    old = (1 - new.sum(-1, keepdim=True)) * (1 - model.gate) * heads[:, :-added] + model.gate * recalled[:, :-added]
    return torch.cat([old, new], -1).log()


def recall(model: Ensemble, x: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Slots [k], cosines [k] and shares [k] of the entries that are heaviest for one query x [key_dim], heaviest first,
    at most as many as are read.

    The share of entry j is n_j e^{b cos_j} over the sum of all that is read, averaged over the members'
    inverse temperatures b.
    """
    nearest = kv.Retrieval(*(part[0] for part in model.read(x[None])))
    weight = nearest.count.log() + model.inverse_temperature[:, None] * nearest.similarity
    share = weight.softmax(-1).mean(0)
    order = share.argsort(descending=True, stable=True)[: min(k, int((nearest.count > 0).sum()))]
    return nearest.slots[order], nearest.similarity[order], share[order]
