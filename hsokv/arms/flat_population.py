"""`kv_flat_population`: the swarm of `full` in one group, population-based training (Jaderberg et al. 2017)."""

from torch import Generator

from hsokv.arms.interface import Fitted, Settings
from hsokv.arms.population import fit_swarm, one_group
from hsokv.data.episode import Episode
from hsokv.learning.budget import Budget


def fit(episode: Episode, settings: Settings, budget: Budget, generator: Generator) -> Fitted:
    """As many agents, rounds and averaged members as `full`, under one manager."""
    return fit_swarm(episode, settings, one_group(settings), budget, generator)
