"""`prototypes`: the nearest class mean by cosine (Snell et al. 2017, without the episodic training).

On a stream from streamed sums, as iCaRL on frozen features (Rebuffi et al. 2017).

On events: the nearest class mean, by sums that can be added and taken away exactly.
"""

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize, one_hot

from hsokv.arms.events import Answer, EventLearner, EventShape, Rows, masked
from hsokv.arms.interface import Answers, Fitted, Settings, StreamShape, Tasks, arriving, carried
from hsokv.arms.predictors import Linear
from hsokv.arms.reservoir import hold_out, join, nothing
from hsokv.data.episode import Episode, Shots
from hsokv.learning.budget import Budget
from hsokv.learning.calibration import fit_temperature


def class_means(shots: Shots, classes: int) -> Tensor:
    """Mean of the shots of each class, [classes, key_dim]; every class must have a shot.

    >>> class_means(Shots(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0])), 1)
    tensor([[2.]])
    """
    member = one_hot(shots.y, classes).to(shots.x.dtype)
    return member.mT @ shots.x / member.sum(0).unsqueeze(1)


def _nearest_mean(means: Tensor, temperature: Tensor, classes: int) -> Linear:
    """p_c ∝ exp(cos(x, mean_c) / T) of the classes that have a mean."""
    weight = normalize(means, dim=-1).mT
    return Linear(weight=weight, bias=torch.zeros(len(means)), temperature=temperature, classes=classes)


def fit(episode: Episode, settings: Settings, budget: Budget, generator: Generator) -> Fitted:
    """p_c ∝ exp(cos(x, mean_c) / T) with T fitted on the folds."""

    def prototypes(shots: Shots) -> Tensor:
        return normalize(class_means(shots, episode.classes), dim=-1).mT

    def calibrate() -> tuple[Tensor, Tensor]:
        on_folds = torch.cat([fold.score.x @ prototypes(fold.fit) for fold in episode.folds])
        temperature = fit_temperature(on_folds, torch.cat([fold.score.y for fold in episode.folds]))
        return class_means(episode.train, episode.classes), temperature

    means, temperature = budget.run(calibrate)
    predict = _nearest_mean(means, temperature, episode.classes)
    return Fitted(predict, instruments={"temperature": float(temperature)})


def learn(tasks: Tasks, shape: StreamShape, settings: Settings, budget: Budget, generator: Generator) -> Answers:
    """p_c ∝ exp(cos(x, mean_c) / T): the mean of a class is that of all its examples, T is fitted on held-out ones."""
    held_out, of_rest, means = nothing(shape.key_dim), torch.empty(0, shape.key_dim), torch.empty(0, shape.key_dim)
    for classes, shots in arriving(tasks, shape):
        rest, new = hold_out(shots, shape, generator)
        held_out, first = join(held_out, new), classes - shape.classes_per_task

        def extend(means: Tensor, shots: Shots, first: int = first) -> Tensor:
            """A class arrives whole, in one task."""
            return torch.cat([means, class_means(Shots(shots.x, shots.y - first), shape.classes_per_task)])

        of_rest, means = budget.run(extend, of_rest, rest), budget.run(extend, means, shots)
        scores = budget.run(lambda of_rest=of_rest, held_out=held_out: held_out.x @ normalize(of_rest, dim=-1).mT)
        temperature = fit_temperature(scores, held_out.y)
        instruments = {"temperature": float(temperature)} | carried(held_out, (of_rest, means))
        yield Fitted(_nearest_mean(means, temperature, shape.classes), instruments=instruments)


class Learner(EventLearner):
    """Keeps a count and a sum of features for each label, and no example.

    On the grid the sums are exact, so what is withdrawn leaves no trace in any bit.
    """

    def __init__(self, shape: EventShape, settings: Settings, generator: torch.Generator) -> None:
        self.scale = settings["event_heads"]["scale"]
        self.count = torch.zeros(shape.labels, dtype=torch.float64)
        self.total = torch.zeros(shape.labels, shape.key_dim, dtype=torch.float64)

    def add(self, rows: Rows, sign: int = 1) -> None:
        """Add the sums of examples, or with `sign` -1 take them away."""
        member = one_hot(rows.y, len(self.count)).double() * sign
        self.count = self.count + member.sum(0)
        self.total = self.total + member.mT @ rows.x.double()

    def relabel(self, old: int, new: int) -> None:
        """Add the sums of a label to those of another."""
        for part in (self.count, self.total):
            part[new] += part[old]
            part[old] = 0

    def withdraw(self, rows: Rows) -> None:
        """Take the sums of examples away."""
        self.add(rows, -1)

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Softmax of the cosines with the class means, times a scale."""
        cosines = x @ normalize(self.total).float().mT
        return Answer(masked(self.scale * cosines, in_force), cosines.amax(-1).clamp(0, 1))

    def carried(self) -> dict[str, list[Tensor]]:
        """The sums."""
        return {"statistics": [self.count, self.total]}
