"""`linear_probe`: logistic regression solved to convergence, its strength chosen on folds."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hsokv.data.episode import Episode
from hsokv.methods.interface import Fitted
from hsokv.methods.linear import Linear
from hsokv.model.calibration import fit_temperature, label_log_prob
from hsokv.model.head import Head, gradient, init_head, logits
from hsokv.training.budget import Budget, count_flops
from hsokv.training.loop import Problems, stack_problems, stack_scores

TOLERANCE = 1e-6
"""Largest absolute gradient entry at which the solution is taken as found."""


def solve(
    x: Tensor, y: Tensor, mask: Tensor, decay: Tensor, classes: int, limit: int, budget: Budget, reserve: int = 0
) -> tuple[Head, int]:
    """Minimise cross-entropy(W, b) + decay / 2 ||W||^2 for every problem and strength at once.

    Accelerated gradient (Nesterov 2004, constant step 1 / L, momentum from the strong convexity `decay`), with
    L = (max ||x||^2 + 1) / 2 + decay the smoothness of the softmax loss; stops when every gradient entry is below
    1e-6, after `limit` steps, or where another step would leave less than `reserve` FLOPs of the budget.
    `decay` [strengths, problems], x [problems, n, key_dim]; heads have decay's axes.
    """
    head = ahead = init_head(tuple(decay.shape), x.shape[-1], classes)
    smoothness = (x.square().sum(-1).amax() + 1) / 2 + decay
    step = (1 / smoothness).unsqueeze(-1)
    root = (decay / smoothness).sqrt()
    momentum = ((1 - root) / (1 + root)).unsqueeze(-1)

    def advance(head: Head, ahead: Head) -> tuple[Head, Head, Tensor]:
        slope = gradient(ahead, x, y, mask)
        slope = Head(slope.weight + decay[..., None, None] * ahead.weight, slope.bias)
        moved = Head(ahead.weight - step[..., None] * slope.weight, ahead.bias - step * slope.bias)
        pushed = Head(
            moved.weight + momentum[..., None] * (moved.weight - head.weight),
            moved.bias + momentum * (moved.bias - head.bias),
        )
        return moved, pushed, torch.maximum(slope.weight.abs().amax(), slope.bias.abs().amax())

    (head, ahead, largest), cost = count_flops(advance, head, ahead)
    budget.charge(cost)
    steps = 1
    while steps < limit and float(largest) >= TOLERANCE and budget.affords(cost + reserve):
        budget.charge(cost)
        head, ahead, largest = advance(head, ahead)
        steps += 1
    return head, steps


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """Solve all strengths on all folds, take the best by log-loss (after a temperature), solve on the train shots.

    A strength C weighs the data as in scikit-learn, decay = 1 / (C n) with n the number of shots learnt from; with two
    classes softmax keeps two weight vectors where scikit-learn keeps their difference, so C here is its 2 C.
    """
    problems, scores = stack_problems(episode), stack_scores(episode)
    strengths, limit = torch.tensor(settings["linear_probe"]["strengths"]), settings["linear_probe"]["steps"]

    def solved(part: slice, strengths: Tensor, reserve: int) -> tuple[Head, int]:
        selected = Problems(*(tensor[part] for tensor in problems[:4]), *problems[4:])
        decay = 1 / (strengths[:, None] * selected.mask.sum(-1))
        return solve(*selected[:3], decay, episode.classes, limit, budget, reserve)

    heads, fold_steps = solved(slice(problems.folds), strengths, reserve=budget.allowed // 4)
    labels, mask = scores.y.flatten(), scores.mask.flatten()
    held_out = budget.run(logits, heads, scores.x).flatten(-3, -2)
    temperatures = fit_temperature(held_out, labels, mask)
    at_label = label_log_prob((held_out / temperatures[:, None, None]).log_softmax(-1), labels)
    best = int((-(at_label * mask).sum(-1)).argmin())
    head, steps = solved(slice(problems.train, problems.train + 1), strengths[best : best + 1], reserve=0)
    head = Head(head.weight[0, 0], head.bias[0, 0])
    return Fitted(
        Linear(head, temperatures[best], episode.classes),
        instruments={
            "strength": float(strengths[best]),
            "temperature": float(temperatures[best]),
            "steps": steps,
            "fold_steps": fold_steps,
        },
    )
