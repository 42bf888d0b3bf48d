"""The manager: exploit and explore inside one group (population-based training, Jaderberg et al. 2017)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from hsokv.exceptions import ConfigurationError
from hsokv.swarm.state import L, SwarmState


class ManagerSettings(NamedTuple):
    """`truncation_fraction` in (0, 0.5]: share of a group that copies; `perturb_scale` > 0: step in unit coordinates;
    `resample_prob` in [0, 1]: probability that a copy draws its optimizer anew."""

    truncation_fraction: float
    perturb_scale: float
    resample_prob: float


def check_manager(settings: ManagerSettings) -> ManagerSettings:
    """Refuse what lies outside the ranges above; return the settings."""
    truncation_fraction, perturb_scale, resample_prob = settings
    if not 0 < truncation_fraction <= 0.5:
        raise ConfigurationError(
            f"truncation_fraction: wanted a share in (0, 0.5] of a group, got {truncation_fraction}"
        )
    if not 0 < perturb_scale < math.inf:
        raise ConfigurationError(f"perturb_scale: wanted a positive step in unit coordinates, got {perturb_scale}")
    if not 0 <= resample_prob <= 1:
        raise ConfigurationError(f"resample_prob: wanted a probability in [0, 1], got {resample_prob}")
    return settings


def manager_step(
    group: SwarmState[L], settings: ManagerSettings, optimizers: int, generator: torch.Generator
) -> SwarmState[L]:
    """The worst agents of a group copy one drawn among its best, whole, and move a step away.

    A copy takes weights, optimizer state, hyperparameters and score. Each of its coordinates then moves by plus or
    minus `perturb_scale`, clamped to the search space. A failed agent (score +inf) ranks last and is never copied;
    where the whole group has failed nothing is copied. A manager knows its own group alone, so it may run anywhere.

    Args:
        group: the group's part of a swarm: every tensor leads with [agents], at least one.
        optimizers: how many update rules there are, at least 1.
        generator: drawn from as often whatever the scores are, so that one group's luck never shifts another's.

    >>> settings, generator = ManagerSettings(0.5, 0.1, 0.0), torch.Generator().manual_seed(0)
    >>> point, score, own = torch.tensor([[0.2], [0.8]]), torch.tensor([1.0, 2.0]), torch.arange(2)
    >>> manager_step(SwarmState((), point, own, score, own), settings, 2, generator).parent
    tensor([0, 0])
    """
    check_manager(settings)
    if group.score.ndim != 1 or len(group.score) == 0 or optimizers < 1:
        raise ConfigurationError(
            f"a manager wants one group [agents] of at least one agent, and at least one optimizer; got scores "
            f"{list(group.score.shape)} and {optimizers} optimizers"
        )
    agents, axes = group.point.shape
    replaced = min(math.ceil(settings.truncation_fraction * agents), agents // 2)
    ranking = group.score.argsort(stable=True)
    best = ranking[:replaced][group.score[ranking[:replaced]].isfinite()]
    drawn = torch.randint(0, 2**31, (replaced,), generator=generator)
    signs = torch.randint(0, 2, (replaced, axes), generator=generator) * 2.0 - 1
    fresh = torch.randint(0, optimizers, (replaced,), generator=generator)
    resample = torch.rand(replaced, generator=generator) < settings.resample_prob
    if len(best) == 0:
        return group
    worst = ranking[-replaced:]
    group = copy_agents(group, best[drawn % len(best)], worst)
    group.point[worst] = (group.point[worst] + settings.perturb_scale * signs).clamp(0, 1)
    group.optimizer[worst] = torch.where(resample, fresh, group.optimizer[worst])
    return group


def copy_agents(agents: SwarmState[L], sources: Tensor, targets: Tensor) -> SwarmState[L]:
    """Everything an agent is, its parent too, from each source to the target at the same place, all at once.

    Every tensor of `agents` leads with one axis, of agents; the result shares no memory with it.
    """
    take = torch.arange(len(agents.score))
    take[targets] = sources
    return tree_map(lambda part: part[take], agents)
