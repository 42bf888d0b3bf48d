"""`ridge`: shrunken linear discriminant analysis on streamed second-order statistics: it forgets nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from hsokv.data.episode import Shots
from hsokv.methods.interface import Fitted
from hsokv.methods.linear import Linear
from hsokv.methods.streams.interface import StreamShape, arriving, carried
from hsokv.methods.streams.reservoir import hold_out, join, nothing
from hsokv.model.calibration import fit_temperature, label_log_prob
from hsokv.model.discriminant import lda_head, oas_shrinkage
from hsokv.model.head import Head, logits
from hsokv.model.moments import Moments, add, init_moments, means_of_seen, within
from hsokv.training.budget import Budget


def learn(
    tasks: Iterator[Shots],
    shape: StreamShape,
    settings: Mapping[str, Any],
    budget: Budget,
    generator: torch.Generator,
) -> Iterator[Fitted]:
    """Add each task to the statistics; choose the shrinkage on held-out examples, then solve with those too.

    Held-out examples stay out of the statistics while the shrinkage is chosen, among those of the settings and the one
    that the formula for Gaussian data gives, and are added to what is solved: sums can be added whenever.
    """
    held, moments = nothing(shape.key_dim), init_moments(shape.classes, shape.key_dim)

    def covariance(moments: Moments) -> tuple[Tensor, int]:
        scatter, degrees = within(moments)
        return scatter / max(degrees, 1), degrees

    def choose(moments: Moments) -> tuple[float, Tensor, Head]:
        spread, degrees = covariance(moments)
        means, spread_float = means_of_seen(moments)[0].float(), spread.float()  # enough digits to choose by
        tried = []
        for shrinkage in (*settings["ridge"]["shrinkage"], oas_shrinkage(spread, degrees)):
            scores = logits(lda_head(means, spread_float, shrinkage), held.x)
            temperature = fit_temperature(scores, held.y)
            loss = -label_log_prob((scores / temperature).log_softmax(-1), held.y).mean()
            tried.append((float(loss), shrinkage, temperature))
        _, shrinkage, temperature = min(tried)
        moments = add(moments, *held)
        head = lda_head(means_of_seen(moments)[0], covariance(moments)[0], shrinkage)
        return shrinkage, temperature, Head(*(part.float() for part in head))

    for _, shots in arriving(tasks, shape):
        rest, new = hold_out(shots, shape, generator)
        held = join(held, new)
        moments = budget.run(add, moments, *rest)
        shrinkage, temperature, head = budget.run(choose, moments)

        yield Fitted(
            Linear(head, temperature, shape.classes),
            instruments={
                "shrinkage": shrinkage,
                "temperature": float(temperature),
                "carried": carried(list(held), list(moments), list(head)),
            },
        )
