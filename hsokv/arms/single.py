"""One default agent: `kv_only` where the settings hold a memory, `neither` where they do not."""

from dataclasses import replace

import torch
from torch import Generator, Tensor

from hsokv.arms.interface import Answers, Fitted, Settings, StreamShape, Tasks, arriving, carried
from hsokv.arms.members import default_hyperparameters, finish, fold_log_loss, read_memories
from hsokv.arms.minibatches import train_default
from hsokv.arms.reservoir import hold_out, join
from hsokv.arms.stream_memory import StreamMemory
from hsokv.data.episode import Episode
from hsokv.learning.budget import Budget
from hsokv.learning.loop import init_learners, stack_held_out, stack_problems, stack_task, train


def default_inverse_temperature(settings: Settings) -> Tensor | None:
    """The inverse_temperature [1] of the default agent's memory, if it has one."""
    return torch.tensor([float(settings["memory"]["inverse_temperature"])]) if "memory" in settings else None


def fit(episode: Episode, settings: Settings, budget: Budget, generator: Generator) -> Fitted:
    """Train one linear head on the shots with the default settings; write the shots to the memory, if there is one.

    The folds serve the temperature and the dev shots the gate; neither is learnt from. Nothing is drawn.
    """
    problems, held_out = stack_problems(episode), stack_held_out(episode)
    learners = init_learners((1,), problems, episode.classes)
    hyperparameters, steps = default_hyperparameters(settings["head"]), settings["head"]["steps"]
    learners, steps = train(learners, hyperparameters, problems, steps, budget, reserve=budget.allowed // 4)
    inverse_temperature = default_inverse_temperature(settings)
    reader, retrieval = read_memories(episode, problems, held_out, settings, budget)
    loss = budget.run(fold_log_loss, learners, problems, held_out, inverse_temperature, retrieval)
    curves = {"fold_log_loss": [float(loss)], "spent": [budget.spent]}
    dev, classes = episode.dev.score, episode.classes
    fitted = budget.run(finish, learners, reader, inverse_temperature, dev, classes, problems, held_out)
    return replace(fitted, curves=curves, instruments={**fitted.instruments, "steps": steps})


def learn(tasks: Tasks, shape: StreamShape, settings: Settings, budget: Budget, generator: Generator) -> Answers:
    """Train one linear head on each task in turn, with the default settings; write each task to the memory, if any.

    Some examples of each task are held out. They give the temperature and the gate; with a memory they are carried on,
    without one nothing is, and the temperature is that of the task at hand.
    """
    learners = held_out = None
    inverse_temperature = default_inverse_temperature(settings)
    memory = StreamMemory.empty(shape, settings) if "memory" in settings else None
    for classes, shots in arriving(tasks, shape):
        rest, new = hold_out(shots, shape, generator)
        held_out = new if held_out is None or memory is None else join(held_out, new)
        learners = train_default(learners, rest, classes, shape, settings, budget, generator)
        reader, entries, statistics = None, (), ()
        if memory is not None:
            memory = budget.run(memory.write, rest, classes)
            reader = budget.run(memory.reader, settings)
            entries, statistics = (*memory.entries, *held_out), memory.moments or ()
        fitted = budget.run(
            finish, learners, reader, inverse_temperature, held_out, shape.classes, *stack_task(held_out)
        )
        yield replace(fitted, instruments=fitted.instruments | carried(entries, statistics, learners.head))
