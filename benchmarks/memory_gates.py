"""The gates that `benchmarks.memory_mechanisms` compares: from what both branches say of the dev queries to a share."""

from collections.abc import Callable

import torch
from torch import Tensor

from hsokv.memory import functional as kv
from hsokv.model.calibration import GATES, fit_gate, label_log_prob
from hsokv.training.optimisers import STRATEGIES, update
from hsokv.training.optimisers import init_state as init_adam

PENALTIES, PARTS, GATE_STEPS = torch.tensor([0.001, 0.01, 0.1, 1.0]), 5, 200  # of the gate per query

Gate = Callable[[Tensor, Tensor, kv.Retrieval], Tensor]  # log p_param, p_mem, retrieval -> g, broadcast against both


def package_gate(log_param: Tensor, memory: Tensor, retrieval: kv.Retrieval, labels: Tensor) -> Gate:
    """The smallest gate within one standard error of the best."""
    gate = fit_gate(label_log_prob(log_param, labels), label_log_prob(memory, labels))
    return lambda *_: gate


def _least(log_param: Tensor, memory: Tensor, labels: Tensor) -> Tensor:
    param, memory = label_log_prob(log_param, labels).exp(), label_log_prob(memory, labels)
    return GATES[torch.stack([-((1 - g) * param + g * memory).log().clamp_min(-1e4).mean() for g in GATES]).argmin()]


def least_loss_gate(log_param: Tensor, memory: Tensor, retrieval: kv.Retrieval, labels: Tensor) -> Gate:
    """The gate of the least log-loss."""
    gate = _least(log_param, memory, labels)
    return lambda *_: gate


def query_gate(log_param: Tensor, memory: Tensor, retrieval: kv.Retrieval, labels: Tensor) -> Gate:
    """A gate per query, logistic in what both branches look like, its L2 penalty chosen by cross-validation on dev.

    Labels held out together where there are more than parts. Adam from the scalar gate of the least log-loss.
    """
    classes, n = log_param.shape[-1], len(labels)
    looks = _looks(log_param, memory, retrieval)
    mean, spread = looks.mean(0), looks.std(0) + 1e-6
    x = (looks - mean) / spread
    param, memory_at = label_log_prob(log_param, labels).exp(), label_log_prob(memory, labels)
    part = (labels if classes > PARTS else torch.arange(n)) % PARTS
    inside = torch.stack([part != p for p in range(PARTS)] + [part >= 0]).float()  # the last learns from all
    start = _least(log_param, memory, labels).clamp(0.05, 0.95)
    weight = torch.zeros(len(PENALTIES), PARTS + 1, x.shape[1])
    bias = torch.full((len(PENALTIES), PARTS + 1), float(start.logit()))

    def losses(weight: Tensor, bias: Tensor) -> Tensor:
        gate = torch.sigmoid(weight @ x.mT + bias.unsqueeze(-1))
        return -torch.log((1 - gate) * param + gate * memory_at + 1e-12)

    adam, moments = torch.tensor(STRATEGIES.index("adam_norm")), [init_adam(weight, ()), init_adam(bias, ())]
    for _ in range(GATE_STEPS):
        leaves = [weight.requires_grad_(), bias.requires_grad_()]
        fitted = (losses(*leaves) * inside).sum(-1) / inside.sum(-1) + PENALTIES[:, None] * (leaves[0] ** 2).sum(-1)
        gradients = torch.autograd.grad(fitted.sum(), leaves)
        (weight, moments[0]), (bias, moments[1]) = (
            update(leaf.detach(), gradient, moment, adam, torch.tensor(0.05), torch.tensor(0.0))
            for leaf, gradient, moment in zip(leaves, gradients, moments, strict=True)
        )
    held_out = (losses(weight, bias)[:, :-1] * (1 - inside[:-1])).sum((1, 2))
    weight, bias = weight[held_out.argmin(), -1], bias[held_out.argmin(), -1]
    return lambda *said: torch.sigmoid(((_looks(*said) - mean) / spread) @ weight.unsqueeze(1) + bias)


def _looks(log_param: Tensor, memory: Tensor, retrieval: kv.Retrieval) -> Tensor:
    """Top similarity and its margin; of both branches entropy, top probability and its margin [n, 8]."""
    columns = [retrieval.similarity[:, 0], retrieval.similarity[:, 0] - retrieval.similarity[:, 1]]
    for p in (log_param.exp(), memory):
        top = p.sort(-1, descending=True).values
        columns += [-(p * p.clamp_min(1e-12).log()).sum(-1), top[:, 0], top[:, 0] - top[:, 1]]
    return torch.stack(columns, -1)
