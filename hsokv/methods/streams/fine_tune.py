"""`fine_tune`: encoder and head trained end to end on one task after the other; nothing is carried but the weights.

The encoder is the stream's patch dictionary as a network: whitening, distances to centroids, pooling. It looks at every
third place of a patch in both directions, a ninth of the work that the frozen features took.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from hsokv.data.episode import Shots
from hsokv.data.stream import scaling, standardise
from hsokv.encoders.patches import CHANNELS, SIDE, PatchDictionary, features
from hsokv.methods.interface import Fitted, Prediction, unseen
from hsokv.methods.streams.heads import minibatches, steps_of
from hsokv.methods.streams.interface import StreamShape, arriving, carried
from hsokv.model.head import Head
from hsokv.training.budget import Budget, count_flops

STRIDE = 3
AT_ONCE = 8  # images that are encoded at a time where no gradient is wanted


class FromImages(NamedTuple):
    """p = softmax(u W + b), u the standard scores of what the encoder makes of images x [n, 3072], flat.

    `mean` and `scale` are those of hsokv.data.stream.standardise; classes that have not come yet get 0.
    """

    dictionary: PatchDictionary
    mean: Tensor
    scale: Tensor
    head: Head
    classes: int

    def __call__(self, x: Tensor) -> Prediction:
        features = standardise(_encode(x, self.dictionary), self.mean, self.scale)
        scores = features @ self.head.weight + self.head.bias
        return Prediction(unseen(scores.log_softmax(-1).cpu(), self.classes))


def learn(
    tasks: Iterator[Shots],
    shape: StreamShape,
    settings: Mapping[str, Any],
    budget: Budget,
    generator: torch.Generator,
) -> Iterator[Fitted]:
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
        steps = steps_of(shots, shape.passes)
        for step, batch in enumerate(minibatches(shots, shape.passes, generator)):
            x, y = (part[0, batch.mask[0] > 0].to(device) for part in batch[:2])
            if step == 0:
                gradients, cost = count_flops(_gradients, parameters, numbers, x, y)
                budget.charge(steps * cost)
            else:
                gradients = _gradients(parameters, numbers, x, y)
            by_part = [rates["encoder_rate"]] * len(encoder) + [rates["head_rate"]] * 2
            parameters = [part - rate * g for part, rate, g in zip(parameters, by_part, gradients, strict=True)]
        *encoder, weight, bias = parameters
        predict = FromImages(PatchDictionary(*encoder), *numbers, Head(weight, bias), shape.classes)
        yield Fitted(predict, instruments={"carried": carried([], [], [*encoder, weight, bias, *numbers])})


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
