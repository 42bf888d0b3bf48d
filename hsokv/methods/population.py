"""The swarm at work: `full` where the settings hold a memory, `swarm_only` where they do not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from hsokv.data.episode import Episode
from hsokv.methods.interface import Fitted
from hsokv.methods.members import finish, fold_log_loss, read_problem, write_memories
from hsokv.swarm.history import describe
from hsokv.swarm.manager import ManagerSettings
from hsokv.swarm.state import Axis, SearchSpace
from hsokv.swarm.supervisor import Swarm, SwarmSettings, run_swarm
from hsokv.training.budget import Budget
from hsokv.training.loop import (
    Hyperparameters,
    Learners,
    Spread,
    init_learners,
    stack_problems,
    stack_scores,
    train,
    train_managers,
)
from hsokv.training.optimizers import OPTIMIZERS


def search_space_of(settings: Mapping[str, Any]) -> SearchSpace:
    """The region around the defaults that the swarm searches; the memory's axis only where there is a memory."""
    defaults = {name: settings["head"][name] for name in ("learning_rate", "weight_decay")}
    if "memory" in settings:
        defaults["inverse_temperature"] = settings["memory"]["inverse_temperature"]
    ranges = settings["swarm"]["search_space"]
    axes = tuple(Axis(name, *map(float, ranges[name]), default=float(value)) for name, value in defaults.items())
    return SearchSpace(axes, OPTIMIZERS, settings["head"]["optimizer"])


def swarm_settings(settings: Mapping[str, Any]) -> SwarmSettings:
    """The shape of the swarm as the configuration has it."""
    shape = settings["swarm"]
    manager = ManagerSettings(shape["truncation_fraction"], shape["perturb_scale"], shape["resample_prob"])
    return SwarmSettings(shape["managers"], shape["agents"], shape["rounds"], shape["ensemble_size"], manager)


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """Agents train heads and search hyperparameters, the inverse temperature among them; the best are averaged."""
    return fit_swarm(episode, settings, swarm_settings(settings), budget, generator)


def fit_swarm(
    episode: Episode,
    settings: Mapping[str, Any],
    shape: SwarmSettings,
    budget: Budget,
    generator: torch.Generator,
    spread: Spread | None = None,
) -> Fitted:
    """A swarm of any shape on an episode: an agent takes head.steps steps in all, spread over the rounds.

    All agents read one memory, into which the shots were written: at one shot there is nothing to choose between. With
    `spread` managers train wherever it sends them; all else, the supervisor's part, is done here, to the same bits.
    """
    problems, scores = stack_problems(episode), stack_scores(episode)
    branch = on_folds = None
    if "memory" in settings:
        branch = budget.run(write_memories, episode, problems, settings, torch.tensor([]))
        on_folds = budget.run(read_problem, branch, slice(problems.folds), scores.x)

    def train_step(learners: Learners, values: dict[str, Tensor], optimizer: Tensor) -> Learners:
        hyperparameters = Hyperparameters(optimizer, values["learning_rate"], values["weight_decay"])
        steps = settings["head"]["steps"] // shape.rounds
        kept = budget.allowed // 4
        if spread is None:
            return train(learners, hyperparameters, problems, steps, budget, reserve=kept)[0]
        return train_managers(spread, learners, hyperparameters, problems, steps, budget, reserve=kept)[0]

    def score(learners: Learners, values: dict[str, Tensor]) -> Tensor:
        inverse_temperature = values.get("inverse_temperature")
        return budget.run(fold_log_loss, learners, inverse_temperature, on_folds, episode.classes, problems, scores)

    learners = init_learners((shape.managers, shape.agents), problems, episode.classes)
    swarm = run_swarm(learners, search_space_of(settings), shape, train_step, score, budget, generator)
    if branch:
        branch = branch._replace(inverse_temperature=swarm.values["inverse_temperature"])
    fitted = budget.run(finish, swarm.learners, branch, episode, problems, scores)
    return with_history(fitted, swarm)


def with_history(fitted: Fitted, swarm: Swarm) -> Fitted:
    """Add what the swarm did to what goes into the record."""
    told = describe(swarm.initial, swarm.history, len(OPTIMIZERS))
    return replace(
        fitted,
        curves={
            "fold_log_loss": [float(step.score.min()) for step in swarm.history],
            "spent": [step.spent for step in swarm.history],
            "diversity": told.pop("diversity_by_round"),
            "failed_agents": [int(torch.isinf(step.score).sum()) for step in swarm.history],
        },
        instruments={
            **fitted.instruments,
            **told,
            "members": {name: value.tolist() for name, value in swarm.values.items()},
        },
    )
