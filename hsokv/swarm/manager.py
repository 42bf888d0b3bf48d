"""The manager: exploit and explore inside one group (population-based training, Jaderberg et al. 2017)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from hsokv.exceptions import ConfigurationError
from hsokv.swarm.state import SwarmState


class ManagerSettings(NamedTuple):
    """`exploited` in (0, 0.5]: share of a group that copies; `perturbation` > 0: step in unit coordinates;
    `resampled` in [0, 1]: probability that a copy draws its strategy anew."""

    exploited: float
    perturbation: float
    resampled: float


def check_manager(settings: ManagerSettings) -> ManagerSettings:
    """Refuse what lies outside the ranges above; return the settings."""
    exploited, perturbation, resampled = settings
    if not 0 < exploited <= 0.5:
        raise ConfigurationError(f"exploited: wanted a share in (0, 0.5] of a group, got {exploited}")
    if not 0 < perturbation < math.inf:
        raise ConfigurationError(f"perturbation: wanted a positive step in unit coordinates, got {perturbation}")
    if not 0 <= resampled <= 1:
        raise ConfigurationError(f"resampled: wanted a probability in [0, 1], got {resampled}")
    return settings


def manager_step(
    group: SwarmState, settings: ManagerSettings, strategies: int, generator: torch.Generator
) -> SwarmState:
    """The worst agents of a group copy one drawn among its best, whole, and move a step away.

    A copy takes weights, optimiser state, hyperparameters and score. Each of its coordinates then moves by plus or
    minus `perturbation`, clamped to the box. A failed agent (score +inf) ranks last and is never copied; where the
    whole group has failed nothing is copied. A manager knows its own group alone, so it may run anywhere.

    Args:
        group: the group's part of a swarm: every tensor leads with [agents], at least one.
        strategies: how many update strategies there are, at least 1.
        generator: drawn from as often whatever the scores are, so that one group's luck never shifts another's.

    >>> settings, generator = ManagerSettings(0.5, 0.1, 0.0), torch.Generator().manual_seed(0)
    >>> point, score, own = torch.tensor([[0.2], [0.8]]), torch.tensor([1.0, 2.0]), torch.arange(2)
    >>> manager_step(SwarmState((), point, own, score, own), settings, 2, generator).parent
    tensor([0, 0])
    """
    check_manager(settings)
    if group.score.ndim != 1 or len(group.score) == 0 or strategies < 1:
        raise ConfigurationError(
            f"a manager wants one group [agents] of at least one agent, and at least one strategy; got scores "
            f"{list(group.score.shape)} and {strategies} strategies"
        )
    agents, axes = group.point.shape
    replaced = min(math.ceil(settings.exploited * agents), agents // 2)
    ranking = group.score.argsort(stable=True)
    best = ranking[:replaced][group.score[ranking[:replaced]].isfinite()]
    drawn = torch.randint(0, 2**31, (replaced,), generator=generator)
    signs = torch.randint(0, 2, (replaced, axes), generator=generator) * 2.0 - 1
    fresh = torch.randint(0, strategies, (replaced,), generator=generator)
    resample = torch.rand(replaced, generator=generator) < settings.resampled
    if len(best) == 0:
        return group
    worst = ranking[-replaced:]
    group = copy_agents(group, best[drawn % len(best)], worst)
    group.point[worst] = (group.point[worst] + settings.perturbation * signs).clamp(0, 1)
    group.strategy[worst] = torch.where(resample, fresh, group.strategy[worst])
    return group


def copy_agents(agents: SwarmState, sources: Tensor, targets: Tensor) -> SwarmState:
    """Everything an agent is, its parent too, from each source to the target at the same place, all at once.

    Every tensor of `agents` leads with one axis, of agents; the result shares no memory with it.
    """
    take = torch.arange(len(agents.score))
    take[targets] = sources
    return tree_map(lambda part: part[take], agents)
