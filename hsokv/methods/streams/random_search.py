"""`kv_random_search` on a stream: the swarm's search space, allowance and averaging without the swarm."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from hsokv.data.episode import Shots
from hsokv.methods.interface import Fitted
from hsokv.methods.population import swarm_settings
from hsokv.methods.streams.interface import StreamShape
from hsokv.methods.streams.population import learn_swarm
from hsokv.training.budget import Budget


def learn(
    tasks: Iterator[Shots],
    shape: StreamShape,
    settings: Mapping[str, Any],
    budget: Budget,
    generator: torch.Generator,
) -> Iterator[Fitted]:
    """A Latin hypercube of as many agents, each trained through the whole stream; none is copied, the best averaged."""
    shape_of_swarm = swarm_settings(settings)
    alone = shape_of_swarm._replace(managers=1, agents=shape_of_swarm.managers * shape_of_swarm.agents, rounds=1)
    return learn_swarm(tasks, shape, settings, alone, budget, generator)
