"""The one interface of all arms on a stream: tasks come one at a time, a fitted method goes out after each."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hsokv.data.episode import Shots
from hsokv.data.stream import check_task
from hsokv.exceptions import ConfigurationError
from hsokv.methods.interface import Fitted
from hsokv.model.patch_encoder import PatchDictionary
from hsokv.training.budget import Budget


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


Learn = Callable[[Iterator[Shots], StreamShape, Mapping[str, Any], Budget, torch.Generator], Iterator[Fitted]]
"""`learn(tasks, shape, settings, budget, generator)`: one fitted method after each task, each task drawn when needed.

A task is seen once, so what is needed later has to be carried: `instruments["carried"]` says how much that is. The
prediction has a column for each of the `shape.classes`, -inf for a class that has not come yet.
"""


def arriving(tasks: Iterator[Shots], shape: StreamShape) -> Iterator[tuple[int, Shots]]:
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


def carried(entries: list[Tensor], statistics: list[Tensor], weights: list[Tensor]) -> dict[str, int]:
    """Bytes carried to the next task: past examples, statistics of them, and what was learnt from them."""
    parts = {"entries": entries, "statistics": statistics, "weights": weights}
    return {f"{name}_bytes": sum(part.nbytes for part in tensors) for name, tensors in parts.items()}
