"""The swarm on a stream: `full` where the settings hold a memory, `swarm_only` where they do not."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from hsokv.data.episode import Shots
from hsokv.exceptions import BudgetError
from hsokv.methods.ensemble import Branch
from hsokv.methods.interface import Fitted
from hsokv.methods.population import search_space_of, swarm_settings, with_history
from hsokv.methods.streams import heads, memory
from hsokv.methods.streams.calibrated import finish, held_out_log_loss
from hsokv.methods.streams.interface import StreamShape, arriving, carried
from hsokv.methods.streams.reservoir import hold_out, join
from hsokv.swarm import supervisor
from hsokv.swarm.state import SearchSpace
from hsokv.swarm.supervisor import Progress, Round, SwarmSettings
from hsokv.training.budget import Budget
from hsokv.training.loop import Hyperparameters, Learners, Problems


def learn(
    tasks: Iterator[Shots],
    shape: StreamShape,
    settings: Mapping[str, Any],
    budget: Budget,
    generator: torch.Generator,
) -> Iterator[Fitted]:
    """Agents train heads on each task in turn and search the hyperparameters meanwhile; the best are averaged."""
    return learn_swarm(tasks, shape, settings, swarm_settings(settings), budget, generator)


def learn_swarm(
    tasks: Iterator[Shots],
    shape: StreamShape,
    settings: Mapping[str, Any],
    swarm: SwarmSettings,
    budget: Budget,
    generator: torch.Generator,
) -> Iterator[Fitted]:
    """A swarm of any shape on a stream: its rounds share out the minibatches of each task.

    Heads and hyperparameters go on from task to task. Agents are ranked on held-out examples of the task at hand and of
    those before it, which are carried. All agents read one memory.
    """
    search_space, agents = search_space_of(settings), (swarm.managers, swarm.agents)
    own = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
    progress = held = None
    remembered = memory.empty(shape, settings) if "memory" in settings else None
    history: tuple[Round, ...] = ()
    for classes, shots in arriving(tasks, shape):
        rest, new = hold_out(shots, shape, generator)
        held = new if held is None else join(held, new)
        branch, entries, statistics = None, [*held], []
        if remembered is not None:
            remembered = budget.run(memory.remember, remembered, rest, classes)
            branch = budget.run(memory.branch, remembered, settings, torch.tensor([]))
            entries, statistics = [*remembered.entries, *held], list(remembered.moments or ())
        head = progress.state.learners.head if progress else None
        learners = heads.begin(head, agents, shape.key_dim, classes)
        if progress is None:
            progress = supervisor.start(learners, search_space, swarm, budget, own)
        state = progress.state._replace(learners=learners)
        progress = progress._replace(state=state, history=(), spent=budget.spent, over=False)
        batches, steps = heads.minibatches(rest, shape.passes, generator), heads.steps_of(rest, shape.passes)
        progress = _through_task(progress, batches, steps, branch, held, classes, search_space, swarm, budget)
        history += progress.history
        best = supervisor.finish(progress, search_space, swarm)
        if branch is not None:
            branch = branch._replace(inverse_temperature=best.values["inverse_temperature"])
        fitted = budget.run(finish, best.learners, branch, held, classes, shape)
        fitted = with_history(fitted, best._replace(history=history))
        # Held-out examples change from task to task, so this is not the curve of one search.
        curves = {"held_out_log_loss" if name == "fold_log_loss" else name: of for name, of in fitted.curves.items()}
        kept = carried(entries, statistics, list(progress.state.learners.head))
        yield replace(fitted, curves=curves, instruments=fitted.instruments | {"carried": kept})


def _through_task(
    progress: Progress,
    batches: Iterator[Problems],
    steps: int,
    branch: Branch | None,
    held: Shots,
    classes: int,
    search_space: SearchSpace,
    swarm: SwarmSettings,
    budget: Budget,
) -> Progress:
    """All rounds of a task, each through its share of the `steps` minibatches."""
    shares = iter([steps * (r + 1) // swarm.rounds - steps * r // swarm.rounds for r in range(swarm.rounds)])

    def train(learners: Learners, values: dict[str, Tensor], optimizer: Tensor) -> Learners:
        hyperparameters = Hyperparameters(optimizer, values["learning_rate"], values["weight_decay"])
        return heads.train(learners, hyperparameters, batches, next(shares), budget)

    def score(learners: Learners, values: dict[str, Tensor]) -> Tensor:
        return budget.run(held_out_log_loss, learners, branch, values.get("inverse_temperature"), held, classes)

    while not progress.over:
        progress = supervisor.supervisor_round(progress, search_space, swarm, train, score, budget)
    if left := sum(shares):
        raise BudgetError(
            f"the allowance of {budget.allowed:.3g} FLOPs ended {left} minibatches before the task did; "
            "raise flops_allowed of this benchmark or use a smaller swarm"
        )
    return progress
