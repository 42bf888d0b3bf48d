"""Heads that learn a stream by gradient, in minibatches, task after task, many at a time."""

from collections.abc import Iterator

import torch
from torch.nn.functional import pad

from hsokv.arms.interface import Settings, StreamShape
from hsokv.arms.members import default_hyperparameters
from hsokv.data.episode import Shots
from hsokv.learning.budget import Budget, count_flops
from hsokv.learning.head import Head
from hsokv.learning.loop import Hyperparameters, Learners, Problems, init_learners, plan_steps, train_step

BATCH = 32
"""Examples of the task in a minibatch."""

ENDLESS = torch.tensor([torch.inf])
"""Of how many examples a minibatch is a part: weight decay, which weighs as some examples do, comes to nothing. A head
that is pulled to zero while it learns a task forgets the earlier ones (docs/lab-notebook.md)."""


def begin(head: Head | None, agents: tuple[int, ...], key_dim: int, classes: int) -> Learners:
    """The heads so far (None: none) with room for `classes` classes: those that are new start at zero, and so do the
    optimizers."""
    none = torch.empty(1, 0)
    empty = Problems(torch.empty(1, 0, key_dim), none, none, torch.zeros(1), folds=1, dev=0, train=0)
    learners = init_learners(agents, empty, classes)
    if head is not None:  # written into place, so that the weights lie in memory as training likes them
        learners.head.weight[..., : head.weight.shape[-1]] = head.weight
        learners.head.bias[..., : head.bias.shape[-1]] = head.bias
    return learners


def steps_of(shots: Shots, passes: int) -> int:
    """How many minibatches there are."""
    return passes * -(-len(shots.y) // BATCH)


def minibatches(
    shots: Shots, passes: int, generator: torch.Generator, replayed: Shots | None = None
) -> Iterator[Problems]:
    """Every example once a pass, in an order drawn anew, in minibatches of 32; `replayed` adds 32 of its own to each.

    Those are drawn with replacement. The last minibatch of a pass is padded.
    """
    n = len(shots.y)
    for _ in range(passes):
        order = pad(torch.randperm(n, generator=generator), (0, -n % BATCH))
        masks = (torch.arange(len(order)) < n).float()
        for chosen, mask in zip(order.split(BATCH), masks.split(BATCH), strict=True):
            x, y = shots.x[chosen], shots.y[chosen]
            if replayed is not None:
                drawn = torch.randint(len(replayed.y), (BATCH,), generator=generator)
                x, y = torch.cat([x, replayed.x[drawn]]), torch.cat([y, replayed.y[drawn]])
                mask = pad(mask, (0, BATCH), value=1.0)
            yield Problems(x[None], y[None], mask[None], ENDLESS, folds=1, dev=0, train=0)


def train(
    learners: Learners, hyperparameters: Hyperparameters, batches: Iterator[Problems], steps: int, budget: Budget
) -> Learners:
    """One step of every head on each of the next `steps` minibatches; raises BudgetError where not all can be paid."""
    for step, numbers in enumerate(plan_steps(learners, hyperparameters, ENDLESS, steps)):
        problems = next(batches)
        if step == 0:
            learners, cost = count_flops(train_step, learners, problems, numbers)
            budget.charge(steps * cost)
        else:
            learners = train_step(learners, problems, numbers)
    return learners


def train_default(
    earlier: Learners | None,
    shots: Shots,
    classes: int,
    shape: StreamShape,
    settings: Settings,
    budget: Budget,
    generator: torch.Generator,
    replayed: Shots | None = None,
) -> Learners:
    """One head [1] that goes on from the `earlier` (None: from zero) through all minibatches, by the default settings.

    The optimizer starts anew.
    """
    learners = begin(earlier and earlier.head, (1,), shape.key_dim, classes)
    batches = minibatches(shots, shape.passes, generator, replayed)
    return train(learners, default_hyperparameters(settings["head"]), batches, steps_of(shots, shape.passes), budget)
