"""The one interface of all arms: an episode or a stream, settings, a budget and a generator in, a fitted method out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from hsokv.data.episode import Episode, Shots
from hsokv.data.stream import check_task
from hsokv.encoders.patches import PatchDictionary
from hsokv.exceptions import ConfigurationError
from hsokv.learning.budget import Budget


class Prediction(NamedTuple):
    """What a fitted method says of n queries.

    log_probs [n, classes]; where there is a memory also: without_memory [n, classes] (log-probabilities with the
    memory's share taken out), gate [n] in [0, 1], top_entries [members, n] (index of the heaviest retrieved entry among
    those of instruments["memory"], -1 where there is none), top_similarity [n] in [0, 1].
    """

    log_probs: Tensor
    without_memory: Tensor | None = None
    gate: Tensor | None = None
    top_entries: Tensor | None = None
    top_similarity: Tensor | None = None


@dataclass(frozen=True)
class Fitted:
    """A fitted method: `predict` maps features [n, key_dim] to a Prediction and changes nothing.

    `predict` is a `hsokv.arms.predictors.Predictor`, a module that torch copies, moves and saves. `curves` (name ->
    numbers) and `instruments` (JSON values) go into the record.
    """

    predict: Callable[[Tensor], Prediction]
    curves: dict[str, list[float]] = field(default_factory=dict)
    instruments: dict[str, object] = field(default_factory=dict)


class StreamShape(NamedTuple):
    """What a method knows of a stream beforehand.

    `classes` in all, `classes_per_task`, the features' `key_dim`; `passes` >= 1 over each task's examples for arms that
    learn by gradient (1: every example is seen once); `capacity`: the cap on past examples carried from task to task,
    held-out ones included. `dictionary`: the encoder, for a method that learns from images.
    """

    classes: int
    classes_per_task: int
    key_dim: int
    passes: int
    capacity: int
    dictionary: PatchDictionary | None = None


Settings = Mapping[str, Any]
Tasks = Iterator[Shots]
Answers = Iterator[Fitted]

Fit = Callable[[Episode, Settings, Budget, Generator], Fitted]
"""`fit(episode, settings, budget, generator)`: learns from train, ranks on folds, calibrates on dev, not on test."""

Learn = Callable[[Tasks, StreamShape, Settings, Budget, Generator], Answers]
"""`learn(tasks, shape, settings, budget, generator)`: one fitted method after each task, each task drawn when needed.

A task is seen once, so what is needed later has to be carried: `instruments["carried"]` says how much that is. The
prediction has a column for each of the `shape.classes`, -inf for a class that has not come yet.
"""


def arriving(tasks: Tasks, shape: StreamShape) -> Iterator[tuple[int, Shots]]:
    """The tasks as they come, each checked and with the number of classes seen with it.

    Raises ConfigurationError where the cap leaves no room for an entry and a held-out example of every class, or there
    is no pass; DataError for what `check_task` refuses.
    """
    if shape.capacity < 2 * shape.classes or shape.passes < 1:
        raise ConfigurationError(
            f"a stream of {shape.classes} classes wants at least {2 * shape.classes} entries (one to keep and one held "
            f"out of every class) and one pass, got {shape.capacity} and {shape.passes}"
        )
    for task, shots in enumerate(tasks):
        yield (task + 1) * shape.classes_per_task, check_task(shots, task, shape.classes_per_task, shape.key_dim)


def carried(
    entries: tuple[Tensor, ...] = (), statistics: tuple[Tensor, ...] = (), weights: tuple[Tensor, ...] = ()
) -> dict[str, dict[str, int]]:
    """The instrument "carried", bytes that go to the next task: past examples, their statistics, what was learnt."""
    parts = {"entries": entries, "statistics": statistics, "weights": weights}
    return {"carried": {f"{name}_bytes": sum(part.nbytes for part in tensors) for name, tensors in parts.items()}}


def unseen(log_probs: Tensor, classes: int) -> Tensor:
    """`log_probs` [n, seen] with -inf for the classes that have not come yet, [n, classes].

    >>> unseen(torch.zeros(1, 1), 2)
    tensor([[0., -inf]])
    """
    return torch.nn.functional.pad(log_probs, (0, classes - log_probs.shape[-1]), value=-torch.inf)
