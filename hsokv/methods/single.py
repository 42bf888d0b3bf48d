"""One default agent: `kv_only` where the settings hold a memory, `neither` where they do not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from hsokv.data.episode import Episode
from hsokv.methods.interface import Fitted
from hsokv.methods.members import default_hyperparameters, finish, fold_log_loss, read_problem, write_memories
from hsokv.training.budget import Budget
from hsokv.training.loop import init_learners, stack_problems, stack_scores, train


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """Train one linear head on the shots with the default settings; write the shots to the memory, if there is one.

    The folds serve the temperature and the dev shots the gate; neither is learnt from. Nothing is drawn.
    """
    problems = stack_problems(episode)
    learners = init_learners((1,), problems, episode.classes)
    learners, steps = train(
        learners,
        default_hyperparameters(settings["head"]),
        problems,
        settings["head"]["steps"],
        budget,
        budget.allowed // 4,
    )
    branch = None
    if "memory" in settings:
        inverse_temperature = torch.tensor([float(settings["memory"]["inverse_temperature"])])
        branch = budget.run(write_memories, episode, problems, settings, inverse_temperature)
    scores = stack_scores(episode)
    on_folds = budget.run(read_problem, branch, slice(problems.folds), scores.x) if branch else None
    inverse_temperature = branch.inverse_temperature if branch else None
    loss = budget.run(fold_log_loss, learners, inverse_temperature, on_folds, episode.classes, problems, scores)
    curves = {"fold_log_loss": [float(loss)], "spent": [budget.spent]}
    fitted = budget.run(finish, learners, branch, episode, problems, scores)
    return replace(fitted, curves=curves, instruments={**fitted.instruments, "steps": steps})
