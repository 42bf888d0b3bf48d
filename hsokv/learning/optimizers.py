"""First-order update rules as pure functions on batched parameters, so that one step can mix them per agent."""

from typing import NamedTuple

import torch
from torch import Tensor

OPTIMIZERS = ("adam_norm", "sgd", "rmsprop_norm")
"""Names of the update rules; an agent's optimizer is an index into this tuple. The adaptive ones divide the gradient by
one number, the root of its mean square (as AdaGrad-Norm does, Ward et al. 2019), not each entry by its own: that would
turn a head that learns from few examples away from the direction of the class means, see docs/lab-notebook.md."""

UNIT_RATES = (0.05, 1.0, 0.05)
"""The step size that a relative learning rate of 1 stands for, by rule: adaptive rules need smaller ones, and an agent
that changes its rule keeps its place in the search space."""


class OptimizerState(NamedTuple):
    """What an update rule remembers: the first moment of the gradient, shaped like the parameter, the second moment,
    one number a head (with axes of length 1 for the rest), and the steps taken, one count per head."""

    first: Tensor
    second: Tensor
    steps: Tensor


def init_state(parameter: Tensor, batch: tuple[int, ...]) -> OptimizerState:
    """Zero moments for a parameter with leading axes `batch`."""
    second = parameter.new_zeros(batch + (1,) * (parameter.ndim - len(batch)))
    return OptimizerState(torch.zeros_like(parameter), second, torch.zeros(batch))


def rule(steps: Tensor, optimizer: Tensor, learning_rate: Tensor, weight_decay: Tensor) -> Tensor:
    """The next update of each head as five numbers [5, ...], for `apply_rule`; `steps` were taken before it.

    All rules are w <- decay w - rate n / (sqrt(unbias v) + floor), where the numerator n is m if `latest` is 0 and g if
    it is 1. Float64, because 1 - 0.999^t has lost half its digits in float32.
    """
    after = steps.double() + 1
    is_sgd, is_rmsprop = optimizer == 1, optimizer == 2
    unbias_mean = 1 / (1 - 0.9**after)
    one = torch.ones_like(after)
    latest = torch.where(is_rmsprop, one, 0.0)
    unbias = (1 / (1 - 0.999**after)).masked_fill(is_sgd, 0.0)
    floor = torch.where(is_sgd, one, 1e-8)
    rate = learning_rate * unbias_mean.masked_fill(is_sgd, 10.0).masked_fill(is_rmsprop, 1.0)
    decay = 1 / (1 + (learning_rate.double() * weight_decay).expand(after.shape))
    rate = rate * decay
    return torch.stack((latest, unbias, floor, rate, decay))


def apply_rule(
    parameter: Tensor, gradient: Tensor, moments: OptimizerState, numbers: Tensor, square: Tensor
) -> tuple[Tensor, OptimizerState]:
    """One step by `numbers` [5, ...], one of each per head, with no more passes over the parameter than it takes.

    `square` [...] is the mean square of the gradient that the adaptive rules are to divide by, one number a head.
    What is returned lies in memory as what came in: of two factors the first decides.
    """
    ones = (1,) * (1 + parameter.ndim - numbers.ndim)
    numbers, square = numbers.reshape(numbers.shape + ones), square.reshape(square.shape + ones)
    latest, unbias, floor, rate, decay = numbers.to(parameter.dtype)
    first = torch.lerp(moments.first, gradient, 0.1)
    second = moments.second * 0.999 + 0.001 * square
    direction = torch.lerp(first, gradient, latest).div_((second * unbias).sqrt_().add_(floor))
    return (parameter * decay).addcmul_(direction, rate, value=-1), OptimizerState(first, second, moments.steps + 1)


def update(
    parameter: Tensor,
    gradient: Tensor,
    moments: OptimizerState,
    optimizer: Tensor,
    learning_rate: Tensor,
    weight_decay: Tensor,
) -> tuple[Tensor, OptimizerState]:
    """One step of Adam (Kingma and Ba 2015), SGD with momentum 0.9 or RMSprop, by `optimizer`; see OPTIMIZERS.

    Decay is decoupled (Loshchilov and Hutter 2019) and implicit, so that none is too strong for a rate:
    w <- (w - lr direction) / (1 + lr decay). `optimizer` (int64),
    `learning_rate` > 0 and `weight_decay` >= 0 have the parameter's leading axes and are broadcast over the rest.
    All rules keep the same moments m and v, so a copied agent keeps its history when its optimizer changes:
    m <- 0.9 m + 0.1 g, v <- 0.999 v + 0.001 mean(g^2);
    Adam m^ / (sqrt v^ + eps), SGD 10 m (= momentum), RMSprop g / (sqrt v^ + eps).
    """
    numbers = rule(moments.steps, optimizer, learning_rate, weight_decay)
    square = gradient.square().mean(tuple(range(moments.steps.ndim, gradient.ndim)))
    return apply_rule(parameter, gradient, moments, numbers, square)
