"""A stream of classes: tasks that bring new classes one after the other, and the tests of each."""

from typing import NamedTuple

import torch
from torch import Tensor

from hsokv.data.episode import Shots, check_shots
from hsokv.exceptions import DataError


class Stream(NamedTuple):
    """`tasks`: what each shows; `test`: the test examples of all classes in an order of their own; one feature space.

    Labels are numbered in order of arrival: with m = `classes_per_task`, task t brings the classes t m .. t m + m - 1.
    """

    tasks: tuple[Shots, ...]
    test: Shots
    classes_per_task: int


def check_task(shots: Shots, task: int, classes_per_task: int, key_dim: int) -> Shots:
    """Refuse what `check_shots` does of the task's own classes; `task` counts from 0. Returns the shots unchanged.

    >>> check_task(Shots(torch.ones(2, 3), torch.tensor([0, 0])), task=0, classes_per_task=1, key_dim=3).y
    tensor([0, 0])
    """
    return check_shots(f"task {task + 1}", shots, task * classes_per_task, classes_per_task, 2, key_dim)


def of_task(shots: Shots, task: int, classes_per_task: int) -> Shots:
    """The examples of the classes of one task, in their order."""
    member = shots.y // classes_per_task == task
    return Shots(shots.x[member], shots.y[member])


def check_stream(stream: Stream) -> Stream:
    """Refuse what `check_task` does, in tasks and in the test of all; return the stream unchanged."""
    tasks, test, per_task = stream
    if len(tasks) < 2:
        raise DataError(f"wanted a stream of at least two tasks, got {len(tasks)}")
    key_dim = tasks[0].x.shape[-1]
    for task, shots in enumerate(tasks):
        check_task(shots, task, per_task, key_dim)
    check_shots("test", test, 0, len(tasks) * per_task, 1, key_dim)
    return stream


def split_stream(train: Shots, test: Shots, classes: int, tasks: int) -> Stream:
    """The stream of `tasks` tasks with as many of the `classes` each; examples keep their order.

    Raises DataError where the tasks cannot share the classes out evenly, and for what `check_stream` refuses.
    """
    if tasks < 1 or classes % tasks:
        raise DataError(f"wanted a number of tasks that divides the {classes} classes, got {tasks}")
    per_task = classes // tasks
    return check_stream(Stream(tuple(of_task(train, task, per_task) for task in range(tasks)), test, per_task))


def scaling(x: Tensor) -> tuple[Tensor, Tensor]:
    """(mean, scale) [key_dim] of features x [n, key_dim]; the scale is their sd, or a tenth of the mean sd if larger,
    so that what hardly moves at first does not drown the rest later."""
    sd = x.std(0)
    return x.mean(0), torch.maximum(sd, sd.mean() / 10).clamp_min(torch.finfo(x.dtype).tiny)


def standardise(x: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Unit vectors of standard scores, (x - mean) / scale; `x` [n, key_dim]."""
    return torch.nn.functional.normalize((x - mean) / scale, dim=-1)


def standardise_on_first(stream: Stream) -> Stream:
    """All features as unit vectors of standard scores by the first task's examples: alike for every method.

    Standardised as in Coates et al. (2011), where the features come from, but with nothing of later tasks.
    """
    numbers = scaling(stream.tasks[0].x)

    def standardised(shots: Shots) -> Shots:
        return Shots(standardise(shots.x, *numbers), shots.y)

    return Stream(tuple(map(standardised, stream.tasks)), standardised(stream.test), stream.classes_per_task)
