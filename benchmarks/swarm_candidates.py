"""The searches that `benchmarks.swarm_mechanisms` and `benchmarks.swarm_or_search` compare, and what they work with.

A search is a function of an arena and a generator; it returns every agent of every round, and it takes as many
agent-steps as the package's swarm, managers x agents x steps, unless it says otherwise. What becomes of the agents is
in swarm_averages.py, groups that differ are in swarm_groups.py. What is not in the package lives here alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from hsokv.analysis.diversity import diversity
from hsokv.data.episode import Episode
from hsokv.memory import functional as kv
from hsokv.methods.ensemble import Branch
from hsokv.methods.members import fold_log_loss, read_problem, write_memories
from hsokv.methods.population import search_box, swarm_settings
from hsokv.model.head import Head, loss
from hsokv.swarm.manager import manager_step
from hsokv.swarm.state import Box, SwarmState, init_swarm
from hsokv.swarm.supervisor import Progress, SwarmSettings, TrainStep, start, supervisor_round
from hsokv.training.budget import Budget
from hsokv.training.loop import (
    Hyperparameters,
    Learners,
    Problems,
    Scores,
    init_learners,
    stack_problems,
    stack_scores,
    train,
)

FLOOR = 0.8  # of diversity: the study's criterion
LENGTH = 30.0  # of a proposal at a relative learning rate of 1: of 1, 3, 10 and 30 the best on a generated episode


class Arena(NamedTuple):
    """What every search works with.

    `steps` of an agent in all its rounds; `trainer(arena, steps)` makes the train step of a round; `branch` and
    `on_folds` (the folds' reads of it) are None without a memory.
    """

    episode: Episode
    budget: Budget
    box: Box
    shape: SwarmSettings
    steps: int
    trainer: Callable[["Arena", int], TrainStep]
    problems: Problems
    scores: Scores
    branch: Branch | None = None
    on_folds: kv.Retrieval | None = None

    @property
    def agents(self) -> int:
        """Agents of all groups."""
        return self.shape.managers * self.shape.agents


class Members(NamedTuple):
    """Agents side by side: learners and values lead with [agents], like the fold log-loss `score`, +inf if failed."""

    learners: Learners
    values: dict[str, Tensor]
    score: Tensor


Search = Callable[[Arena, torch.Generator], list[Members]]


def make_arena(episode: Episode, settings: dict[str, Any], budget: Budget) -> Arena:
    """What `population.fit_swarm` makes of an episode and settings."""
    problems, scores, branch, on_folds = stack_problems(episode), stack_scores(episode), None, None
    if "memory" in settings:
        branch = budget.run(write_memories, episode, problems, settings, torch.tensor([]))
        on_folds = budget.run(read_problem, branch, slice(problems.folds), scores.x)
    box, shape, steps = search_box(settings), swarm_settings(settings), settings["head"]["steps"]
    return Arena(episode, budget, box, shape, steps, gradient_steps, problems, scores, branch, on_folds)


def gradient_steps(arena: Arena, steps: int) -> TrainStep:
    """The package's train step."""

    def step(learners: Learners, values: dict[str, Tensor], strategy: Tensor) -> Learners:
        of = Hyperparameters(strategy, values["learning_rate"], values["weight_decay"])
        return train(learners, of, arena.problems, steps, arena.budget)[0]

    return step


def score_agents(arena: Arena, learners: Learners, values: dict[str, Tensor]) -> Tensor:
    """The package's fold log-loss."""
    memory = (values.get("sharpness"), arena.on_folds, arena.episode.classes)
    return arena.budget.run(fold_log_loss, learners, *memory, arena.problems, arena.scores)


def fresh(arena: Arena, *agents: int) -> Learners:
    """Untrained heads."""
    return init_learners(agents, arena.problems, arena.episode.classes)


def evolve(
    arena: Arena,
    generator: torch.Generator,
    begin: Callable[[SwarmState], SwarmState] = lambda state: state,
    between: Callable[[Progress], Progress] = lambda progress: progress,
) -> list[Members]:
    """The package's swarm, with a hook before the first round and one between rounds."""
    rounds: list[Members] = []

    def score(learners: Learners, values: dict[str, Tensor]) -> Tensor:
        rounds.append(_scored(arena, learners, values))
        return rounds[-1].score.view(arena.shape.managers, arena.shape.agents)

    shape, step = arena.shape, arena.trainer(arena, arena.steps // arena.shape.rounds)
    progress = start(fresh(arena, shape.managers, shape.agents), arena.box, shape, arena.budget, generator)
    progress = progress._replace(state=begin(progress.state))
    while not progress.over:
        progress = supervisor_round(progress, arena.box, shape, step, score, arena.budget)
        progress = progress if progress.over else between(progress)
    return rounds


def _scored(arena: Arena, learners: Learners, values: dict[str, Tensor]) -> Members:
    """Score a population of groups and lay it flat."""
    score = score_agents(arena, learners, values)
    everyone = Members(learners, values, score.where(score.isfinite(), torch.inf))
    return tree_map(lambda part: part.flatten(0, 1), everyone)


def spawn(generator: torch.Generator) -> torch.Generator:
    """A generator of its own, so that what a mechanism draws leaves the rest as it is."""
    return torch.Generator().manual_seed(int(torch.randint(2**31, (1,), generator=generator)))


def swarm(arena: Arena, generator: torch.Generator) -> list[Members]:
    """The package's."""
    return evolve(arena, generator)


def one_group(arena: Arena, generator: torch.Generator) -> list[Members]:
    """The same agents under one manager: `kv_flat_population`."""
    return evolve(arena._replace(shape=arena.shape._replace(managers=1, agents=arena.agents)), generator)


def random_search(arena: Arena, generator: torch.Generator) -> list[Members]:
    """One round of as many agents: `kv_random_search`."""
    shape = arena.shape._replace(managers=1, agents=arena.agents, rounds=1)
    return evolve(arena._replace(shape=shape), generator)


def default_agent(arena: Arena, generator: torch.Generator) -> list[Members]:
    """One default agent that takes all the steps: `single_all_compute`."""
    shape = arena.shape._replace(managers=1, agents=1, rounds=1)
    return evolve(arena._replace(shape=shape, steps=arena.steps * arena.agents), generator)


def halving(arena: Arena, generator: torch.Generator) -> list[Members]:
    """Successive halving (Jamieson and Talwalkar 2016): the better half goes on from where it was, to the members.

    Every rung takes the same number of agent-steps.
    """
    state = init_swarm(fresh(arena, 1, arena.agents), arena.box, 1, arena.agents, generator)
    rungs, taken, rounds = [arena.agents], 0, []
    while rungs[-1] // 2 >= arena.shape.averaged:
        rungs.append(rungs[-1] // 2)
    for i, rung in enumerate(rungs):
        best = state.score[0].argsort(stable=True)[:rung]
        state = tree_map(lambda part, best=best: part[:, best], state)
        steps = (arena.agents * arena.steps * (i + 1) // len(rungs) - taken) // rung
        taken += steps * rung
        state, scored = _round(arena, state, steps)
        rounds.append(scored)
    return rounds


def _round(arena: Arena, state: SwarmState, steps: int) -> tuple[SwarmState, Members]:
    values = arena.box.values(state.point)
    learners = arena.trainer(arena, steps)(state.learners, values, state.strategy)
    scored = _scored(arena, learners, values)
    return state._replace(learners=learners, score=scored.score.view(state.score.shape)), scored


def group_bandit(arena: Arena, generator: torch.Generator) -> list[Members]:
    """Managers step as they do, and after each round the group whose best is worst ends; nobody migrates.

    Successive rejects (Audibert and Bubeck 2010): all rounds cost alike, so those that are left train longer.
    """
    managers, agents = arena.shape.managers, arena.shape.agents
    state = init_swarm(fresh(arena, managers, agents), arena.box, managers, agents, generator)
    taken, rounds = 0, []
    for left in range(managers, 0, -1):
        if left < managers:
            best = state.score.amin(1).argsort(stable=True)[:left]
            groups = [tree_map(lambda part, group=group: part[group], state) for group in best]
            groups = [manager_step(g, arena.shape.manager, len(arena.box.strategies), generator) for g in groups]
            state = tree_map(lambda *parts: torch.stack(parts), *groups)
        steps = (arena.agents * arena.steps * (managers - left + 1) // managers - taken) // (left * agents)
        taken += steps * left * agents
        state, scored = _round(arena, state, steps)
        rounds.append(scored)
    return rounds


def reseeding(arena: Arena, generator: torch.Generator) -> list[Members]:
    """Where diversity is under the floor after a round, the round's copies draw place and strategy anew."""
    own, strategies = spawn(generator), len(arena.box.strategies)

    def between(progress: Progress) -> Progress:
        state = progress.state
        if diversity(state.strategy.flatten().numpy(), strategies, state.point.flatten(0, 1).numpy()) >= FLOOR:
            return progress
        copied = state.parent != progress.initial.parent
        point, strategy = state.point.clone(), state.strategy.clone()
        point[copied] = torch.rand(point[copied].shape, generator=own)
        strategy[copied] = torch.randint(strategies, strategy[copied].shape, generator=own)
        return progress._replace(state=state._replace(point=point, strategy=strategy))

    return evolve(arena, generator, between=between)


def random_strategy(arena: Arena, generator: torch.Generator) -> list[Members]:
    """One strategy more: random proposals, kept where they lower the training loss, two for a gradient step."""
    own, another = spawn(generator), len(arena.box.strategies)

    def trainer(arena: Arena, steps: int) -> TrainStep:
        by_gradient = gradient_steps(arena, steps)

        def step(learners: Learners, values: dict[str, Tensor], strategy: Tensor) -> Learners:
            agents = tree_map(lambda part: part.flatten(0, 1), (learners, values, strategy))
            trained = agents[0]
            for chosen in ((agents[2] != another).nonzero()[:, 0], (agents[2] == another).nonzero()[:, 0]):
                if len(chosen):
                    some, of, rule = tree_map(lambda part, chosen=chosen: part[chosen], agents)
                    if int(rule[0]) == another:
                        rate = of["learning_rate"]
                        some = arena.budget.run(propose, some, rate, arena.problems, 2 * steps, own)
                    else:
                        some = by_gradient(some, of, rule)
                    trained = tree_map(lambda old, new, at=chosen: old.index_copy(0, at, new), trained, some)
            return tree_map(lambda part: part.unflatten(0, strategy.shape), trained)

        return step

    box = arena.box._replace(strategies=(*arena.box.strategies, "random_search"))
    return evolve(arena._replace(box=box, trainer=trainer), generator)


def propose(
    learners: Learners, rate: Tensor, problems: Problems, proposals: int, generator: torch.Generator
) -> Learners:
    """Moves of length LENGTH x rate in a random direction; each head keeps one only where its own loss falls."""
    head = learners.head
    *batch, key_dim, classes = head.weight.shape
    best = loss(head, problems.x, problems.y, problems.mask)
    for _ in range(proposals):
        drawn = torch.randn(*batch, key_dim + 1, classes, generator=generator)
        move = LENGTH * rate[:, None, None, None] * drawn / drawn.square().sum((-2, -1), keepdim=True).sqrt()
        tried = Head(head.weight + move[..., :-1, :], head.bias + move[..., -1, :])
        found = loss(tried, problems.x, problems.y, problems.mask)
        better = found < best
        weight = torch.where(better[..., None, None], tried.weight, head.weight)
        head, best = Head(weight, torch.where(better[..., None], tried.bias, head.bias)), found.minimum(best)
    return learners._replace(head=head)
