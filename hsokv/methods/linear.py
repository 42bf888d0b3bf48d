"""The predictor of every arm that ends in one linear head: softmax of scaled scores."""

from typing import NamedTuple

from torch import Tensor

from hsokv.methods.interface import Prediction, unseen
from hsokv.model.head import Head, logits


class Linear(NamedTuple):
    """p = softmax((x W + b) / T) over the classes that the head has seen, 0 for the others of `classes`.

    `temperature` T > 0, of shape [].
    """

    head: Head
    temperature: Tensor
    classes: int

    def __call__(self, x: Tensor) -> Prediction:
        # Laid out as it will be where it is read from a file: the last digits depend on it.
        head = Head(self.head.weight.contiguous(), self.head.bias)
        return Prediction(unseen((logits(head, x) / self.temperature).log_softmax(-1), self.classes))
