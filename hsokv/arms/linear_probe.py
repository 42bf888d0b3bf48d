"""`linear_probe`: logistic regression solved to convergence, its strength chosen on folds.

On events: logistic regression on all examples in force, trained on from its last weights.
"""

import torch
from torch import Generator, Tensor

from hsokv.arms import joint
from hsokv.arms.interface import Fitted, Settings
from hsokv.arms.predictors import Linear
from hsokv.data.episode import Episode
from hsokv.learning.budget import Budget, count_flops
from hsokv.learning.calibration import fit_temperature, label_log_prob
from hsokv.learning.head import Head, logits
from hsokv.learning.loop import Problems, stack_held_out, stack_problems

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
    strengths, problems = decay.shape
    # Heads of all strengths side by side, in memory as `gradient` multiplies them: the last digits depend on it.
    weight = torch.zeros(problems, x.shape[-1], strengths * classes).mT
    weight = weight.contiguous() if strengths > 1 else weight
    head = ahead = Head(weight, torch.zeros(weight.shape[:-1]))
    smoothness = (x.square().sum(-1).amax() + 1) / 2 + decay
    root = (decay / smoothness).sqrt()
    numbers = torch.stack([decay, 1 / smoothness, (1 - root) / (1 + root)]).mT.repeat_interleave(classes, -1)
    decay, step, momentum = numbers.unsqueeze(-1)
    member = torch.nn.functional.one_hot(y, classes).to(x.dtype).mT.unsqueeze(1)
    share = (mask / mask.sum(-1, keepdim=True))[:, None, None]

    def advance(head: Head, ahead: Head) -> tuple[Head, Head, Tensor]:
        scores = ahead.weight @ x.mT + ahead.bias.unsqueeze(-1)
        error = scores.unflatten(1, (strengths, classes)).softmax(2).sub_(member).mul_(share).flatten(1, 2)
        slope = Head(error @ x + decay * ahead.weight, error.sum(-1))
        moved = Head(ahead.weight - step * slope.weight, ahead.bias - step[..., 0] * slope.bias)
        pushed = Head(
            moved.weight + momentum * (moved.weight - head.weight),
            moved.bias + momentum[..., 0] * (moved.bias - head.bias),
        )
        return moved, pushed, torch.maximum(slope.weight.abs().amax(), slope.bias.abs().amax())

    (head, ahead, largest), cost = count_flops(advance, head, ahead)
    budget.charge(cost)
    steps = 1
    while steps < limit and float(largest) >= TOLERANCE and budget.affords(cost + reserve):
        budget.charge(cost)
        head, ahead, largest = advance(head, ahead)
        steps += 1
    weight, bias = (part.unflatten(1, (strengths, classes)).movedim(1, 0) for part in head)
    return Head(weight.mT, bias), steps


def fit(episode: Episode, settings: Settings, budget: Budget, generator: Generator) -> Fitted:
    """Solve all strengths on all folds, take the best by log-loss (after a temperature), solve on the train shots.

    A strength C weighs the data as in scikit-learn, decay = 1 / (C n) with n the number of shots learnt from; with two
    classes softmax keeps two weight vectors where scikit-learn keeps their difference, so C here is its 2 C.
    """
    problems, held_out = stack_problems(episode), stack_held_out(episode)
    strengths, limit = torch.tensor(settings["linear_probe"]["strengths"]), settings["linear_probe"]["steps"]

    def solved(part: slice, strengths: Tensor, reserve: int) -> tuple[Head, int]:
        selected = Problems(*(tensor[part] for tensor in problems[:4]), *problems[4:])
        decay = 1 / (strengths[:, None] * selected.mask.sum(-1))
        return solve(*selected[:3], decay, episode.classes, limit, budget, reserve)

    heads, fold_steps = solved(slice(problems.folds), strengths, reserve=budget.allowed // 4)
    labels, mask = held_out.y.flatten(), held_out.mask.flatten()
    scores = budget.run(logits, heads, held_out.x).flatten(-3, -2)
    temperatures = fit_temperature(scores, labels, mask)
    at_label = label_log_prob((scores / temperatures[:, None, None]).log_softmax(-1), labels)
    best = int((-(at_label * mask).sum(-1)).argmin())
    head, steps = solved(slice(problems.train, problems.train + 1), strengths[best : best + 1], reserve=0)
    learnt = {"weight": head.weight[0, 0], "bias": head.bias[0, 0], "temperature": temperatures[best]}
    return Fitted(
        Linear(**learnt, classes=episode.classes),
        instruments={
            "strength": float(strengths[best]),
            "temperature": float(temperatures[best]),
            "steps": steps,
            "fold_steps": fold_steps,
        },
    )


class Learner(joint.Learner):
    """`joint` with a warm start: the same problem in fewer steps, but its last digits remember the way."""

    afresh = False
