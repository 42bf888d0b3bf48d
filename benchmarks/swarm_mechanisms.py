"""Every mechanism tried on the swarm, alone: the evidence of docs/what-did-not-help.md.

    python -m benchmarks.swarm_mechanisms [--worlds 12] [--draws 30] [--folder results/mechanisms]

The arm `full` with one part replaced: its search (swarm_candidates.py, swarm_groups.py) or what becomes of the agents
(swarm_averages.py). All take the agent-steps of `full`; the counted operations stand in the table. Data: the test words
of tuning worlds (two senses, level 2) and shots of SST-2 scored on the development set, the latter without a memory
too. Features are made by benchmarks.memory_mechanisms and kept in the folder. One thread: the same command, the same
table.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import yaml

from benchmarks import swarm_averages as averages
from benchmarks import swarm_candidates as searches
from benchmarks import swarm_groups as groups
from benchmarks.memory_mechanisms import FOLDS, encode_draws, encode_world
from benchmarks.swarm_candidates import Members, Search, make_arena
from hsokv.analysis.intervals import interval
from hsokv.data.episode import Episode
from hsokv.data.rare_words import Settings
from hsokv.methods import population
from hsokv.methods.members import finish
from hsokv.model.calibration import label_log_prob
from hsokv.study.features import load_episode
from hsokv.training.budget import Budget

METHODS = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())["methods"]
FULL = {name: METHODS[name] for name in ("head", "memory", "keys", "swarm")}
DATA = {"rare_words": FULL, "sst2": FULL, "sst2, no memory": {name: FULL[name] for name in ("head", "swarm")}}
ALLOWED = 10**14  # never binds: equal agent-steps, counted


class Design(NamedTuple):
    """A search, what becomes of its agents, and the design that it is compared with (besides random search)."""

    search: Search
    average: Callable[..., Members] = averages.best_of_last
    against: str = "package"


DESIGNS = {
    "package": Design(searches.swarm),
    "random search": Design(searches.random_search),
    "one group": Design(searches.one_group),
    "best so far: checkpoints of all rounds": Design(searches.swarm, averages.best_of_all),
    "best so far: of every place": Design(searches.swarm, averages.best_of_places),
    "successive halving": Design(searches.halving),
    "bandit across groups": Design(searches.group_bandit),
    "reseeding under a diversity of .8": Design(searches.reseeding),
    "strategy that draws": Design(searches.random_strategy),
    "the best agent alone": Design(searches.swarm, averages.best_one),
    "all 16 averaged": Design(searches.swarm, averages.everyone),
    "logits averaged": Design(searches.swarm, averages.logit_average),
    "greedy soup": Design(searches.swarm, averages.greedy_soup),
    "greedy ensemble": Design(searches.swarm, averages.greedy_ensemble),
    "groups start all over the box": Design(groups.shuffled_regions),
    "strategy a group": Design(groups.strategy_groups),
    "groups apart, best of each": Design(groups.separate_groups, averages.everyone),
    "half of the features a group": Design(groups.view_groups, averages.everyone, "groups apart, best of each"),
    "fold a group": Design(groups.fold_groups, averages.everyone, "groups apart, best of each"),
    "memory a group": Design(groups.memory_groups, averages.everyone, "groups apart, best of each"),
}
SKIPPED = {
    # What concerns heads alone is tried where heads count: here the memory gets nine tenths of the weight or more.
    "rare_words": {
        *("strategy that draws", "groups start all over the box", "strategy a group"),
        *("half of the features a group", "fold a group"),
    },
    "sst2": set(),
    "sst2, no memory": {"memory a group"},
}


class Score(NamedTuple):
    """Of one design on one episode: by test query whether right and -log p, the least fold log-loss, FLOPs."""

    right: np.ndarray
    loss: np.ndarray
    fold: float
    spent: int


def score_designs(episode: Episode, data: str, seed: int) -> dict[str, Score]:
    """Every design on one episode, from the same seed; a search runs once, whatever becomes of its agents.

    Raises RuntimeError where, on seed 1, the package's own arm does not predict what its design here does.
    """
    ran, scores = {}, {}
    for name, design in DESIGNS.items():
        if name in SKIPPED[data]:
            continue
        budget = Budget(ALLOWED)
        arena = make_arena(episode, DATA[data], budget)
        if design.search not in ran:
            rounds = design.search(arena, torch.Generator().manual_seed(seed))
            ran[design.search] = rounds, budget.spent
        else:
            budget.charge(ran[design.search][1] - budget.spent)
        members = design.average(arena, ran[design.search][0])
        x, y = episode.test
        if design.search is groups.memory_groups:
            log_probs = budget.run(groups.finish_apart, arena, members)(x)
        else:
            branch = arena.branch and arena.branch._replace(sharpness=members.values["sharpness"])
            parts = (members.learners, branch, episode, arena.problems, arena.scores)
            log_probs = budget.run(finish, *parts).predict(x).log_probs
        if name == "package" and seed == 1:
            package = population.fit(episode, DATA[data], Budget(ALLOWED), torch.Generator().manual_seed(seed))
            if not torch.equal(package.predict(x).log_probs, log_probs):
                raise RuntimeError("the design `package` is not what `full` does: mend evolve()")
        right, loss = (log_probs.argmax(-1) == y).double().numpy(), -label_log_prob(log_probs, y).numpy()
        scores[name] = Score(right, loss, float(members.score.min()), budget.spent)
    return scores


def effect(scores: list[dict[str, Score]], a: str, b: str, what: str, shared: bool) -> str:
    """The paired difference a - b with its interval; over the test examples too where draws share them."""
    differences = np.stack([np.atleast_1d(getattr(of[a], what) - getattr(of[b], what)) for of in scores])
    found = interval(differences.mean(1), differences if shared and what != "fold" else None)
    scale, digits = (100, 1) if what == "right" else (1, 3)
    mean, low, high = (f"{scale * end:+.{digits}f}" for end in found)
    return f"{mean} [{low}, {high}]"


def table(scores: list[dict[str, Score]], data: str) -> None:
    """Print a row a design."""
    shared = data != "rare_words"
    for name, design in DESIGNS.items():
        if name == "package" or name not in scores[0]:
            continue
        flops = np.mean([of[name].spent / of["package"].spent for of in scores])
        cells = [effect(scores, name, design.against, what, shared) for what in ("right", "loss", "fold")]
        cells.append("" if name == "random search" else effect(scores, name, "random search", "right", shared))
        print(f"| {name} | {design.against} | {data} | {' | '.join(cells)} | {flops:.2f} |", flush=True)


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=12, help="tuning worlds, seeds from 1, under 1000; 0 for none")
    parser.add_argument("--draws", type=int, default=30, help="draws of SST-2 shots, seeds from 1; 0 for none")
    parser.add_argument("--folder", type=Path, default=Path("results/mechanisms"), help="where features are kept")
    arguments = parser.parse_args()
    if not 0 <= arguments.worlds < 1000 or 1 in (arguments.worlds, arguments.draws):
        parser.error("wanted 0 or 2 to 999 worlds (others belong to the study), and 0 or at least 2 draws")
    torch.set_num_threads(1)
    begin = time.perf_counter()
    words, texts = arguments.folder / "rare_words", arguments.folder / "sst2"
    if arguments.draws:
        encode_draws(list(range(1, arguments.draws + 1)), texts, say)
    columns = "mechanism | compared with | data | accuracy, points | log-loss, nats | fold log-loss, nats"
    print(f"| {columns} | accuracy over random search | FLOPs of `full` |\n|" + "---|" * 8)
    for data in DATA:
        scores = []
        for seed in range(1, 1 + (arguments.worlds if data == "rare_words" else arguments.draws)):
            if data == "rare_words":
                encode_world(seed, words, say)
                episode = load_episode(words, seed, "two_senses_level2", Settings().rare_words, None)
            else:
                episode = load_episode(texts, seed, "shots16", 2, FOLDS)
            scores.append(score_designs(episode, data, seed))
            say(f"{data}, seed {seed}: {(time.perf_counter() - begin) / 60:.1f} min")
        if scores:
            table(scores, data)
            for name in scores[0]:
                say(f"{data}, {name}: {100 * np.mean([of[name].right.mean() for of in scores]):.1f} %")


if __name__ == "__main__":
    main()
