"""`prototypes`: the nearest class mean by cosine (Snell et al. 2017, without the episodic training)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from hsokv.data.episode import Episode, Shots
from hsokv.methods.interface import Fitted
from hsokv.methods.linear import Linear
from hsokv.model.calibration import fit_temperature
from hsokv.model.head import Head
from hsokv.training.budget import Budget


def class_means(shots: Shots, classes: int) -> Tensor:
    """Mean of the shots of each class, [classes, key_dim]; every class must have a shot.

    >>> class_means(Shots(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0])), 1)
    tensor([[2.]])
    """
    member = one_hot(shots.y, classes).to(shots.x.dtype)
    return member.mT @ shots.x / member.sum(0).unsqueeze(1)


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """p_c ∝ exp(cos(x, mean_c) / T) with T fitted on the folds."""

    def prototypes(shots: Shots) -> Tensor:
        return normalize(class_means(shots, episode.classes), dim=-1).mT

    def calibrate() -> tuple[Tensor, Tensor]:
        held_out = torch.cat([fold.score.x @ prototypes(fold.fit) for fold in episode.folds])
        temperature = fit_temperature(held_out, torch.cat([fold.score.y for fold in episode.folds]))
        return prototypes(episode.train), temperature

    means, temperature = budget.run(calibrate)
    return Fitted(
        Linear(Head(means, torch.zeros(episode.classes)), temperature, episode.classes),
        instruments={"temperature": float(temperature)},
    )
