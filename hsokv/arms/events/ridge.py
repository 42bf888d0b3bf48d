"""`ridge` on events: shrunken linear discriminant analysis on exact sums; recursive, since a withdrawal subtracts."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hsokv.arms.events import prototypes
from hsokv.arms.events.interface import Answer, EventShape, Rows, masked
from hsokv.learning.discriminant import lda_head
from hsokv.learning.head import Head
from hsokv.learning.moments import Moments, means_of_seen, within


class Learner(prototypes.Learner):
    """Keeps the sum of all products of features too, and solves for the head before answers."""

    def __init__(self, shape: EventShape, settings: Mapping[str, Any], generator: torch.Generator) -> None:
        super().__init__(shape, settings, generator)
        self.settings = settings["event_heads"]
        self.second = torch.zeros(shape.key_dim, shape.key_dim, dtype=torch.float64)
        self.head = Head(torch.zeros(shape.key_dim, 0), torch.zeros(0))

    def add(self, rows: Rows, sign: int = 1) -> None:
        """Add the sums of examples, or with `sign` -1 take them away."""
        super().add(rows, sign)
        self.second = self.second + sign * (rows.x.double().mT @ rows.x.double())

    def settle(self) -> None:
        """Solve for the labels that have examples."""
        moments = Moments(self.count, self.total, self.second)
        scatter, degrees = within(moments)
        head = lda_head(means_of_seen(moments)[0], scatter / max(degrees, 1), self.settings["shrinkage"])
        self.head = Head(*((part / self.settings["temperature"]).float() for part in head))

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Softmax of the discriminant scores."""
        scores = torch.zeros(len(x), len(in_force))
        scores[:, self.count > 0] = x @ self.head.weight + self.head.bias
        return Answer(masked(scores, in_force))

    def carried(self) -> dict[str, list[Tensor]]:
        """The sums."""
        return {"statistics": [self.count, self.total, self.second]}
