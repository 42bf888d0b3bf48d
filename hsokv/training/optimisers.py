"""First-order update rules as pure functions on batched parameters, so that one step can mix them per agent."""

from typing import NamedTuple

import torch
from torch import Tensor

STRATEGIES = ("adam", "sgd", "rmsprop")
"""Names of the update rules; an agent's strategy is an index into this tuple."""

UNIT_RATES = (0.05, 1.0, 0.05)
"""The step size that a relative learning rate of 1 stands for, by rule: adaptive rules need smaller ones, and an agent
that changes its rule keeps its place in the box."""


class Moments(NamedTuple):
    """First and second moment of the gradient, shaped like the parameter, and the steps taken, one count per head."""

    first: Tensor
    second: Tensor
    steps: Tensor


def init_moments(parameter: Tensor, batch: tuple[int, ...]) -> Moments:
    """Zero moments for a parameter with leading axes `batch`."""
    return Moments(torch.zeros_like(parameter), torch.zeros_like(parameter), torch.zeros(batch))


def update(
    parameter: Tensor, gradient: Tensor, moments: Moments, strategy: Tensor, learning_rate: Tensor, weight_decay: Tensor
) -> tuple[Tensor, Moments]:
    """One step of Adam (Kingma and Ba 2015), SGD with momentum 0.9 or RMSprop, chosen per element by `strategy`.

    Decay is decoupled (Loshchilov and Hutter 2019): w <- w - lr (direction + decay w). `strategy` (int64),
    `learning_rate` > 0 and `weight_decay` >= 0 have the parameter's leading axes and are broadcast over the rest.
    All rules keep the same moments m and v, so a copied agent keeps its history when its strategy changes:
    m <- 0.9 m + 0.1 g, v <- 0.999 v + 0.001 g^2;
    Adam m^ / (sqrt v^ + eps), SGD 10 m (= momentum), RMSprop g / (sqrt v^ + eps).
    """
    spread = (...,) + (None,) * (parameter.ndim - learning_rate.ndim)
    steps = moments.steps + 1
    first = 0.9 * moments.first + 0.1 * gradient
    second = 0.999 * moments.second + 0.001 * gradient**2
    scale = (second / (1 - 0.999 ** steps[spread])).sqrt() + 1e-8
    adam = first / (1 - 0.9 ** steps[spread]) / scale
    rule = strategy[spread]
    direction = torch.where(rule == 0, adam, torch.where(rule == 1, 10 * first, gradient / scale))
    moved = parameter - learning_rate[spread] * (direction + weight_decay[spread] * parameter)
    return moved, Moments(first, second, steps)
