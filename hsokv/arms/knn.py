"""`knn`: the k nearest train shots vote (Cover and Hart 1967): what every memory has to beat."""

from torch import Generator

from hsokv.arms.interface import Answers, Fitted, Settings, StreamShape, Tasks, arriving, carried
from hsokv.arms.predictors import Neighbours
from hsokv.arms.reservoir import join, nothing, thin
from hsokv.data.episode import Episode, Shots
from hsokv.learning.budget import Budget


def _neighbours(shots: Shots, settings: Settings, seen: int, classes: int) -> Neighbours:
    k = min(settings["knn"]["k"], len(shots.y))
    return Neighbours(x=shots.x, y=shots.y, k=k, seen=seen, classes=classes)


def fit(episode: Episode, settings: Settings, budget: Budget, generator: Generator) -> Fitted:
    """Keep the shots."""
    return Fitted(_neighbours(episode.train, settings, episode.classes, episode.classes))


def learn(tasks: Tasks, shape: StreamShape, settings: Settings, budget: Budget, generator: Generator) -> Answers:
    """Keep a class-balanced sample of all that came."""
    past = nothing(shape.key_dim)
    for classes, shots in arriving(tasks, shape):
        past = thin(join(past, shots), shape.capacity, generator)
        yield Fitted(_neighbours(past, settings, classes, shape.classes), instruments=carried(entries=past))
