"""The supervisor: rounds of training under one budget, migration between groups, and what the swarm ends with."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from hsokv.exceptions import SwarmCollapsedError
from hsokv.swarm.manager import ManagerSettings, copy_agents, manager_step
from hsokv.swarm.state import Box, SwarmState, check_box, init_swarm
from hsokv.typing import Account

TrainStep = Callable[[Any, dict[str, Tensor], Tensor], Any]
"""(learners, hyperparameters by name [managers, agents], strategy [managers, agents]) -> learners, charged."""

Score = Callable[[Any, dict[str, Tensor]], Tensor]
"""(learners, hyperparameters by name) -> log-loss on folds [managers, agents], charged; NaN means failed."""


class SwarmSettings(NamedTuple):
    """Shape of the swarm: managers >= 1, agents per manager >= 1, rounds >= 1, averaged >= 1 members at the end."""

    managers: int
    agents: int
    rounds: int
    averaged: int
    manager: ManagerSettings


class Round(NamedTuple):
    """What one round looked like: after training and scoring (score, FLOPs spent till then), after copying and
    perturbing (the rest)."""

    score: Tensor
    spent: int
    point: Tensor
    strategy: Tensor
    parent: Tensor


class Swarm(NamedTuple):
    """The members that are averaged, best first (leading axis `averaged`), and the history by round.

    `initial` is the state before the first round.
    """

    learners: Any
    values: dict[str, Tensor]
    score: Tensor
    history: tuple[Round, ...]
    initial: SwarmState


def run_swarm(
    learners: Any,
    box: Box,
    settings: SwarmSettings,
    train: TrainStep,
    score: Score,
    budget: Account,
    generator: torch.Generator,
) -> Swarm:
    """Train, score, copy inside groups, migrate between them; end with the best few agents.

    After every round but the last each manager exploits and explores, then the best agent of all replaces the worst
    agent of the group whose best is worst. A round starts only if the budget affords one that costs as much as the
    last did. Raises SwarmCollapsedError where every agent's score is NaN.
    """
    state = initial = init_swarm(learners, check_box(box), settings.managers, settings.agents, generator)
    history: list[Round] = []
    for index in range(settings.rounds):
        before = budget.spent
        values = box.values(state.point)
        learners = train(state.learners, values, state.strategy)
        scores = score(learners, values)
        scores = scores.where(scores.isfinite(), torch.inf)
        state = state._replace(learners=learners, score=scores, parent=initial.parent)
        if torch.isinf(scores).all():
            raise SwarmCollapsedError(
                f"all {scores.numel()} agents failed in round {index + 1} (their log-loss is NaN); "
                "lower the learning rates of the swarm's box"
            )
        spent = budget.spent
        last = index == settings.rounds - 1 or not budget.affords(budget.spent - before)
        if not last:
            for group in range(settings.managers):
                state = manager_step(state, group, settings.manager, len(box.strategies), generator)
            state = _migrate(state)
        history.append(Round(scores, spent, state.point, state.strategy, state.parent))
        if last:
            break
    kept = state.score.flatten().argsort(stable=True)[: settings.averaged]
    kept = kept[torch.isfinite(state.score.flatten()[kept])]
    members = tree_map(lambda part: part.flatten(0, 1)[kept], (state.learners, state.point, state.score))
    return Swarm(members[0], box.values(members[1]), members[2], tuple(history), initial)


def _migrate(state: SwarmState) -> SwarmState:
    """The best agent of the swarm replaces the worst agent of the weakest group, unless that group holds the best."""
    agents = state.score.shape[1]
    own = torch.arange(state.score.numel()).reshape(state.score.shape)
    # A copy carries its source's score but has moved on from the point that earned it, so it is never the best.
    best = int(state.score.where(state.parent == own, torch.inf).argmin())
    weakest = int(state.score.amin(1).argmax())
    if best // agents == weakest:
        return state
    target = (weakest, int(state.score[weakest].argmax()))
    return copy_agents(state, [(best // agents, best % agents)], [target])
