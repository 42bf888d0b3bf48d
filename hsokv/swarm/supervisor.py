"""The supervisor: rounds of training under one budget, migration between groups, and what the swarm ends with."""

from collections.abc import Callable
from typing import Generic, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from hsokv.exceptions import ConfigurationError, SwarmCollapsedError
from hsokv.swarm.manager import ManagerSettings, check_manager, copy_agents, manager_step
from hsokv.swarm.state import L, SearchSpace, SwarmState, check_search_space, init_swarm
from hsokv.typing import FlopBudget

TrainStep = Callable[[L, dict[str, Tensor], Tensor], L]
"""(learners, hyperparameters by name [managers, agents], optimizer [managers, agents]) -> learners, charged."""

Score = Callable[[L, dict[str, Tensor]], Tensor]
"""(learners, hyperparameters by name) -> log-loss on folds [managers, agents], charged; NaN means failed."""


class SwarmSettings(NamedTuple):
    """Shape of the swarm: managers >= 1, agents per manager >= 1, rounds >= 1, averaged >= 1 members at the end."""

    managers: int
    agents: int
    rounds: int
    ensemble_size: int
    manager: ManagerSettings


class Round(NamedTuple):
    """What one round looked like: after training and scoring (score, FLOPs spent till then), after copying and
    perturbing (the rest)."""

    score: Tensor
    spent: int
    point: Tensor
    optimizer: Tensor
    parent: Tensor


class Progress(NamedTuple, Generic[L]):
    """Where a run stands between two rounds: all that the rest of it depends on, besides what it was called with.

    state      the swarm that goes into the next round
    initial    the swarm before the first round
    history    the rounds so far
    spent      FLOPs spent so far; who goes on in another process gives its budget this first
    generator  uint8, the state of the random generator
    over       whether that was the last round

    `torch.save` writes one; `torch.load(..., weights_only=True)` reads it inside `torch.serialization.safe_globals`
    with Progress, SwarmState, Round and the classes that the learners are made of.
    """

    state: SwarmState[L]
    initial: SwarmState[L]
    history: tuple[Round, ...]
    spent: int
    generator: Tensor
    over: bool


class Swarm(NamedTuple, Generic[L]):
    """The members that are averaged, best first (leading axis `averaged`), and the history by round.

    `initial` is the state before the first round.
    """

    learners: L
    values: dict[str, Tensor]
    score: Tensor
    history: tuple[Round, ...]
    initial: SwarmState[L]


def run_swarm(
    learners: L,
    search_space: SearchSpace,
    settings: SwarmSettings,
    train: TrainStep[L],
    score: Score[L],
    budget: FlopBudget,
    generator: torch.Generator,
) -> Swarm[L]:
    """Train, score, copy inside groups, migrate between them; end with the best few agents.

    `start`, then `supervisor_round` until it is over, then `finish`: who calls these may stop after any round, save
    what there is, and go on later to the same bytes.
    """
    progress = start(learners, search_space, settings, budget, generator)
    while not progress.over:
        progress = supervisor_round(progress, search_space, settings, train, score, budget)
    return finish(progress, search_space, settings)


def start(
    learners: L, search_space: SearchSpace, settings: SwarmSettings, budget: FlopBudget, generator: torch.Generator
) -> Progress[L]:
    """The swarm before its first round; raises ConfigurationError for a search space or a shape that cannot be."""
    if settings.rounds < 1 or settings.ensemble_size < 1:
        raise ConfigurationError(
            "a swarm wants at least one round and one member at the end, "
            f"got {settings.rounds} and {settings.ensemble_size}"
        )
    check_manager(settings.manager)
    state = init_swarm(learners, check_search_space(search_space), settings.managers, settings.agents, generator)
    return Progress(state, state, (), budget.spent, generator.get_state(), over=False)


def supervisor_round(
    progress: Progress[L],
    search_space: SearchSpace,
    settings: SwarmSettings,
    train: TrainStep[L],
    score: Score[L],
    budget: FlopBudget,
    *,
    copies: bool = True,
) -> Progress[L]:
    """One round: train and score all agents, then, but for the last round, let the managers step and one agent migrate.

    The best agent of all replaces the worst agent of the group whose best is worst. A round is the last where
    `settings.rounds` are done or the budget does not afford another that costs as much. Without `copies` neither
    managers nor the supervisor act: every agent keeps to itself. What comes out depends on the arguments alone, and
    they are left as they are but for the budget. Raises SwarmCollapsedError where every agent's score is NaN.
    """
    state, history = progress.state, progress.history
    before, values = budget.spent, search_space.values(state.point)
    learners = train(state.learners, values, state.optimizer)
    scores = score(learners, values)
    scores = scores.where(scores.isfinite(), torch.inf)
    state = state._replace(learners=learners, score=scores, parent=progress.initial.parent)
    if torch.isinf(scores).all():
        raise SwarmCollapsedError(
            f"all {scores.numel()} agents failed in round {len(history) + 1} (their log-loss is NaN); "
            "lower the learning rates of the swarm's search space"
        )
    over = len(history) + 1 == settings.rounds or not budget.affords(budget.spent - before)
    generator = torch.Generator()
    generator.set_state(progress.generator)
    if copies and not over:
        state = _migrate(_manage(state, settings.manager, len(search_space.optimizers), generator))
    history = (*history, Round(scores, budget.spent, state.point, state.optimizer, state.parent))
    return Progress(state, progress.initial, history, budget.spent, generator.get_state(), over)


def finish(progress: Progress[L], search_space: SearchSpace, settings: SwarmSettings) -> Swarm[L]:
    """The best few agents of the last round, without those that failed."""
    state = progress.state
    kept = state.score.flatten().argsort(stable=True)[: settings.ensemble_size]
    kept = kept[torch.isfinite(state.score.flatten()[kept])]
    members = tree_map(lambda part: part.flatten(0, 1)[kept], (state.learners, state.point, state.score))
    return Swarm(members[0], search_space.values(members[1]), members[2], progress.history, progress.initial)


def _manage(
    state: SwarmState[L], settings: ManagerSettings, optimizers: int, generator: torch.Generator
) -> SwarmState[L]:
    """Every manager's step on its own group."""
    groups = [
        manager_step(tree_map(lambda part, g=g: part[g], state), settings, optimizers, generator)
        for g in range(len(state.score))
    ]
    return tree_map(lambda *parts: torch.stack(parts), *groups)


def _migrate(state: SwarmState[L]) -> SwarmState[L]:
    """The best agent of the swarm replaces the worst agent of the weakest group, unless that group holds the best."""
    shape = state.score.shape
    own = torch.arange(state.score.numel()).reshape(shape)
    # A copy carries its source's score but has moved on from the point that earned it, so it is never the best.
    best = int(state.score.where(state.parent == own, torch.inf).argmin())
    weakest = int(state.score.amin(1).argmax())
    if best // shape[1] == weakest:
        return state
    target = weakest * shape[1] + int(state.score[weakest].argmax())
    flat = tree_map(lambda part: part.flatten(0, 1), state)
    moved = copy_agents(flat, torch.tensor([best]), torch.tensor([target]))
    return tree_map(lambda part: part.unflatten(0, shape), moved)
