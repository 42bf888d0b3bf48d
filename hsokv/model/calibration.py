"""Temperatures and the gate: how much each branch is trusted, chosen where it is scored and never on test data."""

import torch
from torch import Tensor

from hsokv.exceptions import SwarmCollapsedError

TEMPERATURES = 2.0 ** torch.arange(-7.0, 4.0)
GATES = torch.linspace(0, 1, 21)


def label_log_prob(log_probs: Tensor, labels: Tensor) -> Tensor:
    """log p(label); `log_probs` [..., n, classes], `labels` [..., n]; returns [..., n]."""
    return log_probs.gather(-1, labels.expand(log_probs.shape[:-1]).unsqueeze(-1)).squeeze(-1)


def fit_temperature(logits: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
    """The temperature T of softmax(z / T) with the least log-loss over n examples and one more of unknown label.

    The one more (its label uniform, its logits those of the n in turn) keeps T from its sharpest where all n happen to
    be right. A grid from 2^-7 to 2^3: at 16 shots a finer choice is noise. `logits` [..., n, classes], `labels`
    [..., n]; returns [...]; the first of equals wins.

    >>> fit_temperature(torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1]))
    tensor(8.)
    >>> fit_temperature(torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1]))
    tensor(1.)
    """
    mask = torch.ones(labels.shape) if mask is None else mask
    losses = []
    for temperature in TEMPERATURES:
        log_probs = (logits / temperature).log_softmax(-1)
        unknown = (log_probs.mean(-1) * mask).sum(-1) / mask.sum(-1)
        losses.append(-(label_log_prob(log_probs, labels) * mask).sum(-1) - unknown)
    return TEMPERATURES[torch.stack(losses).argmin(0)]


def mixture_log_loss(log_param: Tensor, memory: Tensor, gate: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean -log((1 - g) p_param + g p_mem) at the labels, in nats; inputs [..., n], gate broadcast; returns [...]."""
    mask = torch.ones(log_param.shape) if mask is None else mask
    mixed = torch.log((1 - gate) * log_param.exp() + gate * memory).clamp_min(-1e4)
    return -(mixed * mask).sum(-1) / mask.sum(-1)


def fit_gate(log_param: Tensor, memory: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The share g in [0, 1] of the memory in p = (1 - g) p_param + g p_mem with the least log-loss, and that loss.

    `log_param` = log p_param(label) and `memory` = p_mem(label), both [..., n]; both results [...]. Both ends are on
    the grid: a branch that does not help can be switched off.
    """
    losses = torch.stack([mixture_log_loss(log_param, memory, g, mask) for g in GATES])
    if losses.isnan().all():
        raise SwarmCollapsedError(
            "every member's prediction is NaN, so no gate can be fitted; lower the learning rates"
        )
    losses = losses.nan_to_num(nan=torch.inf)
    best = losses.argmin(0)
    return GATES[best], losses.gather(0, best.unsqueeze(0)).squeeze(0)
