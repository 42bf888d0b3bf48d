"""First-order update rules as pure functions on batched parameters, so that one step can mix them per agent."""

from typing import NamedTuple

import torch
from torch import Tensor

STRATEGIES = ("adam", "sgd", "rmsprop")
"""Names of the update rules; an agent's strategy is an index into this tuple."""

UNIT_RATES = (0.05, 1.0, 0.05)
"""The step size that a relative learning rate of 1 stands for, by rule: adaptive rules need smaller ones, and an agent
that changes its rule keeps its place in the box."""


class OptimiserState(NamedTuple):
    """What an update rule remembers: first and second moment of the gradient, shaped like the parameter, and the steps
    taken, one count per head."""

    first: Tensor
    second: Tensor
    steps: Tensor


def init_state(parameter: Tensor, batch: tuple[int, ...]) -> OptimiserState:
    """Zero moments for a parameter with leading axes `batch`."""
    return OptimiserState(torch.zeros_like(parameter), torch.zeros_like(parameter), torch.zeros(batch))


def rule(steps: Tensor, strategy: Tensor, learning_rate: Tensor, weight_decay: Tensor) -> Tensor:
    """The next update of each head as five numbers [5, ...], for `apply_rule`; `steps` were taken before it.

    All rules are w <- kept w - rate n / (sqrt(unbias v) + floor), where the numerator n is m if `latest` is 0 and g if
    it is 1. Float64, because 1 - 0.999^t has lost half its digits in float32.
    """
    after = steps.double() + 1
    is_sgd, is_rmsprop = strategy == 1, strategy == 2
    unbias_mean = 1 / (1 - 0.9**after)
    one = torch.ones_like(after)
    latest = torch.where(is_rmsprop, one, 0.0)
    unbias = (1 / (1 - 0.999**after)).masked_fill(is_sgd, 0.0)
    floor = torch.where(is_sgd, one, 1e-8)
    rate = learning_rate * unbias_mean.masked_fill(is_sgd, 10.0).masked_fill(is_rmsprop, 1.0)
    kept = (1 - learning_rate.double() * weight_decay).expand(after.shape)
    return torch.stack((latest, unbias, floor, rate, kept))


def apply_rule(
    parameter: Tensor, gradient: Tensor, moments: OptimiserState, numbers: Tensor
) -> tuple[Tensor, OptimiserState]:
    """One step by `numbers` [5, ...], one of each per head, with no more passes over the parameter than it takes.

    What is returned lies in memory as what came in: of two factors the first decides.
    """
    numbers = numbers.reshape(numbers.shape + (1,) * (1 + parameter.ndim - numbers.ndim))
    latest, unbias, floor, rate, kept = numbers.to(parameter.dtype)
    first = torch.lerp(moments.first, gradient, 0.1)
    second = (moments.second * 0.999).addcmul_(gradient, gradient, value=0.001)
    direction = torch.lerp(first, gradient, latest).div_((second * unbias).sqrt_().add_(floor))
    return (parameter * kept).addcmul_(direction, rate, value=-1), OptimiserState(first, second, moments.steps + 1)


def update(
    parameter: Tensor,
    gradient: Tensor,
    moments: OptimiserState,
    strategy: Tensor,
    learning_rate: Tensor,
    weight_decay: Tensor,
) -> tuple[Tensor, OptimiserState]:
    """One step of Adam (Kingma and Ba 2015), SGD with momentum 0.9 or RMSprop, chosen per element by `strategy`.

    Decay is decoupled (Loshchilov and Hutter 2019): w <- w - lr (direction + decay w). `strategy` (int64),
    `learning_rate` > 0 and `weight_decay` >= 0 have the parameter's leading axes and are broadcast over the rest.
    All rules keep the same moments m and v, so a copied agent keeps its history when its strategy changes:
    m <- 0.9 m + 0.1 g, v <- 0.999 v + 0.001 g^2;
    Adam m^ / (sqrt v^ + eps), SGD 10 m (= momentum), RMSprop g / (sqrt v^ + eps).
    """
    return apply_rule(parameter, gradient, moments, rule(moments.steps, strategy, learning_rate, weight_decay))
