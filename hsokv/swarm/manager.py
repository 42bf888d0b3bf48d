"""The manager: exploit and explore inside one group (population-based training, Jaderberg et al. 2017)."""

import math
from typing import NamedTuple

import torch
from torch.utils._pytree import tree_map

from hsokv.swarm.state import SwarmState


class ManagerSettings(NamedTuple):
    """`exploited` in (0, 0.5]: share of a group that copies; `perturbation` > 0: step in unit coordinates;
    `resampled` in [0, 1]: probability that a copy draws its strategy anew."""

    exploited: float
    perturbation: float
    resampled: float


def manager_step(
    state: SwarmState, group: int, settings: ManagerSettings, strategies: int, generator: torch.Generator
) -> SwarmState:
    """The worst agents of a group copy one drawn among its best, whole, and move a step away.

    A copy takes weights, optimiser state, hyperparameters and score. Each of its coordinates then moves by plus or
    minus `perturbation`, clamped to the box. A failed agent (score +inf) ranks last and is never copied; where the
    whole group has failed nothing is copied. Agents of other groups are not touched.
    """
    agents = state.score.shape[1]
    replaced = min(math.ceil(settings.exploited * agents), agents // 2)
    ranking = state.score[group].argsort(stable=True)
    best = [int(i) for i in ranking[:replaced] if torch.isfinite(state.score[group, i])]
    # Draws are made whether or not they are used, so that one group's luck never shifts another's.
    drawn = torch.randint(0, 2**31, (replaced,), generator=generator)
    signs = torch.randint(0, 2, (replaced, state.point.shape[-1]), generator=generator) * 2.0 - 1
    fresh = torch.randint(0, strategies, (replaced,), generator=generator)
    resample = torch.rand(replaced, generator=generator) < settings.resampled
    if not best or replaced == 0:
        return state
    worst = ranking[-replaced:]
    sources = torch.tensor([best[int(i) % len(best)] for i in drawn])
    state = copy_agents(state, [(group, int(s)) for s in sources], [(group, int(w)) for w in worst])
    point, strategy = state.point.clone(), state.strategy.clone()
    point[group, worst] = (point[group, worst] + settings.perturbation * signs).clamp(0, 1)
    strategy[group, worst] = torch.where(resample, fresh, strategy[group, worst])
    return state._replace(point=point, strategy=strategy)


def copy_agents(state: SwarmState, sources: list[tuple[int, int]], targets: list[tuple[int, int]]) -> SwarmState:
    """Everything an agent is, its parent too, from each source (manager, agent) to the target at the same place."""
    if not sources:
        return state
    agents = state.score.shape[1]
    take = torch.arange(state.score.numel())
    for (from_manager, from_agent), (to_manager, to_agent) in zip(sources, targets, strict=True):
        take[to_manager * agents + to_agent] = from_manager * agents + from_agent

    def select(part: torch.Tensor) -> torch.Tensor:
        return part.flatten(0, 1)[take].unflatten(0, state.score.shape)

    return tree_map(select, state)
