"""From heads and a memory to a prediction, after each task: what `hsokv.methods.members` does after an episode.

The fold on which agents are ranked and temperatures fitted, and the dev examples on which the gate is, are the same
here: examples that were held out of each task.
"""

from dataclasses import replace

import torch
from torch import Tensor

from hsokv.data.episode import Episode, Fold, Shots
from hsokv.methods import members
from hsokv.methods.ensemble import Branch
from hsokv.methods.interface import Fitted
from hsokv.methods.members import read_problem
from hsokv.methods.streams.interface import StreamShape
from hsokv.training.loop import Learners, Problems, Scores


def _stacked(held: Shots) -> tuple[Problems, Scores]:
    """The one problem of a task, and its answer sheet."""
    x, y, mask = held.x.unsqueeze(0), held.y.unsqueeze(0), torch.ones(1, len(held.y))
    return Problems(x, y, mask, mask.sum(-1), folds=1, dev=0, train=0), Scores(x, y, mask)


def held_out_log_loss(
    learners: Learners, branch: Branch | None, inverse_temperature: Tensor | None, held: Shots, classes: int
) -> Tensor:
    """Log-loss of each agent [...] on the held-out examples, in nats, its temperature and gate fitted there first."""
    problems, scores = _stacked(held)
    retrieval = read_problem(branch, slice(1), scores.x) if branch else None
    return members.fold_log_loss(learners, inverse_temperature, retrieval, classes, problems, scores)


def finish(learners: Learners, branch: Branch | None, held: Shots, classes: int, shape: StreamShape) -> Fitted:
    """Calibrate the members on the held-out examples and average them; `classes` are seen, `shape.classes` told of."""
    problems, scores = _stacked(held)
    fold = Fold(held, held)
    episode = Episode((fold,), fold, held, test=Shots(held.x[:0], held.y[:0]), classes=classes)
    fitted = members.finish(learners, branch, episode, problems, scores)
    return replace(fitted, predict=fitted.predict._replace(classes=shape.classes))
