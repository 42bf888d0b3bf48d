"""`experience_replay`: past examples beside new ones in every minibatch (Rolnick et al. 2019, Chaudhry et al. 2019)."""

from dataclasses import replace

from torch import Generator

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
