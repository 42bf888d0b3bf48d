"""`joint`: the reference that keeps all data and learns them anew, together, after every task."""

from dataclasses import replace

from torch import Generator

from hsokv.arms.interface import Answers, Settings, StreamShape, Tasks, arriving, carried
from hsokv.arms.members import finish
from hsokv.arms.minibatches import train_default
from hsokv.arms.reservoir import hold_out, join, nothing
from hsokv.learning.budget import Budget
from hsokv.learning.loop import stack_task


def learn(tasks: Tasks, shape: StreamShape, settings: Settings, budget: Budget, generator: Generator) -> Answers:
    """The head of `neither` from zero on all examples seen, whatever the cap is, `shape.passes` times each."""
    past = held_out = nothing(shape.key_dim)
    for classes, shots in arriving(tasks, shape):
        rest, new = hold_out(shots, shape, generator)
        past, held_out = join(past, rest), join(held_out, new)
        learners = train_default(None, past, classes, shape, settings, budget, generator)
        fitted = budget.run(finish, learners, None, None, held_out, shape.classes, *stack_task(held_out))
        instruments = fitted.instruments | carried(entries=(*past, *held_out), weights=learners.head)
        yield replace(fitted, instruments=instruments)
