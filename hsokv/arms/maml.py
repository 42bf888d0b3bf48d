"""`maml`: first-order meta-learning of the map that features pass through; each task adapts a head of its own (ANIL).

C. Finn, P. Abbeel and S. Levine, Model-agnostic meta-learning, ICML 2017 (its first-order form); A. Raghu et al., Rapid
learning or feature reuse?, ICLR 2020 (the inner loop adapts the head only).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from hsokv.arms.interface import Fitted, Settings
from hsokv.arms.predictors import Linear
from hsokv.data.episode import Episode, Fold, Shots
from hsokv.learning.budget import Budget, count_flops
from hsokv.learning.calibration import fit_temperature
from hsokv.learning.head import Head, gradient, init_head, logits
from hsokv.learning.optimizers import OPTIMIZERS, OptimizerState, init_state, update

RATE_SPEED = 10
"""How much faster the one number of the inner rate moves than the many of the map."""


class Task(NamedTuple):
    """A problem to meta-learn from: adapt on `fit`, be judged on `score`; labels are 0..classes - 1 in both."""

    fit: Shots
    score: Shots
    classes: int


class Learnt(NamedTuple):
    """What the outer loop learns: the map M [key_dim, key_dim] of the features and the log of the inner rate, []."""

    map: Tensor
    log_rate: Tensor


def subset(fold: Fold, classes: int, limit: int, generator: Generator) -> Task:
    """The task of telling `limit` of the classes of a fold apart, drawn at random and labelled anew."""
    order = torch.randperm(len(fold.fit.y), generator=generator)
    # Classes in the order in which a shuffled row first shows them: what they are called does not matter.
    chosen = list(dict.fromkeys(fold.fit.y[order].tolist()))[:limit]
    label = torch.full((classes,), -1)
    label[chosen] = torch.arange(len(chosen))
    fit, score = (Shots(x[label[y] >= 0], label[y][label[y] >= 0]) for x, y in fold)
    return Task(fit, score, len(chosen))


def split(shots: Shots, classes: int, described: int, generator: Generator) -> Task:
    """The task of recognising half of the shots of every class (rounded down), drawn at random, from all others.

    The first `described` shots are descriptions of the labels: learnt from, never classified.

    >>> task = split(Shots(torch.eye(5), torch.tensor([0, 0, 0, 1, 1])), 2, 0, torch.Generator().manual_seed(0))
    >>> task.fit.y.tolist(), task.score.y.tolist()
    ([0, 0, 1], [0, 1])
    """
    order = described + torch.randperm(len(shots.y) - described, generator=generator)
    is_scored = torch.zeros(len(shots.y), dtype=torch.bool)
    for c in range(classes):
        members = order[shots.y[order] == c]
        is_scored[members[: len(members) // 2]] = True
    return Task(Shots(shots.x[~is_scored], shots.y[~is_scored]), Shots(shots.x[is_scored], shots.y[is_scored]), classes)


def adapt(learnt: Learnt, shots: Shots, classes: int, steps: int) -> Head:
    """The inner loop: W <- W - e^{log_rate} classes dL / dW on the mapped shots (b alike), from a head at zero.

    L is a mean over the shots, of which a class has one in `classes`, so the same rate fits tasks of few and of many.
    A head that knows no class from another is the only start that relabelling leaves alone (Ye and Chao 2022).

    >>> adapt(Learnt(torch.eye(2), torch.tensor(0.0)), Shots(torch.eye(2), torch.tensor([0, 1])), 2, 1).weight
    tensor([[ 0.5000, -0.5000],
            [-0.5000,  0.5000]])
    """
    x, mask, rate = shots.x @ learnt.map, torch.ones(len(shots.y)), learnt.log_rate.exp() * classes
    head = init_head((), x.shape[-1], classes)
    for _ in range(steps):
        slope = gradient(head, x, shots.y, mask)
        head = Head(head.weight - rate * slope.weight, head.bias - rate * slope.bias)
    return head


def through(learnt: Learnt, head: Head) -> Head:
    """The head that says of features what `head` says of mapped features: (x M) W + b = x (M W) + b."""
    return Head(learnt.map @ head.weight, head.bias)


def outer_gradient(learnt: Learnt, task: Task, steps: int) -> Learnt:
    """First-order gradient of the loss on `task.score`: what the adapted head owes to M and the rate is held fixed.

    With G = x' (p - onehot(y)) / n: d L / d M = G W'; the head is the rate times a sum of slopes, so
    d L / d log_rate = <d L / d W, W> + <d L / d b, b>, and d L / d W = M' G.
    """
    head = adapt(learnt, task.fit, task.classes, steps)
    whole = through(learnt, head)
    slope = gradient(whole, *task.score, torch.ones(len(task.score.y)))
    of_rate = (slope.weight * whole.weight).sum() + (slope.bias * head.bias).sum()
    return Learnt(slope.weight @ head.weight.mT, of_rate)


def outer_step(
    learnt: Learnt, moments: tuple[OptimizerState, OptimizerState], task: Task, inner_steps: int, outer_rate: float
) -> tuple[Learnt, tuple[OptimizerState, OptimizerState]]:
    """One step of Adam on the loss of one task."""
    adam, no_decay = torch.tensor(OPTIMIZERS.index("adam_norm")), torch.tensor(0.0)
    rates = torch.tensor(outer_rate), torch.tensor(RATE_SPEED * outer_rate)
    slope = outer_gradient(learnt, task, inner_steps)
    (new_map, of_map), (log_rate, of_rate) = (
        update(*parts, adam, rate, no_decay) for *parts, rate in zip(learnt, slope, moments, rates, strict=True)
    )
    return Learnt(new_map, log_rate), (of_map, of_rate)


def meta_train(
    draw: Callable[[], Task], key_dim: int, options: Settings, budget: Budget, share: int
) -> tuple[Learnt, int]:
    """Up to `outer_steps` outer steps from the identity, as many as `share` FLOPs pay for; and how many were taken.

    None are taken where there is nothing to ask for, as with one shot a class. Raises BudgetError where the budget
    does not cover one.
    """
    learnt = Learnt(torch.eye(key_dim), torch.tensor(float(options["inner_rate"])).log())
    moments = init_state(learnt.map, ()), init_state(learnt.log_rate, ())
    costs: dict[tuple[int, int, int], int] = {}  # counted once a shape: counting takes longer than the step
    steps = spent = cost = 0
    while steps < options["outer_steps"] and spent + cost <= share and len((task := draw()).score.y):
        work = learnt, moments, task, options["inner_steps"], options["outer_rate"]
        shape = len(task.fit.y), len(task.score.y), task.classes
        if shape in costs:
            learnt, moments = outer_step(*work)
        else:
            (learnt, moments), costs[shape] = count_flops(outer_step, *work)
        cost = costs[shape]
        budget.charge(cost)
        spent, steps = spent + cost, steps + 1
    return learnt, steps


def fit(episode: Episode, settings: Settings, budget: Budget, generator: Generator) -> Fitted:
    """Meta-train on the episode's own folds, adapt on the train shots, with a temperature fitted on the folds.

    Where the fold has classes of its own (words), tasks are subsets of them; it then serves the temperature too.
    Where folds are made of the train shots, tasks are splits of these, and the temperature is fitted on folds whose
    held-out shots their own meta-training has not seen.
    """
    options, classes = settings["maml"], episode.classes

    def learn_from(source: Fold | Shots, share: int) -> tuple[Learnt, int]:
        def draw() -> Task:
            if isinstance(source, Fold):
                return subset(source, classes, options["classes"], generator)
            return split(source, classes, episode.described, generator)

        return meta_train(draw, episode.train.x.shape[-1], options, budget, share)

    allowed = budget.allowed - budget.allowed // 4  # the rest is for the heads of the folds and of the train shots
    if episode.dev.fit is episode.train:
        sources = [fold.fit for fold in episode.folds] + [episode.train]
        *on_folds, (learnt, steps) = [learn_from(source, allowed // len(sources)) for source in sources]
    else:
        learnt, steps = learn_from(episode.folds[0], allowed)
        on_folds = [(learnt, steps)] * len(episode.folds)

    def head_for(learnt: Learnt, shots: Shots) -> Head:
        return through(learnt, adapt(learnt, shots, classes, options["inner_steps"]))

    def finish() -> tuple[Head, Tensor]:
        pairs = list(zip(on_folds, episode.folds, strict=True))
        scores = torch.cat([logits(head_for(own, fold.fit), fold.score.x) for (own, _), fold in pairs])
        temperature = fit_temperature(scores, torch.cat([fold.score.y for fold in episode.folds]))
        return head_for(learnt, episode.train), temperature

    head, temperature = budget.run(finish)
    return Fitted(
        Linear(**head._asdict(), temperature=temperature, classes=classes),
        instruments={
            "temperature": float(temperature),
            "inner_rate": float(learnt.log_rate.exp()),
            "meta_steps": steps,
        },
    )
