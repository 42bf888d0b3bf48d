"""The one interface of all arms: an episode, settings, a budget and a generator go in, a fitted method comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hsokv.data.episode import Episode
from hsokv.training.budget import Budget


class Prediction(NamedTuple):
    """What a fitted method says of n queries.

    log_probs [n, classes]; where there is a memory also: without_memory [n, classes] (log-probabilities with the
    memory's share taken out), gate [n] in [0, 1], top_entries [members, n] (place of the heaviest retrieved entry among
    those of instruments["memory"], -1 where there is none), top_similarity [n] in [0, 1].
    """

    log_probs: Tensor
    without_memory: Tensor | None = None
    gate: Tensor | None = None
    top_entries: Tensor | None = None
    top_similarity: Tensor | None = None


@dataclass(frozen=True)
class Fitted:
    """A fitted method: `predict` maps features [n, key_dim] to a Prediction and changes nothing.

    `predict` is data: a NamedTuple of tensors and numbers that can be called, so that what was learnt can be saved.
    `curves` (name -> numbers) and `instruments` (JSON values) go into the record.
    """

    predict: Callable[[Tensor], Prediction]
    curves: dict[str, list[float]] = field(default_factory=dict)
    instruments: dict[str, Any] = field(default_factory=dict)


def unseen(log_probs: Tensor, classes: int) -> Tensor:
    """`log_probs` [n, seen] with -inf for the classes that have not come yet, [n, classes].

    >>> unseen(torch.zeros(1, 1), 2)
    tensor([[0., -inf]])
    """
    return torch.nn.functional.pad(log_probs, (0, classes - log_probs.shape[-1]), value=-torch.inf)


Fit = Callable[[Episode, Mapping[str, Any], Budget, torch.Generator], Fitted]
"""`fit(episode, settings, budget, generator)`: learns from train, ranks on folds, calibrates on dev, not on test."""
