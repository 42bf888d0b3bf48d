"""`kv_only`, `knn` and `full` on events: a key-value memory, alone or beside the class means of `prototypes`.

An event changes the rows of the memory that it names, and for `full` the sums of its labels. No swarm searches while
events come: a setting that was chosen on an example would remember it. So what is withdrawn is gone to the bit, on one
condition, that the memory has room for all examples in force: then none is averaged into another.
"""

import torch
from torch import Tensor

from hsokv.arms import prototypes
from hsokv.arms.events import Answer, EventLearner, EventShape, Rows, masked
from hsokv.arms.interface import Settings
from hsokv.memory.kernel_ridge import kernel_ridge_weights
from hsokv.memory.module import KeyValueMemory

BLOCK = 512  # queries that are read at a time


class Learner(EventLearner):
    """p = (1 - g) p_head + g p_memory, where the settings hold `event_heads`; else p_memory alone.

    p_memory is a softmax over `scale` times what kernel ridge regression on the neighbours says of each label.
    """

    def __init__(self, shape: EventShape, settings: Settings, generator: torch.Generator) -> None:
        self.settings, self.labels = settings["event_memory"], shape.labels
        self.neighbours = settings.get("knn", {}).get("k", self.settings["neighbours"])
        self.memory = KeyValueMemory(shape.key_dim, shape.labels, capacity=shape.examples, k=self.neighbours)
        self.memory.requires_grad_(False)
        self.ids = torch.zeros(0, dtype=torch.int64)  # of the entries, in the order of the slots
        self.head = prototypes.Learner(shape, settings, generator) if "event_heads" in settings else None

    def add(self, rows: Rows) -> None:
        """Write an entry for each example."""
        self.memory.write(rows.x, rows.y)
        self.ids = torch.cat([self.ids, rows.ids])
        if self.head:
            self.head.add(rows)

    def relabel(self, old: int, new: int) -> None:
        """Change the label of the entries that have it."""
        self.memory.relabel((self.memory.labels == old) & (self.memory.number >= 0), new)
        if self.head:
            self.head.relabel(old, new)

    def correct(self, row: Rows, label: int) -> None:
        """Change the label of one entry."""
        self.memory.relabel((self.ids == row.ids).nonzero(), label)
        if self.head:
            self.head.correct(row, label)

    def withdraw(self, rows: Rows) -> None:
        """Forget the entries of the examples."""
        gone = torch.isin(self.ids, rows.ids)
        self.memory.forget(gone.nonzero())
        self.ids = self.ids[~gone]
        if self.head:
            self.head.withdraw(rows)

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """What memory and head say."""
        state, settings = self.memory.state, self.settings
        gram = state.keys @ state.keys.mT
        scores, similarity = [], []
        for queries in x.split(BLOCK):
            found = self.memory.read(queries)
            among = gram[found.slots.unsqueeze(-1), found.slots.unsqueeze(-2)]
            weights = kernel_ridge_weights(
                found.similarity, among, found.count > 0, settings["inverse_temperature"], settings["noise"]
            )
            scores.append(torch.zeros(len(queries), self.labels).scatter_add(-1, found.labels, weights))
            similarity.append(found.similarity[:, 0])
        log_probs = masked(settings["scale"] * torch.cat(scores), in_force)
        if self.head:
            gate = torch.tensor(settings["gate"])
            head = self.head.predict(x, in_force).log_probs
            log_probs = torch.logaddexp(head + (1 - gate).log(), log_probs + gate.log())
        return Answer(log_probs, torch.cat(similarity))

    def carried(self) -> dict[str, list[Tensor]]:
        """The entries and, of a head, its sums."""
        held = len(self.ids)
        entries = [self.memory.keys[:held], self.memory.labels[:held]]
        return {"entries": entries, **(self.head.carried() if self.head else {})}
