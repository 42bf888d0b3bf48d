"""`knn`: the k nearest of the examples carried vote: a memory of raw keys in fifteen lines."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from hsokv.data.episode import Shots
from hsokv.methods.interface import Fitted, Prediction
from hsokv.methods.streams.interface import StreamShape, arriving, carried, unseen
from hsokv.methods.streams.reservoir import join, nothing, thin
from hsokv.training.budget import Budget


def learn(
    tasks: Iterator[Shots],
    shape: StreamShape,
    settings: Mapping[str, Any],
    budget: Budget,
    generator: torch.Generator,
) -> Iterator[Fitted]:
    """Keep a class-balanced sample. p_c = (votes_c + 1 / seen) / (k + 1), neighbours by cosine, as in an episode."""
    kept = nothing(shape.key_dim)
    for classes, shots in arriving(tasks, shape):
        kept = thin(join(kept, shots), shape.entries, generator)
        k = min(settings["knn"]["k"], len(kept.y))

        def predict(x: Tensor, kept: Shots = kept, classes: int = classes, k: int = k) -> Prediction:
            nearest = (x @ kept.x.mT).argsort(dim=-1, descending=True, stable=True)[..., :k]
            votes = one_hot(kept.y[nearest], classes).sum(-2)
            return Prediction(unseen(((votes + 1 / classes) / (k + 1)).log(), shape.classes))

        yield Fitted(predict, instruments={"carried": carried(list(kept), [], [])})
