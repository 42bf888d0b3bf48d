"""Sums of features and of their products, which can be added and taken away exactly; no example is kept."""

import torch
from torch import Tensor

from hsokv.methods.events.interface import EventShape, Rows
from hsokv.model.moments import Moments, add, combine, init_moments


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
