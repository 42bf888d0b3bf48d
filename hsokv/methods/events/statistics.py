"""`ridge` and `prototypes` on events: sums of features and of their products, which can be added and taken away exactly.

`ridge` is shrunken linear discriminant analysis, `prototypes` the cosine with the class means. Both keep no example.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hsokv.methods.events.interface import Answer, EventShape, Rows, masked
from hsokv.model.discriminant import lda_head
from hsokv.model.head import Head
from hsokv.model.moments import Moments, add, combine, init_moments, means_of_seen, within


class Statistics:
    """Sums over the examples in force. On the grid they are exact, so what is withdrawn leaves no trace in any bit."""

    def __init__(self, shape: EventShape) -> None:
        self.shape, self.moments = shape, init_moments(shape.labels, shape.key_dim)

    def add(self, rows: Rows) -> None:
        """Add the sums of new examples."""
        self.moments = add(self.moments, rows.x, rows.y)

    def relabel(self, old: int, new: int) -> None:
        """Add the sums of a label to those of another."""
        count, total = self.moments.count.clone(), self.moments.total.clone()
        for part in (count, total):
            part[new] = part[new] + part[old]
            part[old] = 0
        self.moments = Moments(count, total, self.moments.second)

    def correct(self, row: Rows, label: int) -> None:
        """Move an example from one label's sums to another's."""
        self.withdraw(row)
        self.add(row._replace(y=torch.full_like(row.y, label)))

    def withdraw(self, rows: Rows) -> None:
        """Take the sums of examples away."""
        less = add(init_moments(self.shape.labels, self.shape.key_dim), rows.x, rows.y)
        self.moments = combine(self.moments, Moments(*(-part for part in less)))

    def settle(self) -> None:
        """Nothing is left to do."""

    def carried(self) -> dict[str, list[Tensor]]:
        """The sums."""
        return {"statistics": [*self.moments]}


class Ridge(Statistics):
    """Linear discriminant analysis, solved anew before answers; a softmax of its scores over a temperature."""

    def __init__(self, shape: EventShape, settings: Mapping[str, Any]) -> None:
        super().__init__(shape)
        self.settings, self.head = settings["event_heads"], None

    def settle(self) -> None:
        """Solve for the labels in force."""
        means, _ = means_of_seen(self.moments)
        scatter, degrees = within(self.moments)
        head = lda_head(means, scatter / max(degrees, 1), self.settings["shrinkage"])
        self.head = Head(*((part / self.settings["temperature"]).float() for part in head))

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Softmax of the discriminant scores."""
        scores = torch.zeros(len(x), self.shape.labels)
        scores[:, self.moments.count > 0] = x @ self.head.weight + self.head.bias
        return Answer(masked(scores, in_force))


class Prototypes(Statistics):
    """The cosine with the mean of each label, times a scale."""

    def __init__(self, shape: EventShape, settings: Mapping[str, Any]) -> None:
        super().__init__(shape)
        self.scale = settings["event_heads"]["scale"]

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Softmax of the scaled cosines."""
        cosines = x @ normalize(self.moments.total).float().mT
        return Answer(masked(self.scale * cosines, in_force), cosines.amax(-1).clamp(0, 1))
