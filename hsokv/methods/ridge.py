"""`ridge`: shrunken linear discriminant analysis, closed form on second-order statistics (Friedman 1989)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hsokv.data.episode import Background, Episode, Shots
from hsokv.methods.interface import Fitted, Prediction
from hsokv.methods.prototypes import class_means
from hsokv.model.calibration import fit_temperature, label_log_prob
from hsokv.training.budget import Budget


def discriminant(shots: Shots, classes: int, shrinkage: float, background: Background | None) -> tuple[Tensor, Tensor]:
    """Weights [key_dim, classes] and bias [classes] of z_c = m_c' S^-1 x - m_c' S^-1 m_c / 2, priors equal.

    S = (1 - shrinkage) W + shrinkage tr(W) / key_dim I, W the within-class covariance of the shots and, weighted by
    degrees of freedom, of the background. Where W is zero (one shot per class, no background) S = I: nearest mean.
    """
    means = class_means(shots, classes)
    residual = shots.x - means[shots.y]
    within, degrees = residual.mT @ residual, len(shots.y) - classes
    if background is not None:
        within, degrees = within + background.within * background.degrees, degrees + background.degrees
    key_dim = shots.x.shape[1]
    identity = torch.eye(key_dim, dtype=shots.x.dtype)
    spread = within.diagonal().sum() / key_dim
    within = (1 - shrinkage) * within + shrinkage * spread * identity if degrees > 0 and spread > 0 else identity
    factor = torch.linalg.cholesky(within / max(degrees, 1))
    weight = torch.cholesky_solve(means.mT.contiguous(), factor)
    return weight, -0.5 * (means.mT * weight).sum(0)


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """Choose the shrinkage by log-loss on the folds (after a temperature), then solve on the train shots."""

    def on_folds(shrinkage: float) -> tuple[Tensor, Tensor]:
        held_out, labels = [], []
        for fold in episode.folds:
            weight, bias = discriminant(fold.fit, episode.classes, shrinkage, episode.background)
            held_out.append(fold.score.x @ weight + bias)
            labels.append(fold.score.y)
        scores, labels = torch.cat(held_out), torch.cat(labels)
        temperature = fit_temperature(scores, labels)
        return -label_log_prob((scores / temperature).log_softmax(-1), labels).mean(), temperature

    def choose() -> tuple[float, Tensor, tuple[Tensor, Tensor]]:
        tried = [(*on_folds(shrinkage), shrinkage) for shrinkage in settings["ridge"]["shrinkage"]]
        _, temperature, shrinkage = min(tried, key=lambda entry: float(entry[0]))
        return shrinkage, temperature, discriminant(episode.train, episode.classes, shrinkage, episode.background)

    shrinkage, temperature, (weight, bias) = budget.run(choose)
    return Fitted(
        lambda x: Prediction(((x @ weight + bias) / temperature).log_softmax(-1)),
        instruments={"shrinkage": shrinkage, "temperature": float(temperature)},
    )
