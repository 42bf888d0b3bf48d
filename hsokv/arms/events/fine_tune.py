"""`fine_tune` on events: a linear head that takes gradient steps on what each event brings, and keeps no example."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hsokv.arms.events.interface import Answer, EventLearner, EventShape, Rows, masked


class Learner(EventLearner):
    """Steps on the mean cross-entropy of the rows that came since the last answer, among the labels met so far."""

    def __init__(self, shape: EventShape, settings: Mapping[str, Any], generator: torch.Generator) -> None:
        self.settings, self.generator = settings["event_heads"], generator
        self.head = torch.zeros(shape.key_dim + 1, shape.labels)
        self.met = torch.zeros(shape.labels, dtype=torch.bool)
        self.new: list[Rows] = []

    def add(self, rows: Rows) -> None:
        """Take note of new rows."""
        self.met[rows.y] = True
        self.new.append(rows)

    def relabel(self, old: int, new: int) -> None:
        """Rename the weights of a label; where the new label has some, those of the old one go."""
        if not self.met[new]:
            self.head[:, new] = self.head[:, old]
        self.head[:, old] = 0
        self.met[new], self.met[old] = True, False
        self.new = [rows._replace(y=torch.where(rows.y == old, new, rows.y)) for rows in self.new]

    def correct(self, row: Rows, label: int) -> None:
        """Learn the row under its right label."""
        self.add(row._replace(y=torch.full_like(row.y, label)))

    def withdraw(self, rows: Rows) -> None:
        """What is in the weights stays there; what has not been learnt yet is dropped."""
        kept = [~torch.isin(new.ids, rows.ids) for new in self.new]
        self.new = [Rows(*(part[stays] for part in new)) for new, stays in zip(self.new, kept, strict=True)]

    def batch(self, rows: Rows) -> Rows:
        """What a step learns from."""
        return rows

    def settle(self) -> None:
        """Take the steps."""
        new, self.new = [rows for rows in self.new if len(rows.y)], []
        if not new:
            return
        new = Rows(*(torch.cat(parts) for parts in zip(*new, strict=True)))
        met = self.met.nonzero().squeeze(1)
        place = self.met.cumsum(0) - 1
        head = self.head[:, met]
        for _ in range(self.settings["steps"]):
            rows = self.batch(new)
            error = (rows.x @ head[:-1] + head[-1]).softmax(-1)
            error[torch.arange(len(rows.y)), place[rows.y]] -= 1
            slope = torch.cat([rows.x.mT @ error, error.sum(0, keepdim=True)]) / len(rows.y)
            head = head - self.settings["learning_rate"] * slope
        self.head[:, met] = head

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Softmax of the scores."""
        return Answer(masked(x @ self.head[:-1] + self.head[-1], in_force))

    def carried(self) -> dict[str, list[Tensor]]:
        """The weights."""
        return {"weights": [self.head]}
