"""What becomes of the agents of a search: which of them predict together, and how.

Each is a function of an arena and every agent of every round; it returns the members that `finish` averages.
"""

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from benchmarks.swarm_candidates import Arena, Members, score_agents
from hsokv.memory import functional as kv
from hsokv.methods.members import fold_temperature
from hsokv.model.calibration import label_log_prob, least_log_loss
from hsokv.model.head import Head, logits


def best_of_last(arena: Arena, rounds: list[Members]) -> Members:
    """The best few of the last round: the package's."""
    return _best(rounds[-1], arena.shape.averaged)


def best_of_all(arena: Arena, rounds: list[Members]) -> Members:
    """The best few of all rounds, as they were then."""
    return _best(tree_map(lambda *parts: torch.cat(parts), *rounds), arena.shape.averaged)


def best_of_places(arena: Arena, rounds: list[Members]) -> Members:
    """Each place in the swarm brings the best agent it ever held; the best few of these."""
    by_round = tree_map(lambda *parts: torch.stack(parts), *rounds)
    places = torch.arange(by_round.score.shape[1])
    return _best(tree_map(lambda part: part[by_round.score.argmin(0), places], by_round), arena.shape.averaged)


def best_one(arena: Arena, rounds: list[Members]) -> Members:
    """The best of the last round alone."""
    return _best(rounds[-1], 1)


def everyone(arena: Arena, rounds: list[Members]) -> Members:
    """All of the last round that did not fail."""
    return _best(rounds[-1], len(rounds[-1].score))


def logit_average(arena: Arena, rounds: list[Members]) -> Members:
    """softmax(mean_m z_m / T_m) over the package's members: one head, since heads are linear."""
    members = best_of_last(arena, rounds)
    temperature = arena.budget.run(fold_temperature, members.learners.head, arena.problems, arena.scores)
    weight, bias = members.learners.head
    head = Head(weight / temperature[:, None, None, None], bias / temperature[:, None, None])
    return _joined(arena, members._replace(learners=members.learners._replace(head=head)))


def greedy_soup(arena: Arena, rounds: list[Members]) -> Members:
    """Weights averaged, agent by agent from the best, each kept where the folds gain (Wortsman et al. 2022)."""
    agents, chosen = everyone(arena, rounds), [0]
    best = _joined(arena, _pick(agents, chosen))
    for i in range(1, len(agents.score)):
        tried = _joined(arena, _pick(agents, [*chosen, i]))
        if float(tried.score) < float(best.score):
            chosen, best = [*chosen, i], tried
    return best


def greedy_ensemble(arena: Arena, rounds: list[Members]) -> Members:
    """Probabilities averaged over as many picks as members, one by one and with repeats (Caruana et al. 2004)."""
    agents = everyone(arena, rounds)
    param, memory = arena.budget.run(_at_labels, arena, agents)
    mask, picked = arena.scores.mask.flatten(), []

    def loss(chosen: list[int]) -> float:
        at_label = param[chosen].mean(0).log()
        if memory is None:
            return float(-(at_label * mask).sum())
        return float(least_log_loss(at_label, memory[chosen].mean(0), mask))

    for _ in range(arena.shape.averaged):
        picked.append(min(range(len(agents.score)), key=lambda i: loss([*picked, i])))
    return _pick(agents, picked)


def _pick(members: Members, chosen: list[int] | Tensor) -> Members:
    return tree_map(lambda part: part[chosen], members)


def _best(members: Members, count: int) -> Members:
    order = members.score.argsort(stable=True)[:count]
    return _pick(members, order[members.score[order].isfinite()])


def _joined(arena: Arena, members: Members) -> Members:
    """One member with the mean of the members' weights, its hyperparameters their geometric means."""
    head = Head(*(part.mean(0, keepdim=True) for part in members.learners.head))
    values = {name: value.log().mean(0, keepdim=True).exp() for name, value in members.values.items()}
    learners = _pick(members, [0]).learners._replace(head=head)
    return Members(learners, values, score_agents(arena, learners, values))


def _at_labels(arena: Arena, agents: Members) -> tuple[Tensor, Tensor | None]:
    """p_param and p_mem of every agent at the label of every answer of the folds [agents, answers]."""
    problems, scores, head = arena.problems, arena.scores, agents.learners.head
    temperature = fold_temperature(head, problems, scores)
    folds = Head(head.weight[:, : problems.folds], head.bias[:, : problems.folds])
    scaled = (logits(folds, scores.x) / temperature[:, None, None, None]).log_softmax(-1)
    param = label_log_prob(scaled, scores.y).flatten(-2).exp()
    if arena.on_folds is None:
        return param, None
    said = kv.label_distribution(arena.on_folds, agents.values["sharpness"][:, None, None], arena.episode.classes)
    return param, label_log_prob(said, scores.y).flatten(-2)
