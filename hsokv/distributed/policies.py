"""The shared memory of policies: a `KeyValueMemory` by what a policy does, beside its parameters and score."""

from typing import TypedDict

import torch
from torch import Tensor

from hsokv.memory import KeyValueMemory

SCORE_CLASSES = 20  # equal intervals of the score in [0, 1]: the quota by class keeps policies of every quality


class MemoryContent(TypedDict):
    """What `PolicyMemory.load_state_dict` needs, as tensors and plain values."""

    memory: dict[str, Tensor]
    values: dict[tuple[int, int], tuple[Tensor, float]]


class PolicyMemory:
    """What a run found, best first.

    Entries follow the laws of `KeyValueMemory`: a full memory keeps its quota of every class of scores, and averages
    further keys into near ones.

    Args:
        key_dim: numbers that describe what a policy does at probe states.
        capacity: policies kept, at least 1.

    >>> memory = PolicyMemory(key_dim=2, capacity=10)
    >>> memory.write(torch.eye(2), torch.tensor([[1.0], [2.0]]), torch.tensor([0.2, 0.7]))
    >>> memory.best(1)
    tensor([[2.]])
    """

    def __init__(self, key_dim: int, capacity: int = 256) -> None:
        self.memory = KeyValueMemory(key_dim, SCORE_CLASSES, capacity, k=1)
        self.values: dict[tuple[int, int], tuple[Tensor, float]] = {}

    def write(self, keys: Tensor, parameters: Tensor, scores: Tensor) -> None:
        """Add policies: `keys` [n, key_dim] not zero, `parameters` [n, P], `scores` [n] in [0, 1]."""
        first = int(self.memory.state.clock)
        self.memory.write(keys, (scores * SCORE_CLASSES).long().clamp(max=SCORE_CLASSES - 1))
        for i, (row, score) in enumerate(zip(parameters, scores.tolist(), strict=True)):
            self.values[self.memory.writer, first + i] = (row.clone(), score)
        state = self.memory.state
        held = zip(state.origin[state.occupied].tolist(), state.number[state.occupied].tolist(), strict=True)
        self.values = {name: self.values[name] for name in held}  # without those averaged into others

    def best(self, count: int) -> Tensor:
        """Parameters [n, P] of at most `count` >= 1 policies of the highest scores, the older first among equals."""
        names = sorted(self.values, key=lambda name: (-self.values[name][1], name[1], name[0]))[:count]
        return torch.stack([self.values[name][0] for name in names])

    def state_dict(self) -> MemoryContent:
        """All that `load_state_dict` needs."""
        return {"memory": self.memory.state_dict(), "values": self.values}

    def load_state_dict(self, state: MemoryContent) -> None:
        """Hold what another memory of the same key_dim held."""
        self.memory.load_state_dict(state["memory"])
        self.values = dict(state["values"])
