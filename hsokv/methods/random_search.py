"""`kv_random_search`: the swarm's box, folds, allowance and averaging without the swarm (Bergstra & Bengio 2012)."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Any

import torch

from hsokv.data.episode import Episode
from hsokv.methods.interface import Fitted
from hsokv.methods.members import default_hyperparameters
from hsokv.methods.population import fit_swarm, swarm_settings
from hsokv.training.budget import Budget, count_flops
from hsokv.training.loop import init_learners, stack_problems, train_step


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """One round of a Latin hypercube of agents, the default among them, each trained in full; none is copied.

    As many agents as the training of all of them may cost, at least as many as are averaged: no copying and one
    scoring leave room for more than the swarm has.
    """
    shape = swarm_settings(settings)
    problems = stack_problems(episode)
    one, default = init_learners((1,), problems, episode.classes), default_hyperparameters(settings["head"])
    _, step = count_flops(train_step, one, default, problems)
    budget.charge(step)
    # A third of what training costs is put by for scoring; a quarter of the allowance for the members' calibration.
    affordable = int((budget.allowed * 3 // 4 - budget.spent) // (settings["head"]["steps"] * step * 4 // 3))
    agents = max(shape.averaged, affordable)
    fitted = fit_swarm(episode, settings, shape._replace(managers=1, agents=agents, rounds=1), budget, generator)
    # Agents are independent, so the curve of the search is that of the same agents trained one after the other.
    spent, losses = (
        fitted.curves["spent"][-1],
        [score for score in fitted.instruments["scores"][0][0] if score is not None],
    )
    curves = {
        "fold_log_loss": list(accumulate(losses, min)),
        "spent": [round(spent * (i + 1) / len(losses)) for i in range(len(losses))],
    }
    return replace(fitted, curves=fitted.curves | curves)
