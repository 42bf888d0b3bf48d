"""`ridge` on events: shrunken linear discriminant analysis on exact sums (recursive: a withdrawal is a subtraction)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hsokv.methods.events.interface import Answer, EventShape, masked
from hsokv.methods.events.statistics import Statistics
from hsokv.model.discriminant import lda_head
from hsokv.model.head import Head
from hsokv.model.moments import means_of_seen, within


class Learner(Statistics):
    """Linear discriminant analysis, solved anew before answers; a softmax of its scores over a temperature."""

    def __init__(self, shape: EventShape, settings: Mapping[str, Any], generator: torch.Generator) -> None:
        super().__init__(shape)
        self.settings, self.head = settings["event_heads"], None

    def settle(self) -> None:
        """Solve for the labels in force."""
        means, _ = means_of_seen(self.moments)
        scatter, degrees = within(self.moments)
        head = lda_head(means, scatter / max(degrees, 1), self.settings["shrinkage"])
        self.head = Head(*((part / self.settings["temperature"]).float() for part in head))

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Softmax of the discriminant scores."""
        scores = torch.zeros(len(x), self.shape.labels)
        scores[:, self.moments.count > 0] = x @ self.head.weight + self.head.bias
        return Answer(masked(scores, in_force))
