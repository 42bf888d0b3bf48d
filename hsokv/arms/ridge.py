"""`ridge`: shrunken linear discriminant analysis, closed form on second-order statistics (Friedman 1989).

On a stream the statistics are sums, so it forgets nothing.

On events: shrunken linear discriminant analysis on exact sums; recursive, since a withdrawal subtracts.
"""

import torch
from torch import Generator, Tensor

from hsokv.arms import prototypes
from hsokv.arms.events import Answer, EventShape, Rows, masked
from hsokv.arms.interface import Answers, Fitted, Settings, StreamShape, Tasks, arriving, carried
from hsokv.arms.predictors import Linear
from hsokv.arms.reservoir import hold_out, join, nothing
from hsokv.data.episode import Background, Episode, Shots
from hsokv.learning.budget import Budget
from hsokv.learning.calibration import fit_temperature, label_log_prob
from hsokv.learning.discriminant import lda_head, oas_shrinkage
from hsokv.learning.head import Head, logits
from hsokv.learning.moments import Moments, add, init_moments, means_of_seen, within

Choice = tuple[float, Tensor, Head]
"""Shrinkage, temperature and head."""


def discriminant(shots: Shots, classes: int, shrinkage: float, background: Background | None) -> Head:
    """LDA with the class means of the shots; W pools the within-class scatter of the shots and of the background.

    Where there is no scatter (one shot per class, no background) it is the nearest mean.
    """
    moments = add(init_moments(classes, shots.x.shape[1]), shots.x, shots.y)
    scatter, degrees = within(moments)
    if background is not None:
        scatter, degrees = scatter + background.within * background.degrees, degrees + background.degrees
    means = moments.total / moments.count.unsqueeze(1)
    head = lda_head(means, scatter / max(degrees, 1), shrinkage)
    return Head(*(part.to(shots.x.dtype) for part in head))


def _calibrated_loss(scores: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """Mean log-loss after a temperature, in nats, and the temperature."""
    temperature = fit_temperature(scores, labels)
    return float(-label_log_prob((scores / temperature).log_softmax(-1), labels).mean()), temperature


def _fitted(choice: Choice, classes: int, **more: dict[str, int]) -> Fitted:
    shrinkage, temperature, head = choice
    predict = Linear(**head._asdict(), temperature=temperature, classes=classes)
    return Fitted(predict, instruments={"shrinkage": shrinkage, "temperature": float(temperature), **more})


def fit(episode: Episode, settings: Settings, budget: Budget, generator: Generator) -> Fitted:
    """Choose the shrinkage by log-loss on the folds (after a temperature), then solve on the train shots."""
    labels = torch.cat([fold.score.y for fold in episode.folds])

    def solve(shots: Shots, shrinkage: float) -> Head:
        return discriminant(shots, episode.classes, shrinkage, episode.background)

    def on_folds(shrinkage: float) -> tuple[float, Tensor]:
        scores = torch.cat([logits(solve(fold.fit, shrinkage), fold.score.x) for fold in episode.folds])
        return _calibrated_loss(scores, labels)

    def choose() -> Choice:
        tried = [(*on_folds(shrinkage), shrinkage) for shrinkage in settings["ridge"]["shrinkage"]]
        _, temperature, shrinkage = min(tried, key=lambda one: one[0])
        return shrinkage, temperature, solve(episode.train, shrinkage)

    return _fitted(budget.run(choose), episode.classes)


def learn(tasks: Tasks, shape: StreamShape, settings: Settings, budget: Budget, generator: Generator) -> Answers:
    """Add each task to the statistics; choose the shrinkage on held-out examples, then solve with those too.

    Held-out examples stay out of the statistics while the shrinkage is chosen, among those of the settings and the one
    that the formula for Gaussian data gives, and are added to what is solved: sums can be added whenever.
    """
    held_out, moments = nothing(shape.key_dim), init_moments(shape.classes, shape.key_dim)

    def covariance(moments: Moments) -> tuple[Tensor, int]:
        scatter, degrees = within(moments)
        return scatter / max(degrees, 1), degrees

    def choose(moments: Moments, held_out: Shots) -> Choice:
        pooled, degrees = covariance(moments)
        means, narrow = means_of_seen(moments)[0].float(), pooled.float()  # enough digits to choose by
        tried = []
        for shrinkage in (*settings["ridge"]["shrinkage"], oas_shrinkage(pooled, degrees)):
            loss, temperature = _calibrated_loss(logits(lda_head(means, narrow, shrinkage), held_out.x), held_out.y)
            tried.append((loss, shrinkage, temperature))
        _, shrinkage, temperature = min(tried)
        moments = add(moments, *held_out)
        head = lda_head(means_of_seen(moments)[0], covariance(moments)[0], shrinkage)
        return shrinkage, temperature, Head(*(part.float() for part in head))

    for _, shots in arriving(tasks, shape):
        rest, new = hold_out(shots, shape, generator)
        held_out = join(held_out, new)
        moments = budget.run(add, moments, *rest)
        choice = budget.run(choose, moments, held_out)
        yield _fitted(choice, shape.classes, **carried(held_out, moments, choice[2]))


class Learner(prototypes.Learner):
    """Keeps the sum of all products of features too, and solves for the head before answers."""

    afresh = True

    def __init__(self, shape: EventShape, settings: Settings, generator: torch.Generator) -> None:
        super().__init__(shape, settings, generator)
        self.settings = settings["event_heads"]
        self.second = torch.zeros(shape.key_dim, shape.key_dim, dtype=torch.float64)
        self.head = Head(torch.zeros(shape.key_dim, 0), torch.zeros(0))

    def add(self, rows: Rows, sign: int = 1) -> None:
        """Add the sums of examples, or with `sign` -1 take them away."""
        super().add(rows, sign)
        self.second = self.second + sign * (rows.x.double().mT @ rows.x.double())

    def settle(self) -> None:
        """Solve for the labels that have examples."""
        moments = Moments(self.count, self.total, self.second)
        scatter, degrees = within(moments)
        head = lda_head(means_of_seen(moments)[0], scatter / max(degrees, 1), self.settings["shrinkage"])
        self.head = Head(*((part / self.settings["temperature"]).float() for part in head))

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Softmax of the discriminant scores."""
        scores = torch.zeros(len(x), len(in_force))
        scores[:, self.count > 0] = x @ self.head.weight + self.head.bias
        return Answer(masked(scores, in_force))

    def carried(self) -> dict[str, list[Tensor]]:
        """The sums."""
        return {"statistics": [self.count, self.total, self.second]}
