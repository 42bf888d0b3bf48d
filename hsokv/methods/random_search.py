"""`kv_random_search`: the swarm's search space, folds, agent-steps and averaging without the swarm.

Bergstra and Bengio 2012.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Any

import torch

from hsokv.data.episode import Episode
from hsokv.methods.interface import Fitted
from hsokv.methods.population import fit_swarm, swarm_settings
from hsokv.training.budget import Budget


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """One round of a Latin hypercube of as many agents, each trained as long as one of the swarm; none is copied."""
    shape = swarm_settings(settings)
    agents = shape.managers * shape.agents
    fitted = fit_swarm(episode, settings, shape._replace(managers=1, agents=agents, rounds=1), budget, generator)
    # Agents are independent, so the curve of the search is that of the same agents trained one after the other.
    losses = [score for score in fitted.instruments["scores"][0][0] if score is not None]
    spent = fitted.curves["spent"][-1]
    curves = {
        "fold_log_loss": list(accumulate(losses, min)),
        "spent": [round(spent * (i + 1) / len(losses)) for i in range(len(losses))],
    }
    return replace(fitted, curves=fitted.curves | curves)
