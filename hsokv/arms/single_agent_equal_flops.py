"""`single_agent_equal_flops`: one default agent that takes all the steps of the swarm."""

from torch import Generator

from hsokv.arms import single
from hsokv.arms.interface import Fitted, Settings
from hsokv.data.episode import Episode
from hsokv.learning.budget import Budget


def fit(episode: Episode, settings: Settings, budget: Budget, generator: Generator) -> Fitted:
    """The agent of `kv_closed_form` with as many steps as all agents of the swarm together."""
    steps = settings["head"]["steps"] * settings["swarm"]["managers"] * settings["swarm"]["agents"]
    return single.fit(episode, {**settings, "head": settings["head"] | {"steps": steps}}, budget, generator)
