"""Training of populations of heads on stacked problems; evaluation is read-only."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from hsokv.data.episode import Episode, Shots
from hsokv.exceptions import BudgetError, ConfigurationError
from hsokv.learning.budget import Budget, count_flops
from hsokv.learning.head import Head, gradient, init_head
from hsokv.learning.optimizers import UNIT_RATES, OptimizerState, apply_rule, init_state, rule

P = TypeVar("P")
R = TypeVar("R")


class ParallelMap(Protocol):
    """`map`, or that of an executor."""

    def __call__(self, function: Callable[[P], R], parts: list[P], /) -> Iterable[R]:
        """What the function returns for each part, in their order."""
        ...


class Problems(NamedTuple):
    """All data sets one agent learns from, stacked: each fold, the dev episode and the task itself.

    x [problems, n, key_dim], y [problems, n], mask [problems, n] (0 for padding), examples [problems]: how many each
    problem has in all, of which x may be a minibatch. Folds come first; `dev` and `train` are indices, the same one
    where dev is scored with what was learnt from the train shots.
    """

    x: Tensor
    y: Tensor
    mask: Tensor
    examples: Tensor
    folds: int
    dev: int
    train: int


class HeldOut(NamedTuple):
    """The examples that the folds hold out, stacked: x [folds, n, key_dim], y [folds, n], mask [folds, n]."""

    x: Tensor
    y: Tensor
    mask: Tensor


class Learners(NamedTuple):
    """Heads in training: leading axes [..., problems], where `...` are the agents' axes."""

    head: Head
    moments: tuple[OptimizerState, OptimizerState]


class Hyperparameters(NamedTuple):
    """What training one agent needs, all of shape [...]: optimizer int64, learning rate > 0 relative to the unit rate
    of that optimizer, weight decay >= 0 in examples: it pulls a head to zero as so many examples pull it to them."""

    optimizer: Tensor
    learning_rate: Tensor
    weight_decay: Tensor


def _stack(parts: list[Shots]) -> tuple[Tensor, Tensor, Tensor]:
    length = max(len(part.y) for part in parts)
    x = torch.stack([torch.nn.functional.pad(part.x, (0, 0, 0, length - len(part.y))) for part in parts])
    y = torch.stack([torch.nn.functional.pad(part.y, (0, length - len(part.y))) for part in parts])
    mask = torch.stack([(torch.arange(length) < len(part.y)).float() for part in parts])
    return x, y, mask


def stack_problems(episode: Episode) -> Problems:
    """Everything an agent has to be fitted on in this episode, folds first."""
    parts = [fold.fit for fold in episode.folds]
    dev = len(parts)
    if episode.dev.fit is not episode.train:
        parts.append(episode.dev.fit)
    parts.append(episode.train)
    x, y, mask = _stack(parts)
    return Problems(x, y, mask, mask.sum(-1), folds=len(episode.folds), dev=dev, train=len(parts) - 1)


def stack_held_out(episode: Episode) -> HeldOut:
    """What the agents' folds are scored on."""
    return HeldOut(*_stack([fold.score for fold in episode.folds]))


def stack_task(held_out: Shots) -> tuple[Problems, HeldOut]:
    """The one problem of a task of a stream: what it holds out serves as the fold and as the dev examples."""
    x, y, mask = _stack([held_out])
    return Problems(x, y, mask, mask.sum(-1), folds=1, dev=0, train=0), HeldOut(x, y, mask)


def init_learners(agents: tuple[int, ...], problems: Problems, classes: int) -> Learners:
    """Fresh heads and moments for every agent and problem."""
    batch = (*agents, len(problems.x))
    head = init_head(batch, problems.x.shape[-1], classes)
    return _arranged(Learners(head, (init_state(head.weight, batch), init_state(head.bias, batch))))


def _arranged(learners: Learners) -> Learners:
    """The same learners, in memory [problems, ..., classes, key_dim]: what `gradient` multiplies without a copy."""
    agents = learners.head.bias.ndim - 2

    def arranged(part: Tensor) -> Tensor:
        return part.movedim(agents, 0).contiguous().movedim(0, agents)

    weight, bias = learners.head
    of_weight, of_bias = learners.moments
    return Learners(
        Head(arranged(weight.mT).mT, arranged(bias)),
        (
            OptimizerState(*(arranged(part.mT).mT for part in of_weight[:2]), steps=of_weight.steps),
            OptimizerState(*(arranged(part) for part in of_bias[:2]), steps=of_bias.steps),
        ),
    )


def plan_steps(learners: Learners, hyperparameters: Hyperparameters, examples: Tensor, steps: int) -> Tensor:
    """The numbers of the next `steps` updates, [steps, 5, ..., problems], as `train_step` takes them one by one.

    All at once, since on few shots making them takes as long as the update. `examples` [problems] as in Problems.
    """
    rate = hyperparameters.learning_rate * torch.tensor(UNIT_RATES, dtype=torch.float64)[hyperparameters.optimizer]
    before = learners.moments[0].steps  # those of the bias are the same
    taken = before + torch.arange(steps).view(-1, *(1,) * before.ndim)
    decay = hyperparameters.weight_decay.unsqueeze(-1) / examples
    numbers = rule(taken, hyperparameters.optimizer.unsqueeze(-1), rate.unsqueeze(-1), decay)
    return numbers.transpose(0, 1).to(learners.head.weight.dtype)


def train_step(learners: Learners, problems: Problems, numbers: Tensor) -> Learners:
    """One gradient step of every agent on every problem, on the mean loss plus decay / (2 examples) ||W||^2."""
    grads = gradient(learners.head, problems.x, problems.y, problems.mask)
    square = grads.weight.square().mean((-2, -1))  # of the bias too: its own is mostly noise
    moved = [
        apply_rule(parameter, grad, moments, numbers, square)
        for parameter, grad, moments in zip(learners.head, grads, learners.moments, strict=True)
    ]
    return Learners(Head(*(parameter for parameter, _ in moved)), (moved[0][1], moved[1][1]))


def train(
    learners: Learners,
    hyperparameters: Hyperparameters,
    problems: Problems,
    steps: int,
    budget: Budget,
    reserve: int = 0,
) -> tuple[Learners, int]:
    """Up to `steps` steps, as many as leave `reserve` FLOPs of the budget; returns the learners and the steps taken.

    The cost of a step is counted once, on the first, and charged for each. Raises BudgetError where not even one
    step is affordable, ConfigurationError where none is asked for.
    """
    if steps < 1:
        raise ConfigurationError(f"training wants at least one step, got {steps}; raise head.steps or do fewer rounds")
    learners = _arranged(learners)  # a swarm that copied agents has laid them out anew
    numbers = plan_steps(learners, hyperparameters, problems.examples, steps)
    first, cost = count_flops(train_step, learners, problems, numbers[0])
    if not budget.affords(cost + reserve):
        raise BudgetError(
            f"one training step costs {cost:.3g} FLOPs, {budget.allowed - budget.spent:.3g} are left; "
            "raise flops_allowed of this benchmark or train fewer agents"
        )
    taken = min(steps, (budget.allowed - budget.spent - reserve) // cost)
    for step in range(taken):
        learners = first if step == 0 else train_step(learners, problems, numbers[step])
    budget.charge(taken * cost)
    return learners, taken


def train_managers(
    executor: ParallelMap,
    learners: Learners,
    hyperparameters: Hyperparameters,
    problems: Problems,
    steps: int,
    budget: Budget,
    reserve: int = 0,
) -> tuple[Learners, int]:
    """As `train`, to the bit, with the first axis, of managers, dealt out by `executor`.

    Each manager gets an equal share of what may be spent, which affords as many steps as all of it affords to all.
    """
    managers = len(hyperparameters.optimizer)
    share = (budget.allowed - budget.spent - reserve) // managers
    # A copy: the pickle of a part that is no copy holds the whole.
    whole = (learners, hyperparameters)
    groups = [tree_map(lambda part, m=m: part[m : m + 1].clone(), whole) for m in range(managers)]
    results = list(executor(_train_manager, [(*group, problems, steps, share) for group in groups]))
    trained, taken, spent = zip(*results, strict=True)
    budget.charge(sum(spent))
    return tree_map(lambda *parts: torch.cat(parts), *trained), taken[0]


def _train_manager(part: tuple[Learners, Hyperparameters, Problems, int, int]) -> tuple[Learners, int, int]:
    learners, hyperparameters, problems, steps, share = part
    budget = Budget(share)
    return *train(learners, hyperparameters, problems, steps, budget), budget.spent
