"""One default agent on a stream: `kv_only` where the settings hold a memory, `neither` where they do not."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from hsokv.data.episode import Shots
from hsokv.methods.interface import Fitted
from hsokv.methods.streams import memory
from hsokv.methods.streams.calibrated import finish
from hsokv.methods.streams.heads import train_default
from hsokv.methods.streams.interface import StreamShape, arriving, carried
from hsokv.methods.streams.reservoir import hold_out, join
from hsokv.training.budget import Budget


def learn(
    tasks: Iterator[Shots],
    shape: StreamShape,
    settings: Mapping[str, Any],
    budget: Budget,
    generator: torch.Generator,
) -> Iterator[Fitted]:
    """Train one linear head on each task in turn, with the default settings; write each task to the memory, if any.

    Some examples of each task are held out. They give the temperature and the gate; with a memory they are carried on,
    without one nothing is, and the temperature is that of the task at hand.
    """
    head = held = None
    remembered = memory.empty(shape, settings) if "memory" in settings else None
    for classes, shots in arriving(tasks, shape):
        rest, new = hold_out(shots, shape, generator)
        held = new if held is None or remembered is None else join(held, new)
        learners = train_default(head, rest, classes, shape, settings, budget, generator)
        head, branch, entries, statistics = learners.head, None, [], []
        if remembered is not None:
            inverse_temperature = torch.tensor([float(settings["memory"]["inverse_temperature"])])
            remembered = budget.run(memory.remember, remembered, rest, classes)
            branch = budget.run(memory.branch, remembered, settings, inverse_temperature)
            entries, statistics = [*remembered.entries, *held], list(remembered.moments or ())
        fitted = budget.run(finish, learners, branch, held, classes, shape)
        kept = carried(entries, statistics, list(head))
        yield replace(fitted, instruments=fitted.instruments | {"carried": kept})
