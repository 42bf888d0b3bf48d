"""`knn`: the k nearest train shots vote (Cover and Hart 1967): the fifteen lines every memory has to beat."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from hsokv.data.episode import Episode
from hsokv.methods.interface import Fitted, Prediction
from hsokv.training.budget import Budget


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """Keep the shots. p_c = (votes_c + 1 / classes) / (k + 1), neighbours by cosine; the smoothing moves no arg-max."""
    train, classes = episode.train, episode.classes
    k = min(settings["knn"]["k"], len(train.y))

    def predict(x: Tensor) -> Prediction:
        nearest = (x @ train.x.mT).argsort(dim=-1, descending=True, stable=True)[..., :k]
        votes = one_hot(train.y[nearest], classes).sum(-2)
        return Prediction(((votes + 1 / classes) / (k + 1)).log())

    return Fitted(predict)
