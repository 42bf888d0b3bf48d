"""The parametric branch: linear softmax heads on frozen features, many at a time.

Every tensor carries leading axes (agents, problems, ...) and nothing mixes them, so one gradient step of a whole
population is one batched matrix product.
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
    return x @ head.weight + head.bias.unsqueeze(-2)


def loss(head: Head, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """Mean cross-entropy in nats over the examples that `mask` [..., n] keeps, one value per head [...]."""
    scores = logits(head, x)
    picked = scores.log_softmax(-1).gather(-1, y.expand(scores.shape[:-1]).unsqueeze(-1)).squeeze(-1)
    return -(picked * mask).sum(-1) / mask.sum(-1)


def gradient(head: Head, x: Tensor, y: Tensor, mask: Tensor) -> Head:
    """d loss / d head for each head: heads share no parameter, so the gradient of the sum holds all of them."""
    with torch.enable_grad():
        leaves = Head(*(part.detach().requires_grad_() for part in head))
        return Head(*torch.autograd.grad(loss(leaves, x, y, mask).sum(), leaves))
