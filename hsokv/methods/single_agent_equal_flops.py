"""`single_agent_equal_flops`: one default agent that takes all the steps of the swarm."""

from collections.abc import Mapping
from typing import Any

import torch

from hsokv.data.episode import Episode
from hsokv.methods import single
from hsokv.methods.interface import Fitted
from hsokv.training.budget import Budget


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """The agent of `kv_closed_form` with as many steps as all agents of the swarm together."""
    shape = settings["swarm"]
    steps = settings["head"]["steps"] * shape["managers"] * shape["agents"]
    return single.fit(episode, {**settings, "head": settings["head"] | {"steps": steps}}, budget, generator)
