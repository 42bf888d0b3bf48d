"""Groups of the swarm that differ by design: where they start, their strategy, what they see, what ranks them.

Searches as in swarm_candidates.py. Where scores of groups cannot be compared, each group is a swarm of its own, and
each brings its best agent: the last round then holds one agent a group.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from benchmarks.swarm_candidates import Arena, Members, evolve, spawn
from hsokv.memory import functional as kv
from hsokv.methods.ensemble import Branch
from hsokv.methods.members import fold_temperature, read_problem, write_memories
from hsokv.model.calibration import fit_gate, label_log_prob
from hsokv.model.head import Head, logits
from hsokv.swarm.state import SwarmState


def shuffled_regions(arena: Arena, generator: torch.Generator) -> list[Members]:
    """Groups do not differ: the first axis, which the package deals out in order, is dealt out at random."""
    own = spawn(generator)

    def begin(state: SwarmState) -> SwarmState:
        point = state.point.flatten(0, 1).clone()
        point[1:, 0] = point[1 + torch.randperm(len(point) - 1, generator=own), 0]
        return state._replace(point=point.view_as(state.point))

    return evolve(arena, generator, begin)


def strategy_groups(arena: Arena, generator: torch.Generator) -> list[Members]:
    """A strategy a group: the default's, each of the others, and groups of all of them; copies keep theirs."""
    default = arena.box.strategies.index(arena.box.default_strategy)
    order = [default, *(i for i in range(len(arena.box.strategies)) if i != default)]

    def begin(state: SwarmState) -> SwarmState:
        strategy = state.strategy.clone()
        for group, own in zip(range(len(strategy)), order, strict=False):
            strategy[group] = own
        return state._replace(strategy=strategy)

    manager = arena.shape.manager._replace(resampled=0.0)
    return evolve(arena._replace(shape=arena.shape._replace(manager=manager)), generator, begin)


def _apart(arena: Arena, generator: torch.Generator, of: Callable[[int], Arena]) -> list[Members]:
    """A swarm a group in the arena of that group; the best agent of each."""
    found = []
    for group in range(arena.shape.managers):
        last = evolve(of(group)._replace(shape=arena.shape._replace(managers=1)), generator)[-1]
        best = last.score.argmin(keepdim=True)
        found.append(tree_map(lambda part, best=best: part[best], last))
    return [tree_map(lambda *parts: torch.cat(parts), *found)]


def separate_groups(arena: Arena, generator: torch.Generator) -> list[Members]:
    """Groups that do not differ and do not exchange agents, for comparison."""
    return _apart(arena, generator, lambda group: arena)


def view_groups(arena: Arena, generator: torch.Generator) -> list[Members]:
    """The heads of each group learn from a random half of the features."""
    own, key_dim = spawn(generator), arena.problems.x.shape[-1]

    def of(group: int) -> Arena:
        seen = (torch.randperm(key_dim, generator=own) < key_dim // 2).float()
        return arena._replace(problems=arena.problems._replace(x=arena.problems.x * seen))

    return _apart(arena, generator, of)


def fold_groups(arena: Arena, generator: torch.Generator) -> list[Members]:
    """Each group is ranked on a part of the folds' answers of its own: a fold, where there are as many."""
    mask, managers = arena.scores.mask, arena.shape.managers
    part = (torch.arange(mask.numel()) % managers).view_as(mask)
    if len(mask) == managers:
        part = torch.arange(managers)[:, None].expand_as(mask)
    return _apart(
        arena, generator, lambda group: arena._replace(scores=arena.scores._replace(mask=mask * (part == group)))
    )


def memory_groups(arena: Arena, generator: torch.Generator) -> list[Members]:
    """Each group has a memory of its own, see `memories`."""
    own = memories(arena)

    def of(group: int) -> Arena:
        reads = arena.budget.run(read_problem, own[group], slice(arena.problems.folds), arena.scores.x)
        return arena._replace(on_folds=reads)

    return _apart(arena, generator, of)


def memories(arena: Arena) -> list[Branch]:
    """The package's; the same with the nearest entry read alone; with all read; and with half as many slots, so that
    entries of a class are averaged."""
    package, entries = arena.branch, arena.branch.state.labels.shape[-1]
    slots = max(arena.episode.classes, entries // 2)
    half = {"memory": {"entries": slots, "k": package.k}}
    halved = arena.budget.run(write_memories, arena.episode, arena.problems, half, torch.tensor([]))
    if package.projection is not None:
        state = arena.budget.run(kv.project, halved.state, package.projection)
        halved = halved._replace(state=state, projection=package.projection)
    return [package, package._replace(k=1), package._replace(k=entries), halved]


def finish_apart(arena: Arena, members: Members) -> Callable[[Tensor], Tensor]:
    """As `finish`, each member with the memory of its group; maps queries to log p [n, classes]."""
    own, head, problems = memories(arena), members.learners.head, arena.problems
    temperature = fold_temperature(head, problems, arena.scores)

    def both(problem: int, x: Tensor) -> tuple[Tensor, Tensor]:
        scaled = logits(Head(head.weight[:, problem], head.bias[:, problem]), x) / temperature[:, None, None]
        reads = [read_problem(branch, problem, x) for branch in own]
        said = [
            kv.label_distribution(r, b, arena.episode.classes)
            for r, b in zip(reads, members.values["sharpness"], strict=True)
        ]
        return scaled.softmax(-1).mean(0), torch.stack(said).mean(0)

    query, answer = arena.episode.dev.score
    param, memory = both(problems.dev, query)
    gate = fit_gate(label_log_prob(param.log(), answer), label_log_prob(memory, answer))

    def predict(x: Tensor) -> Tensor:
        param, memory = both(problems.train, x)
        return ((1 - gate) * param + gate * memory).log()

    return predict
