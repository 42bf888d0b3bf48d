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


def least_log_loss(log_param: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
    """The least mean -log((1 - g) p_param + g p_mem) at the labels over all gates g, in nats: what ranks agents.

    `log_param` = log p_param(label) and `memory` = p_mem(label), both [..., n]; returns [...], infinite for NaN.
    Raises SwarmCollapsedError where all is NaN.
    """
    losses = _losses(log_param, memory)
    mask = torch.ones(log_param.shape) if mask is None else mask
    return _mean(losses, mask).amin(0)


def fit_gate(log_param: Tensor, memory: Tensor) -> Tensor:
    """The share g in [0, 1] of the memory in p = (1 - g) p_param + g p_mem; inputs as above, returns [...].

    The smallest g whose log-loss is within one standard error, of the paired difference, of the best: the rule of one
    standard error (Breiman et al. 1984). Where the examples do not show that the memory helps, it is left out.

    >>> half, surely = torch.full((100,), 0.5), torch.full((100,), 0.9)
    >>> float(fit_gate(half.log(), surely)), float(fit_gate(surely.log(), half))
    (1.0, 0.0)
    """
    losses = _losses(log_param, memory)
    n = losses.shape[-1]
    least = _mean(losses, torch.ones(n)).argmin(0)
    excess = losses - losses.gather(0, least[None, ..., None].expand(1, *losses.shape[1:]))
    error = excess.std(-1) / n**0.5 if n > 1 else torch.full(excess.shape[:-1], torch.inf)  # one example shows nothing
    return GATES[(excess.mean(-1) <= error).to(torch.int64).argmax(0)]


def _losses(log_param: Tensor, memory: Tensor) -> Tensor:
    """-log((1 - g) p_param + g p_mem) [gates, ..., n]; an impossible label costs much, but not infinity."""
    mixed = torch.stack([(1 - g) * log_param.exp() + g * memory for g in GATES])
    if mixed.isnan().all():
        raise SwarmCollapsedError(
            "every member's prediction is NaN, so no gate can be fitted; lower the learning rates"
        )
    return -torch.log(mixed).clamp_min(-1e4)


def _mean(losses: Tensor, mask: Tensor) -> Tensor:
    return ((losses * mask).sum(-1) / mask.sum(-1)).nan_to_num(nan=torch.inf)
