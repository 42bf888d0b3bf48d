"""The memory of a stream: entries as they came, statistics beside them, and keys made anew whenever those move."""

from typing import NamedTuple, Self

from hsokv.arms.interface import Settings, StreamShape
from hsokv.arms.members import EXAMPLE, MemoryReader
from hsokv.arms.reservoir import held_per_class
from hsokv.data.episode import Shots
from hsokv.learning.discriminant import class_directions, oas_shrinkage
from hsokv.learning.moments import Moments, add, init_moments, means_of_seen, within
from hsokv.memory import functional as kv


class StreamMemory(NamedTuple):
    """`entries` with keys of features as they are, and `moments` of all that was written, where keys need them."""

    entries: kv.MemoryState
    moments: Moments | None

    @classmethod
    def empty(cls, shape: StreamShape, settings: Settings) -> Self:
        """Room for what the cap leaves beside the held-out examples; statistics where the settings have a `keys`."""
        capacity = shape.capacity - shape.classes * held_per_class(shape)
        moments = init_moments(shape.classes, shape.key_dim) if "keys" in settings else None
        return cls(kv.init(capacity, shape.key_dim), moments)

    def write(self, shots: Shots, classes: int) -> Self:
        """Write the shots: each class keeps its share of the entries and averages the others into them."""
        kv.check_entries(*shots, classes)
        moments = None if self.moments is None else add(self.moments, *shots)
        return self._replace(entries=kv.write(self.entries, *shots, EXAMPLE), moments=moments)

    def reader(self, settings: Settings) -> MemoryReader:
        """How the memory is read now: one problem, its keys on the directions that tell the classes apart.

        Those are seen from the mean of the class means, and shrunken by a formula of the statistics, since both move as
        examples come in; a single class has none. Every entry counts: the classes of one task are compared too, and the
        nearest may be of others.
        """
        entries, projection, centre = self.entries, None, None
        held = (part[entries.occupied].unsqueeze(0) for part in entries[:-1])
        states = kv.MemoryState(*held, entries.clock.unsqueeze(0))
        if self.moments is not None and int((self.moments.count > 0).sum()) > 1:
            means, counts = means_of_seen(self.moments)
            scatter, degrees = within(self.moments)
            covariance = scatter / max(degrees, 1)
            shrinkage = oas_shrinkage(covariance, degrees)
            projection = class_directions(means, counts, covariance, shrinkage, settings["keys"]["directions"]).float()
            centre = means.mean(0).float()
            states = kv.project(states._replace(keys=states.keys - centre), projection)
        return MemoryReader(states, states.labels.shape[-1], projection, centre)
