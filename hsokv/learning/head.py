"""The parametric branch: linear softmax heads on frozen features, many at a time.

Every tensor carries leading axes (agents, problems, ...) and nothing mixes them. Heads that see the same examples are
laid side by side as if they were classes of one wide head: then a step of a whole population is two matrix products a
problem, and no example is repeated for each agent.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Head(NamedTuple):
    """`weight` [..., key_dim, classes] and `bias` [..., classes]."""

    weight: Tensor
    bias: Tensor


def init_head(batch: tuple[int, ...], key_dim: int, classes: int) -> Head:
    """Heads at zero: the loss is convex, so no draw is needed and the first prediction is uniform."""
    return Head(torch.zeros(*batch, key_dim, classes), torch.zeros(*batch, classes))


def logits(head: Head, x: Tensor) -> Tensor:
    """x W + b; `x` [..., n, key_dim] broadcasts against the head's leading axes; returns [..., n, classes]."""
    heads = _heads_that_share(head, x)
    return _apart(_scores(head, x, len(heads)), heads, 2).mT


@torch.no_grad()
def gradient(head: Head, x: Tensor, y: Tensor, mask: Tensor) -> Head:
    """d loss / d head for each head: d loss / d W = x' (p - onehot(y)) / n, d loss / d b = sum (p - onehot(y)) / n.

    x, y and mask have no leading axis that the head has not.
    """
    heads = _heads_that_share(head, x, y.unsqueeze(-1), mask.unsqueeze(-1))
    error = _scores(head, x, len(heads)).unflatten(-2, (*heads, -1)).softmax(-2)
    beside = (..., *(None,) * (len(heads) + 1), slice(None))
    labels = torch.arange(error.shape[-2], device=y.device).unsqueeze(-1)
    error.sub_((y[beside] == labels).to(error.dtype)).mul_((mask / mask.sum(-1, keepdim=True))[beside])
    error = error.flatten(-2 - len(heads), -2)
    return Head(_apart(error @ x, heads, 2).mT, _apart(error.sum(-1), heads, 1))


def _heads_that_share(head: Head, *parts: Tensor) -> torch.Size:
    """The sizes of the head's first axes that no part [..., n, any] has: along them examples are the same."""
    return head.bias.shape[: max(0, head.weight.ndim - max(part.ndim for part in parts))]


def _scores(head: Head, x: Tensor, shared: int) -> Tensor:
    """The logits as [..., heads * classes, n]; no weight is copied if they lie [..., heads, classes, key_dim]."""
    return _beside(head.weight.mT, shared, 2) @ x.mT + _beside(head.bias, shared, 1).unsqueeze(-1)


def _beside(part: Tensor, shared: int, classes: int) -> Tensor:
    """Put the first `shared` axes before the axis -`classes` and merge them into it."""
    last = part.ndim - classes
    return part.movedim(tuple(range(shared)), tuple(range(last - shared, last))).flatten(last - shared, last)


def _apart(part: Tensor, heads: torch.Size, classes: int) -> Tensor:
    """Undo `_beside`."""
    shared, part = len(heads), part.unflatten(-classes, (*heads, -1))
    last = part.ndim - classes
    return part.movedim(tuple(range(last - shared, last)), tuple(range(shared)))
