"""Policies searched by the swarm of `hsokv.swarm`: evolution strategies as agents, evaluated on any executor.

One agent is one search over all workers: every generation its candidates are dealt out, and scores alone come back.
Several agents are a population of searches: the managers and the supervisor of `hsokv.swarm` decide what each searches
(learning rate and noise), and copy the good ones. Each score goes to the shared memory of policies.
"""

import io
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hsokv.distributed.evolution import Generation, Trial, ask, evaluate, evaluate_part, find_task, init_learner, tell
from hsokv.distributed.executors import Executor
from hsokv.distributed.nodes import Distant
from hsokv.distributed.policies import PolicyMemory
from hsokv.exceptions import ConfigurationError
from hsokv.files import replacing
from hsokv.swarm.manager import ManagerSettings
from hsokv.swarm.state import Axis, SearchSpace, SwarmState
from hsokv.swarm.supervisor import Progress, Round, SwarmSettings, start, supervisor_round

FINALISTS = 4  # policies of the memory that are scored anew at the end, on starts that no search has seen
FRESH = 40312  # the seed of those starts
COPYING = ManagerSettings(truncation_fraction=0.5, perturb_scale=0.2, resample_prob=0.0)


class Plan(NamedTuple):
    """What a run searches for, and how.

    task         `swing_up`, `cartpole`, or a module with the same functions
    seed         of all noise and starts
    candidates   of all agents in a generation, even for each agent
    episodes     of each candidate
    generations  between two scores, which is when agents copy and a checkpoint is written
    managers     groups of agents
    agents       of each group; one manager with one agent is one search over all workers
    copies       whether agents copy; without, each agent keeps to itself, at the default settings
    """

    task: str = "swing_up"
    seed: int = 0
    candidates: int = 1024
    episodes: int = 2
    generations: int = 4
    managers: int = 1
    agents: int = 1
    copies: bool = True


class Event(NamedTuple):
    """A round of a run: wall seconds and environment steps so far, the best score of the round, and of all rounds,
    steps a second in this round, workers lost so far."""

    seconds: float
    steps: int
    score: float
    best: float
    throughput: float
    lost: int


class Outcome(NamedTuple):
    """The swarm at the end, the shared memory, all events; `policy` [P] and `score`: the best of the memory's
    finalists, scored on fresh starts."""

    progress: Progress[Tensor]
    memory: PolicyMemory
    events: list[Event]
    policy: Tensor
    score: float


class Steps:
    """Environment steps spent: the budget of the swarm, which `run_search` limits."""

    spent = 0

    def affords(self, steps: int) -> bool:
        """Always: a checkpoint must not depend on how long a run was to be."""
        return True


def search_space(task: str) -> SearchSpace:
    """Learning rate and noise of an agent, within a factor of two around the task's defaults."""
    module = find_task(task)
    defaults = {"learning_rate": module.LEARNING_RATE, "sigma": module.SIGMA}
    axes = tuple(Axis(name, value / 2, value * 2, value) for name, value in defaults.items())
    return SearchSpace(axes, ("adam",), "adam")


def run_search(
    plan: Plan,
    executor: Executor | Distant,
    *,
    rounds: int = 10**6,
    steps: float = float("inf"),
    target: float | None = None,
    checkpoint: Path | None = None,
    watch: Callable[[Event], object] = lambda event: None,
) -> Outcome:
    """Search until `rounds` are done, the next would pass `steps` environment steps, or a score reaches `target`.

    The result depends on the plan and these three alone: not on the backend, the number of workers, nor on losses.

    Args:
        checkpoint: a file that holds the run after every round; where it exists, the run continues from it.
        watch: is told of every round, once it is in the checkpoint.

    Raises:
        ConfigurationError: values out of range, or a checkpoint that is damaged or of another plan.
        HsokvError: the checkpoint cannot be written.
        BackendError: no worker is left, or a generation fails again and again.
    """
    counts = {name: getattr(plan, name) for name in ("candidates", "episodes", "generations", "managers", "agents")}
    counts["rounds"] = rounds
    if wrong := {name: count for name, count in counts.items() if count < 1}:
        raise ConfigurationError(f"{', '.join(wrong)}: expected at least 1, got {list(wrong.values())}")
    task, count = find_task(plan.task), plan.managers * plan.agents
    if plan.candidates % (2 * count):
        raise ConfigurationError(
            f"candidates: expected a multiple of {2 * count}, an even number for each of {count} agents, "
            f"got {plan.candidates}"
        )
    space, shape = search_space(plan.task), SwarmSettings(plan.managers, plan.agents, 2**62, 1, COPYING)
    budget, memory, events = Steps(), PolicyMemory(_behaviour(task, np.ones((1, task.SIZE))).shape[1]), []
    learners = torch.stack([torch.from_numpy(init_learner(task, plan.seed, agent)) for agent in range(count)])
    learners = learners.unflatten(0, (plan.managers, plan.agents))
    progress = start(learners, space, shape, budget, torch.Generator().manual_seed(plan.seed))
    if not plan.copies:
        point = space.default_point().expand_as(progress.state.point).clone()
        progress = progress._replace(state=progress.state._replace(point=point))
    if checkpoint is not None and checkpoint.exists():
        progress, events = _read(checkpoint, plan, memory)
        budget.spent = progress.spent
    elif checkpoint is not None:  # where it cannot be written that is said before any work
        _write(checkpoint, plan, progress, memory, events)

    def train(learners: Tensor, values: dict[str, Tensor], optimizer: Tensor) -> Tensor:
        flat = learners.flatten(0, 1).numpy()
        sigma, rate = (values[name].flatten().numpy() for name in ("sigma", "learning_rate"))
        done = len(progress.history) * plan.generations
        for number in range(done + 1, done + plan.generations + 1):
            own = flat[:, : task.SIZE]
            generation = Generation(plan.task, plan.seed, number, plan.candidates // count, plan.episodes, own, sigma)
            found = executor.map(evaluate_part, ask(generation, executor.workers), _is_finite)
            budget.spent += sum(made for _, made in found)
            flat = tell(flat, generation, np.concatenate([scores for scores, _ in found]), rate)
        return torch.from_numpy(flat).unflatten(0, learners.shape[:2])

    def score(learners: Tensor, values: dict[str, Tensor]) -> Tensor:
        policies = learners.flatten(0, 1)[:, : task.SIZE]
        parts = np.array_split(policies.numpy(), min(executor.workers, count))
        found = executor.map(evaluate, [Trial(plan.task, part) for part in parts], _is_finite)
        budget.spent += sum(made for _, made in found)
        scores = torch.from_numpy(np.concatenate([part for part, _ in found])).float()
        memory.write(_behaviour(task, policies.numpy()), policies, scores)
        return (1 - scores).unflatten(0, learners.shape[:2])

    before = events[-1].seconds if events else 0.0
    began, best = time.perf_counter() - before, max((event.best for event in events), default=0.0)
    while len(events) < rounds and not (events and target is not None and best >= target):
        since, spent = time.perf_counter(), budget.spent
        progress = supervisor_round(progress, space, shape, train, score, budget, copies=plan.copies)
        now, found = time.perf_counter(), 1 - float(progress.history[-1].score.min())
        best, made = max(best, found), budget.spent - spent
        events.append(Event(now - began, budget.spent, found, best, made / (now - since), len(executor.lost)))
        if checkpoint is not None:
            _write(checkpoint, plan, progress, memory, events)
        watch(events[-1])
        if budget.spent + made > steps:
            break
    finalists = memory.best(FINALISTS)
    scores, _ = executor.map(evaluate, [Trial(plan.task, finalists.numpy(), FRESH)], _is_finite)[0]
    winner = int(scores.argmax())
    return Outcome(progress, memory, events, finalists[winner], float(scores[winner]))


def _is_finite(found: tuple[np.ndarray, int]) -> bool:
    return bool(np.isfinite(found[0]).all())


def _behaviour(task: ModuleType, policies: np.ndarray) -> Tensor:
    return torch.from_numpy(task.behaviour(policies.astype(np.float32)).astype(np.float32))


def _write(path: Path, plan: Plan, progress: Progress[Tensor], memory: PolicyMemory, events: list[Event]) -> None:
    content = {"plan": plan._asdict(), "progress": progress, "memory": memory.state_dict()}
    file = io.BytesIO()
    torch.save(content | {"events": [tuple(event) for event in events]}, file)
    with replacing(path) as temporary:
        temporary.write_bytes(file.getvalue())


def _read(path: Path, plan: Plan, memory: PolicyMemory) -> tuple[Progress[Tensor], list[Event]]:
    if not path.is_file():
        raise ConfigurationError(f"the checkpoint {path} is not a file. Name another")
    try:
        with torch.serialization.safe_globals([Progress, SwarmState, Round]):
            content = torch.load(path, weights_only=True)
        made_by = content["plan"]
        if made_by == plan._asdict():
            memory.load_state_dict(content["memory"])
        progress, events = content["progress"], [Event(*event) for event in content["events"]]
    except Exception as error:  # torch.load raises anything from EOFError to RuntimeError
        raise ConfigurationError(f"{path} is not a whole run ({error}). Delete the file to begin anew") from error
    if made_by != plan._asdict():
        raise ConfigurationError(f"{path} holds the run of another plan, {made_by}. Delete the file or name another")
    return progress, events
