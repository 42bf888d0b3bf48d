"""`joint`: the reference that keeps all data and learns them anew, together, after every task."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from hsokv.data.episode import Shots
from hsokv.methods.interface import Fitted
from hsokv.methods.streams.calibrated import finish
from hsokv.methods.streams.heads import train_default
from hsokv.methods.streams.interface import StreamShape, arriving, carried
from hsokv.methods.streams.reservoir import hold_out, join, nothing
from hsokv.training.budget import Budget


def learn(
    tasks: Iterator[Shots],
    shape: StreamShape,
    settings: Mapping[str, Any],
    budget: Budget,
    generator: torch.Generator,
) -> Iterator[Fitted]:
    """The head of `neither` from zero on all examples seen, whatever the cap is, `shape.passes` times each."""
    kept = held = nothing(shape.key_dim)
    for classes, shots in arriving(tasks, shape):
        rest, new = hold_out(shots, shape, generator)
        kept, held = join(kept, rest), join(held, new)
        learners = train_default(None, kept, classes, shape, settings, budget, generator)
        fitted = budget.run(finish, learners, None, held, classes, shape)
        instruments = {"carried": carried([*kept, *held], [], list(learners.head))}
        yield replace(fitted, instruments=fitted.instruments | instruments)
