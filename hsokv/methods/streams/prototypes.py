"""`prototypes`: the nearest class mean by cosine, from streamed sums (Rebuffi et al. 2017, on frozen features)."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hsokv.data.episode import Shots
from hsokv.methods.interface import Fitted
from hsokv.methods.linear import Linear
from hsokv.methods.prototypes import class_means
from hsokv.methods.streams.interface import StreamShape, arriving, carried
from hsokv.methods.streams.reservoir import hold_out, join, nothing
from hsokv.model.calibration import fit_temperature
from hsokv.model.head import Head
from hsokv.training.budget import Budget


def learn(
    tasks: Iterator[Shots],
    shape: StreamShape,
    settings: Mapping[str, Any],
    budget: Budget,
    generator: torch.Generator,
) -> Iterator[Fitted]:
    """p_c ∝ exp(cos(x, mean_c) / T): the mean of a class is that of all its examples, T is fitted on held-out ones."""
    held, of_rest, means = nothing(shape.key_dim), torch.empty(0, shape.key_dim), torch.empty(0, shape.key_dim)
    for classes, shots in arriving(tasks, shape):
        rest, new = hold_out(shots, shape, generator)
        held = join(held, new)
        first = classes - shape.classes_per_task

        def extend(means: Tensor, shots: Shots, first: int = first) -> Tensor:
            """A class arrives whole, in one task."""
            return torch.cat([means, class_means(Shots(shots.x, shots.y - first), shape.classes_per_task)])

        of_rest, means = budget.run(extend, of_rest, rest), budget.run(extend, means, shots)
        scores = budget.run(lambda of_rest=of_rest, held=held: held.x @ normalize(of_rest, dim=-1).mT)
        temperature = fit_temperature(scores, held.y)

        head = Head(normalize(means, dim=-1).mT, torch.zeros(classes))
        yield Fitted(
            Linear(head, temperature, shape.classes),
            instruments={
                "temperature": float(temperature),
                "carried": carried(list(held), [of_rest, means], []),
            },
        )
