"""What a loaded model does with its memory, as functions of its predictor: it goes on learning without gradients."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from hsokv.memory import functional as kv
from hsokv.methods.ensemble import Ensemble, place, read
from hsokv.model.head import Head

REMEMBERED, TRAINED = 2, 3
"""Origins of entries written to a model, by itself or by a trainer, beside hsokv.methods.members' two."""


class Recalled(NamedTuple):
    """An entry of the memory as it was read: its text (None where none is known) and label, its cosine `similarity`,
    its `share` of the reading, the number of examples it stands for, and where it came from."""

    text: str | None
    label: str
    similarity: float
    share: float
    count: float
    source: str


def remember(model: Ensemble, x: Tensor, labels: Tensor, capacity: int, origin: int = REMEMBERED) -> Ensemble:
    """Write features x [n, key_dim] of `labels` [n]; beyond `capacity` entries the memory consolidates."""
    state, keys = model.memory.state, place(model.memory, x)
    kv.check_entries(keys, labels, model.head.bias.shape[-1])
    slots = min(int(state.occupied.sum()) + len(labels), max(capacity, state.labels.shape[-1]))
    state = kv.write(kv.prune(state, max(slots, state.labels.shape[-1])), keys, labels, origin)
    return model._replace(memory=model.memory._replace(state=state))


def add_classes(model: Ensemble, count: int) -> Ensemble:
    """Room for `count` more classes, which the heads hold impossible: they have not learnt them.

    >>> head = Head(torch.zeros(1, 3, 2), torch.zeros(1, 2))
    >>> add_classes(Ensemble(head, torch.ones(1), 2), 1).head.bias
    tensor([[0., 0., -inf]])
    """
    head = Head(pad(model.head.weight, (0, count)), pad(model.head.bias, (0, count), value=-torch.inf))
    return model._replace(head=head, classes=model.classes + count)


def log_probs(model: Ensemble, x: Tensor, added: int) -> Tensor:
    """What the model says of features x [n, key_dim], log p [n, classes]; the last `added` classes came after training.

    How likely a class is that no head has learnt is the memory's to say alone; among the others the gate g holds as it
    was fitted. With P = sum_{c added} p_mem(c):

        p(c) = p_mem(c)  for c added,      p(c) = (1 - P) (1 - g) p_param(c) + g p_mem(c)  for the others.
    """
    if not added:
        return model(x).log_probs
    param, memory = model.parametric(x), model.remembered(read(model.memory, x))
    new = memory[:, -added:]
    old = (1 - new.sum(-1, keepdim=True)) * (1 - model.gate) * param[:, :-added] + model.gate * memory[:, :-added]
    return torch.cat([old, new], -1).log()


def recall(model: Ensemble, x: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Slots [k], cosines [k] and shares [k] of the entries that are heaviest for one query x [key_dim], heaviest first,
    at most as many as are read.

    The share of entry j is n_j e^{b cos_j} over the sum of all that is read, averaged over the members'
    inverse temperatures b.
    """
    nearest = kv.Retrieval(*(part[0] for part in read(model.memory, x[None])))
    weight = nearest.count.log() + model.memory.inverse_temperature[:, None] * nearest.similarity
    share = weight.softmax(-1).mean(0)
    order = share.argsort(descending=True, stable=True)[: min(k, int((nearest.count > 0).sum()))]
    return nearest.slots[order], nearest.similarity[order], share[order]
