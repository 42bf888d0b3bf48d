"""The study's swarm around trainers: an agent is a checkpoint and its hyperparameters, a round is a short training."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from hsokv.exceptions import ConfigurationError
from hsokv.files import writing
from hsokv.hub.trainer import HSOKVTrainer, counted
from hsokv.learning.budget import Budget
from hsokv.swarm.state import SearchSpace
from hsokv.swarm.supervisor import Swarm, SwarmSettings, finish, start, supervisor_round

MakeTrainer = Callable[[Mapping[str, float | str], Path | None], HSOKVTrainer]
"""(hyperparameters, checkpoint) -> what trains one agent for one round: from the model in the folder `checkpoint`, or
from a new one where that is None. `hyperparameters` are those of the search space by name, "optimizer", one
of its names, and "seed", another number for every agent and round. The trainer's eval_dataset is what agents are
ranked on."""


class SearchResult(NamedTuple):
    """The folder of the best model, its log-loss on the eval_dataset (nats), its hyperparameters, and the swarm."""

    folder: Path
    score: float
    hyperparameters: dict[str, float]
    swarm: Swarm[Tensor]


def swarm_search(
    make_trainer: MakeTrainer,
    search_space: SearchSpace,
    settings: SwarmSettings,
    folder: Path,
    flops: int,
    seed: int = 0,
) -> SearchResult:
    """Rounds of training; after each the worst agents of a group copy one of its best, and move on in the search space.

    The rules are those of hsokv.swarm: agents whose loss is no number are never copied, and the best agent of all
    migrates. A copy takes the weights and the memory of its source; its optimizer starts anew, as every agent's does in
    each round. `folder`, empty or new, holds the models of the agents in `folder`/<number>. `flops` are for all
    trainings and scorings, counted; after the first, no round is begun where less is left than the last one took.

    Raises ConfigurationError for a folder that is not empty, SwarmCollapsedError where all agents fail.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} holds something: give the search a new or an empty folder")
    budget, scores = Budget(flops), {-1: torch.nan}

    def train(checkpoints: Tensor, values: dict[str, Tensor], optimizer: Tensor) -> Tensor:
        trained = torch.empty_like(checkpoints)
        for agent in range(checkpoints.numel()):
            number, source = len(scores) - 1, int(checkpoints.flatten()[agent])
            point = {name: float(value.flatten()[agent]) for name, value in values.items()}
            point |= {"optimizer": search_space.optimizers[int(optimizer.flatten()[agent])], "seed": number}
            trainer = make_trainer(point, folder / str(source) if source >= 0 else None)
            trainer.train()
            metrics, scoring = counted(trainer.evaluate)
            budget.spent += int(trainer.state.total_flos) + scoring  # a round that was begun is ended
            scores[number] = metrics["eval_loss"]
            trainer.save_model(str(folder / str(number)))
            trained.view(-1)[agent] = number
        return trained

    def score(checkpoints: Tensor, values: dict[str, Tensor]) -> Tensor:
        return torch.tensor([scores[int(number)] for number in checkpoints.flatten()]).view_as(checkpoints)

    new = torch.full((settings.managers, settings.agents), -1)
    progress = start(new, search_space, settings, budget, torch.Generator().manual_seed(seed))
    while not progress.over:
        progress = supervisor_round(progress, search_space, settings, train, score, budget)
        copied_from = set(map(str, progress.state.learners.flatten().tolist()))
        with writing(folder):
            for path in folder.iterdir():
                if path.name.isdecimal() and path.name not in copied_from:  # what trainers write there stays
                    shutil.rmtree(path)
    swarm = finish(progress, search_space, settings)
    best = {name: float(value[0]) for name, value in swarm.values.items()}
    return SearchResult(folder / str(int(swarm.learners[0])), float(swarm.score[0]), best, swarm)
