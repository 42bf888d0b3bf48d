"""`experience_replay`: past examples beside new ones in every minibatch (Rolnick et al. 2019, Chaudhry et al. 2019).

On events: past examples beside the new ones in every gradient step (Rolnick et al. 2019).
"""

from dataclasses import replace

import torch
from torch import Generator, Tensor

from hsokv.arms import fine_tune
from hsokv.arms.events import EventShape, Kept, Rows
from hsokv.arms.interface import Answers, Settings, StreamShape, Tasks, arriving, carried
from hsokv.arms.members import finish
from hsokv.arms.minibatches import train_default
from hsokv.arms.reservoir import hold_out, join, nothing, thin
from hsokv.learning.budget import Budget
from hsokv.learning.loop import stack_task


def learn(tasks: Tasks, shape: StreamShape, settings: Settings, budget: Budget, generator: Generator) -> Answers:
    """The head of `neither`, on minibatches with as many examples again of a class-balanced sample of earlier tasks."""
    learners, past = None, nothing(shape.key_dim)
    for classes, shots in arriving(tasks, shape):
        rest, held_out = hold_out(shots, shape, generator)
        replayed = past if len(past.y) else None
        learners = train_default(learners, rest, classes, shape, settings, budget, generator, replayed)
        past = thin(join(past, rest), shape.capacity, generator)
        fitted = budget.run(finish, learners, None, None, held_out, shape.classes, *stack_task(held_out))
        yield replace(fitted, instruments=fitted.instruments | carried(entries=past, weights=learners.head))


class Learner(fine_tune.Learner):
    """The head of `fine_tune`; the buffer holds every example in force and gives `replayed` of them to each step."""

    def __init__(self, shape: EventShape, settings: Settings, generator: torch.Generator) -> None:
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
