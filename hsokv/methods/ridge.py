"""`ridge`: shrunken linear discriminant analysis, closed form on second-order statistics (Friedman 1989)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hsokv.data.episode import Background, Episode, Shots
from hsokv.methods.interface import Fitted
from hsokv.methods.linear import Linear
from hsokv.model.calibration import fit_temperature, label_log_prob
from hsokv.model.discriminant import lda_head
from hsokv.model.head import Head, logits
from hsokv.model.moments import add, init_moments, within
from hsokv.training.budget import Budget


def discriminant(shots: Shots, classes: int, shrinkage: float, background: Background | None) -> Head:
    """LDA with the class means of the shots; W pools the within-class scatter of the shots and of the background.

    Where there is no scatter (one shot per class, no background) it is the nearest mean.
    """
    moments = add(init_moments(classes, shots.x.shape[1]), shots.x, shots.y)
    scatter, degrees = within(moments)
    if background is not None:
        scatter, degrees = scatter + background.within * background.degrees, degrees + background.degrees
    means = moments.total / moments.count.unsqueeze(1)
    head = lda_head(means, scatter / max(degrees, 1), shrinkage)
    return Head(*(part.to(shots.x.dtype) for part in head))


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """Choose the shrinkage by log-loss on the folds (after a temperature), then solve on the train shots."""

    def on_folds(shrinkage: float) -> tuple[Tensor, Tensor]:
        held_out, labels = [], []
        for fold in episode.folds:
            head = discriminant(fold.fit, episode.classes, shrinkage, episode.background)
            held_out.append(logits(head, fold.score.x))
            labels.append(fold.score.y)
        scores, labels = torch.cat(held_out), torch.cat(labels)
        temperature = fit_temperature(scores, labels)
        return -label_log_prob((scores / temperature).log_softmax(-1), labels).mean(), temperature

    def choose() -> tuple[float, Tensor, Head]:
        tried = [(*on_folds(shrinkage), shrinkage) for shrinkage in settings["ridge"]["shrinkage"]]
        _, temperature, shrinkage = min(tried, key=lambda entry: float(entry[0]))
        return shrinkage, temperature, discriminant(episode.train, episode.classes, shrinkage, episode.background)

    shrinkage, temperature, head = budget.run(choose)
    return Fitted(
        Linear(head, temperature, episode.classes),
        instruments={"shrinkage": shrinkage, "temperature": float(temperature)},
    )
