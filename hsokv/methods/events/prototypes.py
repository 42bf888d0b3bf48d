"""`prototypes` on events: the nearest class mean, by exact sums."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hsokv.methods.events.interface import Answer, EventShape, masked
from hsokv.methods.events.statistics import Statistics


class Learner(Statistics):
    """The cosine with the mean of each label, times a scale."""

    def __init__(self, shape: EventShape, settings: Mapping[str, Any], generator: torch.Generator) -> None:
        super().__init__(shape)
        self.scale = settings["event_heads"]["scale"]

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Softmax of the scaled cosines."""
        cosines = x @ normalize(self.moments.total).float().mT
        return Answer(masked(self.scale * cosines, in_force), cosines.amax(-1).clamp(0, 1))
