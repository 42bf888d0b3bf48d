"""`experience_replay` on events: past examples beside the new ones in every gradient step (Rolnick et al. 2019)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hsokv.arms.events import fine_tune
from hsokv.arms.events.interface import EventShape, Kept, Rows


class Learner(fine_tune.Learner):
    """The head of `fine_tune`; the buffer holds every example in force and gives `replayed` of them to each step."""

    def __init__(self, shape: EventShape, settings: Mapping[str, Any], generator: torch.Generator) -> None:
        super().__init__(shape, settings, generator)
        self.kept = Kept(shape)

    def add(self, rows: Rows) -> None:
        """Learn new rows, and keep them."""
        super().add(rows)
        self.kept.add(rows)

    def relabel(self, old: int, new: int) -> None:
        """Rename a label in the weights and in the buffer."""
        super().relabel(old, new)
        self.kept.relabel(old, new)

    def correct(self, row: Rows, label: int) -> None:
        """Learn the row under its right label, and keep it so."""
        super().add(row._replace(y=torch.full_like(row.y, label)))
        self.kept.correct(row, label)

    def withdraw(self, rows: Rows) -> None:
        """Drop the rows from the buffer; what is in the weights stays there."""
        super().withdraw(rows)
        self.kept.withdraw(rows)

    def batch(self, rows: Rows) -> Rows:
        """The new rows and a draw from the buffer."""
        drawn = torch.randint(len(self.kept.y), (self.settings["replayed"],), generator=self.generator)
        past = Rows(self.kept.ids[drawn], self.kept.x[drawn], self.kept.y[drawn])
        return Rows(*(torch.cat(parts) for parts in zip(rows, past, strict=True)))

    def carried(self) -> dict[str, list[Tensor]]:
        """The weights and the buffer."""
        return {**super().carried(), "entries": [self.kept.x, self.kept.y]}
