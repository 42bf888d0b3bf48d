"""`experience_replay`: past examples beside new ones in every minibatch (Rolnick et al. 2019, Chaudhry et al. 2019)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from hsokv.data.episode import Shots
from hsokv.methods.interface import Fitted
from hsokv.methods.streams.calibrated import finish
from hsokv.methods.streams.heads import train_default
from hsokv.methods.streams.interface import StreamShape, arriving, carried
from hsokv.methods.streams.reservoir import hold_out, join, nothing, thin
from hsokv.training.budget import Budget


def learn(
    tasks: Iterator[Shots],
    shape: StreamShape,
    settings: Mapping[str, Any],
    budget: Budget,
    generator: torch.Generator,
) -> Iterator[Fitted]:
    """The head of `neither`, on minibatches with as many examples again of a class-balanced sample of earlier tasks."""
    head, kept = None, nothing(shape.key_dim)
    for classes, shots in arriving(tasks, shape):
        rest, held = hold_out(shots, shape, generator)
        replayed = kept if len(kept.y) else None
        learners = train_default(head, rest, classes, shape, settings, budget, generator, replayed)
        head, kept = learners.head, thin(join(kept, rest), shape.capacity, generator)
        fitted = budget.run(finish, learners, None, held, classes, shape)
        yield replace(fitted, instruments=fitted.instruments | {"carried": carried(list(kept), [], list(head))})
