"""`knn`: the k nearest of the examples carried vote: a memory of raw keys in fifteen lines."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from hsokv.data.episode import Shots
from hsokv.methods.interface import Fitted
from hsokv.methods.knn import Neighbours
from hsokv.methods.streams.interface import StreamShape, arriving, carried
from hsokv.methods.streams.reservoir import join, nothing, thin
from hsokv.training.budget import Budget


def learn(
    tasks: Iterator[Shots],
    shape: StreamShape,
    settings: Mapping[str, Any],
    budget: Budget,
    generator: torch.Generator,
) -> Iterator[Fitted]:
    """Keep a class-balanced sample of all that came."""
    kept = nothing(shape.key_dim)
    for classes, shots in arriving(tasks, shape):
        kept = thin(join(kept, shots), shape.capacity, generator)
        predict = Neighbours(*kept, min(settings["knn"]["k"], len(kept.y)), classes, shape.classes)
        yield Fitted(predict, instruments={"carried": carried(list(kept), [], [])})
