"""`fine_tune`: encoder and head trained end to end on one task after the other; nothing is carried but the weights.

The encoder is the stream's patch dictionary as a network: whitening, distances to centroids, pooling. It looks at every
third place of a patch in both directions, a ninth of the work that the frozen features took.

On events: a linear head that takes gradient steps on what each event brings, and keeps no example.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from hsokv.arms.events import Answer, EventLearner, EventShape, Rows, masked
from hsokv.arms.interface import Answers, Fitted, Prediction, Settings, StreamShape, Tasks, arriving, carried, unseen
from hsokv.arms.minibatches import minibatches, steps_of
from hsokv.arms.predictors import Predictor
from hsokv.data.stream import scaling, standardise
from hsokv.encoders.patches import CHANNELS, SIDE, PatchDictionary, features
from hsokv.learning.budget import Budget, count_flops

STRIDE = 3
AT_ONCE = 8  # images that are encoded at a time where no gradient is wanted


class FromImages(Predictor):
    """p = softmax(u W + b), u the standard scores of what the encoder makes of images x [n, 3072], flat.

    The tensors of a PatchDictionary are the encoder, by their names; `scores_mean` and `scores_scale` are those of
    hsokv.data.stream.standardise. Classes that have not come yet get 0.
    """

    weight: Tensor
    bias: Tensor
    scores_mean: Tensor
    scores_scale: Tensor

    def forward(self, x: Tensor) -> Prediction:
        """What it says of images x [n, 3072]."""
        encoder = [getattr(self, name) for name in PatchDictionary._fields]
        features = standardise(_encode(x, encoder), self.scores_mean, self.scores_scale)
        scores = features @ self.weight + self.bias
        return Prediction(unseen(scores.log_softmax(-1).cpu(), self.classes))


def learn(tasks: Tasks, shape: StreamShape, settings: Settings, budget: Budget, generator: Generator) -> Answers:
    """Take gradient steps on minibatches of each task in turn; `x` are images, flat, and `shape.dictionary` starts.

    Features are standardised by those of the first task's images before any training, as they are for every other arm.
    What is learnt stays on the device of the dictionary; batches are moved there.
    """
    rates = settings["fine_tune"]
    encoder = [part.clone() for part in shape.dictionary]
    device, numbers = shape.dictionary.whitening.device, None
    weight, bias = torch.zeros(4 * len(shape.dictionary.centroids), 0, device=device), torch.zeros(0, device=device)
    for classes, shots in arriving(tasks, shape):
        numbers = numbers or scaling(budget.run(_encode, shots.x, encoder))
        new = classes - len(bias)
        weight = torch.cat([weight, torch.zeros(len(weight), new, device=device)], 1)
        bias = torch.cat([bias, torch.zeros(new, device=device)])
        parameters = [*encoder, weight, bias]
        by_part = [rates["encoder_rate"]] * len(encoder) + [rates["head_rate"]] * 2
        steps = steps_of(shots, shape.passes)
        for step, batch in enumerate(minibatches(shots, shape.passes, generator)):
            x, y = (part[0, batch.mask[0] > 0].to(device) for part in batch[:2])
            if step == 0:
                gradients, cost = count_flops(_gradients, parameters, numbers, x, y)
                budget.charge(steps * cost)
            else:
                gradients = _gradients(parameters, numbers, x, y)
            parameters = [part - rate * g for part, rate, g in zip(parameters, by_part, gradients, strict=True)]
        *encoder, weight, bias = parameters
        parts = dict(zip(PatchDictionary._fields, encoder, strict=True)) | {"weight": weight, "bias": bias}
        predict = FromImages(**parts, scores_mean=numbers[0], scores_scale=numbers[1], classes=shape.classes)
        yield Fitted(predict, instruments=carried(weights=(*parameters, *numbers)))


def _features(x: Tensor, encoder: Iterable[Tensor]) -> Tensor:
    return features(x.unflatten(1, (CHANNELS, SIDE, SIDE)), PatchDictionary(*encoder), STRIDE)


@torch.no_grad()
def _encode(x: Tensor, encoder: Sequence[Tensor]) -> Tensor:
    return torch.cat([_features(part.to(encoder[0].device), encoder) for part in x.split(AT_ONCE)])


def _gradients(parameters: list[Tensor], numbers: tuple[Tensor, Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """Of the mean cross-entropy in nats, with respect to every parameter."""
    leaves = [part.detach().requires_grad_() for part in parameters]
    *encoder, weight, bias = leaves
    scores = standardise(_features(x, encoder), *numbers) @ weight + bias
    return torch.autograd.grad(cross_entropy(scores, y), leaves)


class Learner(EventLearner):
    """Steps on the mean cross-entropy of the rows that came since the last answer, among the labels met so far."""

    def __init__(self, shape: EventShape, settings: Settings, generator: torch.Generator) -> None:
        self.settings, self.generator = settings["event_heads"], generator
        self.head = torch.zeros(shape.key_dim + 1, shape.labels)
        self.met = torch.zeros(shape.labels, dtype=torch.bool)
        self.new: list[Rows] = []

    def add(self, rows: Rows) -> None:
        """Take note of new rows."""
        self.met[rows.y] = True
        self.new.append(rows)

    def relabel(self, old: int, new: int) -> None:
        """Rename the weights of a label; where the new label has some, those of the old one go."""
        if not self.met[new]:
            self.head[:, new] = self.head[:, old]
        self.head[:, old] = 0
        self.met[new], self.met[old] = True, False
        self.new = [rows._replace(y=torch.where(rows.y == old, new, rows.y)) for rows in self.new]

    def correct(self, row: Rows, label: int) -> None:
        """Learn the row under its right label."""
        self.add(row._replace(y=torch.full_like(row.y, label)))

    def withdraw(self, rows: Rows) -> None:
        """What is in the weights stays there; what has not been learnt yet is dropped."""
        kept = [~torch.isin(new.ids, rows.ids) for new in self.new]
        self.new = [Rows(*(part[stays] for part in new)) for new, stays in zip(self.new, kept, strict=True)]

    def batch(self, rows: Rows) -> Rows:
        """What a step learns from."""
        return rows

    def settle(self) -> None:
        """Take the steps."""
        new, self.new = [rows for rows in self.new if len(rows.y)], []
        if not new:
            return
        new = Rows(*(torch.cat(parts) for parts in zip(*new, strict=True)))
        met = self.met.nonzero().squeeze(1)
        place = self.met.cumsum(0) - 1
        head = self.head[:, met]
        for _ in range(self.settings["steps"]):
            rows = self.batch(new)
            error = (rows.x @ head[:-1] + head[-1]).softmax(-1)
            error[torch.arange(len(rows.y)), place[rows.y]] -= 1
            slope = torch.cat([rows.x.mT @ error, error.sum(0, keepdim=True)]) / len(rows.y)
            head = head - self.settings["learning_rate"] * slope
        self.head[:, met] = head

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Softmax of the scores."""
        return Answer(masked(x @ self.head[:-1] + self.head[-1], in_force))

    def carried(self) -> dict[str, list[Tensor]]:
        """The weights."""
        return {"weights": [self.head]}
