"""`single_all_compute`: one default agent that trains for as long as the allowance lasts."""

import sys
from collections.abc import Mapping
from typing import Any

import torch

from hsokv.data.episode import Episode
from hsokv.methods import single
from hsokv.methods.interface import Fitted
from hsokv.training.budget import Budget


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """The agent of `kv_closed_form` with more steps: what the swarm's operations buy without a swarm."""
    head = settings["head"] | {"steps": sys.maxsize}
    return single.fit(episode, {**settings, "head": head}, budget, generator)
