"""The one interface of all arms on a stream of events, and what several of them share."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from hsokv.arms.interface import Settings

GRID = 2**16
"""Features are multiples of 1 / GRID: sums of their products are then exact in float64, in any order, added or taken
away, for 2^20 examples of length 1."""


class EventShape(NamedTuple):
    """What an arm knows beforehand: `labels` that can ever come, the features' `key_dim`, most `examples` at a time."""

    labels: int
    key_dim: int
    examples: int


class Rows(NamedTuple):
    """Examples: `ids` int64 [n], which name them for good, features `x` [n, key_dim], labels `y` int64 [n]."""

    ids: Tensor
    x: Tensor
    y: Tensor


class Answer(NamedTuple):
    """`log_probs` [n, labels], -inf for labels not in force; `similarity` [n], the cosine of each query with the
    nearest thing that the arm remembers, None for an arm that compares nothing."""

    log_probs: Tensor
    similarity: Tensor | None = None


class EventLearner(ABC):
    """An arm. Events come one after the other; `settle` is called before the next answer is asked for."""

    afresh = False
    """Whether `settle` depends on what is in force alone, so that only the last before an answer matters."""

    @abstractmethod
    def add(self, rows: Rows) -> None:
        """Learn new examples."""

    @abstractmethod
    def relabel(self, old: int, new: int) -> None:
        """Every example of the label `old` has the label `new` from now on."""

    def correct(self, row: Rows, label: int) -> None:
        """The label of one example was wrong: it is `label`. Forgotten and learnt again, where nothing else is said."""
        self.withdraw(row)
        self.add(row._replace(y=torch.full_like(row.y, label)))

    @abstractmethod
    def withdraw(self, rows: Rows) -> None:
        """Forget examples, whose features and labels the caller presents again."""

    def settle(self) -> None:  # noqa: B027 - not abstract: most arms have nothing left to do
        """Do what is left to do before answers are asked for, if anything."""

    @abstractmethod
    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Answer queries [n, key_dim], with labels `in_force` alone (bool [labels]); changes nothing."""

    @abstractmethod
    def carried(self) -> dict[str, list[Tensor]]:
        """What is kept for the next event: `entries`, `statistics` and `weights`."""


Start = Callable[[EventShape, Settings, torch.Generator], EventLearner]
"""`start(shape, settings, generator)`: an arm that has seen nothing."""


def on_grid(x: Tensor) -> Tensor:
    """Features rounded to multiples of 1 / GRID.

    >>> on_grid(torch.tensor([0.1])) * GRID
    tensor([6554.])
    """
    return (x * GRID).round() / GRID


def masked(scores: Tensor, in_force: Tensor) -> Tensor:
    """Log-probabilities of `scores` [n, labels] among the labels `in_force`, -inf for the others."""
    return scores.masked_fill(~in_force, -torch.inf).log_softmax(-1)


class Kept:
    """Examples that an arm keeps, in the order in which they came, whatever happens to them later."""

    def __init__(self, shape: EventShape) -> None:
        self.ids = torch.zeros(0, dtype=torch.int64)
        self.x = torch.zeros(0, shape.key_dim)
        self.y = torch.zeros(0, dtype=torch.int64)

    def add(self, rows: Rows) -> None:
        """Append examples."""
        self.ids, self.x, self.y = (torch.cat(parts) for parts in zip((self.ids, self.x, self.y), rows, strict=True))

    def relabel(self, old: int, new: int) -> None:
        """Rename a label."""
        self.y = torch.where(self.y == old, new, self.y)

    def correct(self, row: Rows, label: int) -> None:
        """Change the label of one example."""
        self.y = torch.where(self.ids == row.ids, label, self.y)

    def withdraw(self, rows: Rows) -> None:
        """Drop examples."""
        stays = ~torch.isin(self.ids, rows.ids)
        self.ids, self.x, self.y = self.ids[stays], self.x[stays], self.y[stays]
