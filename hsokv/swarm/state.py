"""The swarm's state: a population in groups, its hyperparameters as points in a search space."""

import math
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from hsokv.exceptions import ConfigurationError

L = TypeVar("L", covariant=True)
"""Learners: whatever the train step works on, a nest of tensors [managers, agents, ...]."""


class Axis(NamedTuple):
    """One hyperparameter: its range low < high, its default inside it, and whether it is sampled on a log scale."""

    name: str
    low: float
    high: float
    default: float
    log: bool = True


class SearchSpace(NamedTuple):
    """The region the swarm may search: one axis per hyperparameter, and the names of the update rules.

    Points are kept in unit coordinates on the sampling scale, so clamping to the search space is clamping to [0, 1].
    """

    axes: tuple[Axis, ...]
    optimizers: tuple[str, ...]
    default_optimizer: str

    def values(self, point: Tensor) -> dict[str, Tensor]:
        """Hyperparameters by name at unit coordinates `point` [..., axes].

        >>> search_space = SearchSpace((Axis("b", 1.0, 100.0, 10.0),), ("adam",), "adam")
        >>> round(float(search_space.values(torch.tensor([0.5]))["b"]), 4)
        10.0
        """
        return {
            axis.name: (
                axis.low * (axis.high / axis.low) ** point[..., i]
                if axis.log
                else axis.low + (axis.high - axis.low) * point[..., i]
            )
            for i, axis in enumerate(self.axes)
        }

    def default_point(self) -> Tensor:
        """Unit coordinates [axes] of the default configuration."""
        return torch.tensor(
            [
                float(
                    torch.log(torch.tensor(axis.default / axis.low)) / torch.log(torch.tensor(axis.high / axis.low))
                    if axis.log
                    else (axis.default - axis.low) / (axis.high - axis.low)
                )
                for axis in self.axes
            ]
        )


def check_search_space(search_space: SearchSpace) -> SearchSpace:
    """Refuse ranges that are reversed, not finite, not positive on a log scale, or without their default, and a search
    space without axes; return the search space."""
    if not search_space.axes:
        raise ConfigurationError("a search space wants at least one axis, got none")
    for axis in search_space.axes:
        if not -math.inf < axis.low < axis.high < math.inf or (axis.log and axis.low <= 0):
            raise ConfigurationError(
                f"{axis.name}: wanted finite low < high{', low > 0' if axis.log else ''}; got [{axis.low}, {axis.high}]"
            )
        if not axis.low <= axis.default <= axis.high:
            raise ConfigurationError(
                f"{axis.name}: the default {axis.default} lies outside [{axis.low}, {axis.high}]; the default "
                "configuration is always one of the agents, so widen the range or change the default"
            )
    if search_space.default_optimizer not in search_space.optimizers:
        raise ConfigurationError(
            f"optimizer {search_space.default_optimizer!r} is none of {', '.join(search_space.optimizers)}"
        )
    return search_space


class SwarmState(NamedTuple, Generic[L]):
    """A population of managers x agents; every tensor leads with these two axes.

    learners   a nest of tensors [managers, agents, ...]
    point      [managers, agents, axes] unit coordinates in the search space
    optimizer  [managers, agents] int64, index into the search space's optimizers
    score      [managers, agents] log-loss on folds in nats, lower is better, +inf for an agent that failed
    parent     [managers, agents] int64, flat index of the agent it was copied from in this round, else its own
    """

    learners: L
    point: Tensor
    optimizer: Tensor
    score: Tensor
    parent: Tensor


def init_swarm(
    learners: L, search_space: SearchSpace, managers: int, agents: int, generator: torch.Generator
) -> SwarmState[L]:
    """A Latin hypercube in the search space: an axis is cut in managers x agents strata, and each agent has its own.

    The first axis is dealt out in order, so groups start in different regions of it; optimizers go round. Agent
    (0, 0) leaves its strata to be the default configuration.
    """
    if managers < 1 or agents < 1:
        raise ConfigurationError(f"a swarm wants at least one manager and one agent, got {managers} and {agents}")
    total = managers * agents
    strata = [torch.arange(total)] + [torch.randperm(total, generator=generator) for _ in search_space.axes[1:]]
    point = (torch.stack(strata, -1) + 0.5) / total
    optimizer = (torch.arange(total) + search_space.optimizers.index(search_space.default_optimizer)) % len(
        search_space.optimizers
    )
    point[0] = search_space.default_point()
    own = torch.arange(total).reshape(managers, agents)
    return SwarmState(
        learners,
        point.reshape(managers, agents, len(search_space.axes)),
        optimizer.reshape(managers, agents),
        torch.full((managers, agents), torch.inf),
        own,
    )
