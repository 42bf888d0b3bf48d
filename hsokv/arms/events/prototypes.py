"""`prototypes` on events: the nearest class mean, by sums that can be added and taken away exactly."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from hsokv.arms.events.interface import Answer, EventLearner, EventShape, Rows, masked


class Learner(EventLearner):
    """Keeps a count and a sum of features for each label, and no example.

    On the grid the sums are exact, so what is withdrawn leaves no trace in any bit.
    """

    def __init__(self, shape: EventShape, settings: Mapping[str, Any], generator: torch.Generator) -> None:
        self.scale = settings["event_heads"]["scale"]
        self.count = torch.zeros(shape.labels, dtype=torch.float64)
        self.total = torch.zeros(shape.labels, shape.key_dim, dtype=torch.float64)

    def add(self, rows: Rows, sign: int = 1) -> None:
        """Add the sums of examples, or with `sign` -1 take them away."""
        member = one_hot(rows.y, len(self.count)).double() * sign
        self.count = self.count + member.sum(0)
        self.total = self.total + member.mT @ rows.x.double()

    def relabel(self, old: int, new: int) -> None:
        """Add the sums of a label to those of another."""
        for part in (self.count, self.total):
            part[new] += part[old]
            part[old] = 0

    def withdraw(self, rows: Rows) -> None:
        """Take the sums of examples away."""
        self.add(rows, -1)

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Softmax of the cosines with the class means, times a scale."""
        cosines = x @ normalize(self.total).float().mT
        return Answer(masked(self.scale * cosines, in_force), cosines.amax(-1).clamp(0, 1))

    def carried(self) -> dict[str, list[Tensor]]:
        """The sums."""
        return {"statistics": [self.count, self.total]}
