"""`knn`: the k nearest train shots vote (Cover and Hart 1967): the fifteen lines every memory has to beat."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from hsokv.data.episode import Episode
from hsokv.methods.interface import Fitted, Prediction, unseen
from hsokv.training.budget import Budget


class Neighbours(NamedTuple):
    """p_c = (votes_c + 1 / seen) / (k + 1) of the `k` examples x, y nearest by cosine, 0 for the others of `classes`.

    The smoothing moves no arg-max.
    """

    x: Tensor
    y: Tensor
    k: int
    seen: int
    classes: int

    def __call__(self, x: Tensor) -> Prediction:
        nearest = (x @ self.x.mT).argsort(dim=-1, descending=True, stable=True)[..., : self.k]
        votes = one_hot(self.y[nearest], self.seen).sum(-2)
        return Prediction(unseen(((votes + 1 / self.seen) / (self.k + 1)).log(), self.classes))


def fit(episode: Episode, settings: Mapping[str, Any], budget: Budget, generator: torch.Generator) -> Fitted:
    """Keep the shots."""
    (x, y), classes = episode.train, episode.classes
    return Fitted(Neighbours(x, y, min(settings["knn"]["k"], len(y)), classes, classes))
