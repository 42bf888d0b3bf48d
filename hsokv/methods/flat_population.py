"""`kv_flat_population`: the swarm of `full` in one group, population-based training (Jaderberg et al. 2017)."""

from collections.abc import Mapping
from typing import Any

import torch

from hsokv.data.episode import Episode
from hsokv.methods.interface import Fitted
from hsokv.methods.population import fit_swarm, swarm_settings
from hsokv.training.budget import Budget


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """As many agents, rounds and averaged members as `full`, under one manager."""
    shape = swarm_settings(settings)
    flat = shape._replace(managers=1, agents=shape.managers * shape.agents)
    return fit_swarm(episode, settings, flat, budget, generator)
