"""The swarm at work: `full` where the settings hold a memory, `swarm_only` where they do not."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Generator, Tensor

from hsokv.arms import minibatches
from hsokv.arms.interface import Answers, Fitted, Settings, StreamShape, Tasks, arriving, carried
from hsokv.arms.members import (
    MemoryReader,
    finish,
    fold_log_loss,
    read_memories,
)
from hsokv.arms.reservoir import hold_out, join
from hsokv.arms.stream_memory import StreamMemory
from hsokv.data.episode import Episode, Shots
from hsokv.exceptions import BudgetError
from hsokv.learning.budget import Budget
from hsokv.learning.loop import (
    Hyperparameters,
    Learners,
    ParallelMap,
    Problems,
    init_learners,
    stack_held_out,
    stack_problems,
    stack_task,
    train,
    train_managers,
)
from hsokv.learning.optimizers import OPTIMIZERS
from hsokv.swarm import supervisor
from hsokv.swarm.history import describe
from hsokv.swarm.manager import ManagerSettings
from hsokv.swarm.state import Axis, SearchSpace
from hsokv.swarm.supervisor import Progress, Round, Swarm, SwarmSettings, run_swarm


def search_space_of(settings: Settings) -> SearchSpace:
    """The region around the defaults that the swarm searches; the memory's axis only where there is a memory."""
    defaults = {name: settings["head"][name] for name in ("learning_rate", "weight_decay")}
    if "memory" in settings:
        defaults["inverse_temperature"] = settings["memory"]["inverse_temperature"]
    ranges = settings["swarm"]["search_space"]
    axes = tuple(Axis(name, *map(float, ranges[name]), default=float(value)) for name, value in defaults.items())
    return SearchSpace(axes, OPTIMIZERS, settings["head"]["optimizer"])


def swarm_settings(settings: Settings) -> SwarmSettings:
    """The shape of the swarm as the configuration has it."""
    shape = settings["swarm"]
    manager = ManagerSettings(shape["truncation_fraction"], shape["perturb_scale"], shape["resample_prob"])
    return SwarmSettings(shape["managers"], shape["agents"], shape["rounds"], shape["ensemble_size"], manager)


def one_group(settings: Settings) -> SwarmSettings:
    """The swarm of the configuration with all its agents under one manager."""
    shape = swarm_settings(settings)
    return shape._replace(managers=1, agents=shape.managers * shape.agents)


def fit(episode: Episode, settings: Settings, budget: Budget, generator: Generator) -> Fitted:
    """Agents train heads and search hyperparameters, the inverse temperature among them; the best are averaged."""
    return fit_swarm(episode, settings, swarm_settings(settings), budget, generator)


def learn(tasks: Tasks, shape: StreamShape, settings: Settings, budget: Budget, generator: Generator) -> Answers:
    """Agents train heads on each task in turn and search the hyperparameters meanwhile; the best are averaged."""
    return learn_swarm(tasks, shape, settings, swarm_settings(settings), budget, generator)


def fit_swarm(
    episode: Episode,
    settings: Settings,
    shape: SwarmSettings,
    budget: Budget,
    generator: Generator,
    executor: ParallelMap | None = None,
) -> Fitted:
    """A swarm of any shape on an episode: an agent takes head.steps steps in all, shared out over the rounds.

    All agents read one memory, into which the shots were written: at one shot there is nothing to choose between. With
    an `executor` managers train wherever it sends them; all else, the supervisor's part, is done here, to the same
    bits.
    """
    problems, held_out = stack_problems(episode), stack_held_out(episode)
    reader, retrieval = read_memories(episode, problems, held_out, settings, budget)

    def train_step(learners: Learners, values: dict[str, Tensor], optimizer: Tensor) -> Learners:
        hyperparameters = Hyperparameters(optimizer, values["learning_rate"], values["weight_decay"])
        work = learners, hyperparameters, problems, settings["head"]["steps"] // shape.rounds, budget
        reserve = budget.allowed // 4
        return (train(*work, reserve) if executor is None else train_managers(executor, *work, reserve))[0]

    def score(learners: Learners, values: dict[str, Tensor]) -> Tensor:
        return budget.run(fold_log_loss, learners, problems, held_out, values.get("inverse_temperature"), retrieval)

    learners = init_learners((shape.managers, shape.agents), problems, episode.classes)
    swarm = run_swarm(learners, search_space_of(settings), shape, train_step, score, budget, generator)
    inverse_temperature, dev = swarm.values.get("inverse_temperature"), episode.dev.score
    fitted = budget.run(finish, swarm.learners, reader, inverse_temperature, dev, episode.classes, problems, held_out)
    return with_history(fitted, swarm)


def learn_swarm(
    tasks: Tasks,
    shape: StreamShape,
    settings: Settings,
    swarm: SwarmSettings,
    budget: Budget,
    generator: Generator,
) -> Answers:
    """A swarm of any shape on a stream: its rounds share out the minibatches of each task.

    Heads and hyperparameters go on from task to task. Agents are ranked on held-out examples of the task at hand and of
    those before it, which are carried. All agents read one memory.
    """
    search_space, agents = search_space_of(settings), (swarm.managers, swarm.agents)
    own = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
    progress = held_out = None
    memory = StreamMemory.empty(shape, settings) if "memory" in settings else None
    history: tuple[Round, ...] = ()
    for classes, shots in arriving(tasks, shape):
        rest, new = hold_out(shots, shape, generator)
        held_out = new if held_out is None else join(held_out, new)
        reader, entries, statistics = None, tuple(held_out), ()
        if memory is not None:
            memory = budget.run(memory.write, rest, classes)
            reader = budget.run(memory.reader, settings)
            entries, statistics = (*memory.entries, *held_out), memory.moments or ()
        head = progress.state.learners.head if progress else None
        learners = minibatches.begin(head, agents, shape.key_dim, classes)
        if progress is None:
            progress = supervisor.start(learners, search_space, swarm, budget, own)
        state = progress.state._replace(learners=learners)
        progress = progress._replace(state=state, history=(), spent=budget.spent, over=False)
        batches = minibatches.minibatches(rest, shape.passes, generator)
        steps = minibatches.steps_of(rest, shape.passes)
        progress = _through_task(progress, batches, steps, reader, held_out, search_space, swarm, budget)
        history += progress.history
        best = supervisor.finish(progress, search_space, swarm)
        inverse_temperature = best.values.get("inverse_temperature")
        on_task = stack_task(held_out)
        fitted = budget.run(finish, best.learners, reader, inverse_temperature, held_out, shape.classes, *on_task)
        fitted = with_history(fitted, best._replace(history=history))
        # Held-out examples change from task to task, so this is not the curve of one search.
        curves = {"held_out_log_loss" if name == "fold_log_loss" else name: of for name, of in fitted.curves.items()}
        instruments = fitted.instruments | carried(entries, statistics, progress.state.learners.head)
        yield replace(fitted, curves=curves, instruments=instruments)


def _through_task(
    progress: Progress[Learners],
    batches: Iterator[Problems],
    steps: int,
    reader: MemoryReader | None,
    held_out: Shots,
    search_space: SearchSpace,
    swarm: SwarmSettings,
    budget: Budget,
) -> Progress[Learners]:
    """All rounds of a task, each through its share of the `steps` minibatches."""
    shares = iter([steps * (r + 1) // swarm.rounds - steps * r // swarm.rounds for r in range(swarm.rounds)])

    def train(learners: Learners, values: dict[str, Tensor], optimizer: Tensor) -> Learners:
        hyperparameters = Hyperparameters(optimizer, values["learning_rate"], values["weight_decay"])
        return minibatches.train(learners, hyperparameters, batches, next(shares), budget)

    def log_loss(learners: Learners, inverse_temperature: Tensor | None) -> Tensor:
        problems, stacked = stack_task(held_out)
        retrieval = reader.read(slice(1), stacked.x) if reader else None
        return fold_log_loss(learners, problems, stacked, inverse_temperature, retrieval)

    def score(learners: Learners, values: dict[str, Tensor]) -> Tensor:
        return budget.run(log_loss, learners, values.get("inverse_temperature"))

    while not progress.over:
        progress = supervisor.supervisor_round(progress, search_space, swarm, train, score, budget)
    if left := sum(shares):
        raise BudgetError(
            f"the allowance of {budget.allowed:.3g} FLOPs ended {left} minibatches before the task did; "
            "raise flops_allowed of this benchmark or use a smaller swarm"
        )
    return progress


def with_history(fitted: Fitted, swarm: Swarm[Learners]) -> Fitted:
    """Add what the swarm did to what goes into the record."""
    told = describe(swarm.initial, swarm.history, len(OPTIMIZERS))
    return replace(
        fitted,
        curves={
            "fold_log_loss": [float(step.score.min()) for step in swarm.history],
            "spent": [step.spent for step in swarm.history],
            "diversity": told.diversity,
            "failed_agents": [int(torch.isinf(step.score).sum()) for step in swarm.history],
        },
        instruments={
            **fitted.instruments,
            **told._asdict(),
            "diversity": told.diversity[1],
            "diversity_initial": told.diversity[0],
            "members": {name: value.tolist() for name, value in swarm.values.items()},
        },
    )
