"""The memory of a stream: entries as they came, statistics beside them, and keys made anew whenever those move."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from hsokv.data.episode import Shots
from hsokv.memory import functional as kv
from hsokv.methods.ensemble import Branch
from hsokv.methods.members import EXAMPLE
from hsokv.methods.streams.interface import StreamShape
from hsokv.methods.streams.reservoir import held_per_class
from hsokv.model.discriminant import class_directions, oas_shrinkage
from hsokv.model.moments import Moments, add, init_moments, means_of_seen, within


class StreamMemory(NamedTuple):
    """`entries` with keys of features as they are, and `moments` of all that was written, where keys need them."""

    entries: kv.MemoryState
    moments: Moments | None


def empty(shape: StreamShape, settings: Mapping[str, Any]) -> StreamMemory:
    """Room for what the cap leaves beside the held-out examples; statistics where the settings have a group `keys`."""
    capacity = shape.capacity - shape.classes * held_per_class(shape)
    moments = init_moments(shape.classes, shape.key_dim) if "keys" in settings else None
    return StreamMemory(kv.init(capacity, shape.key_dim), moments)


def remember(memory: StreamMemory, shots: Shots, classes: int) -> StreamMemory:
    """Write the shots: each class keeps its share of the entries and folds the others into them."""
    kv.check_entries(*shots, classes)
    moments = None if memory.moments is None else add(memory.moments, *shots)
    return StreamMemory(kv.write(memory.entries, *shots, EXAMPLE), moments)


def branch(memory: StreamMemory, settings: Mapping[str, Any], inverse_temperature: Tensor) -> Branch:
    """How the memory is read now: a stack of one problem, its keys on the directions that tell the classes apart.

    Those are seen from the mean of the class means, and shrunken by a formula of the statistics, since both move as
    examples come in; a single class has none. Every entry counts: the classes of one task are compared too, and the
    nearest may be of others.
    """
    entries, projection, centre = memory.entries, None, None
    state = kv.MemoryState(*(part[entries.occupied].unsqueeze(0) for part in entries[:-1]), entries.clock.unsqueeze(0))
    if memory.moments is not None and int((memory.moments.count > 0).sum()) > 1:
        means, counts = means_of_seen(memory.moments)
        scatter, degrees = within(memory.moments)
        covariance = scatter / max(degrees, 1)
        shrinkage = oas_shrinkage(covariance, degrees)
        projection = class_directions(means, counts, covariance, shrinkage, settings["keys"]["directions"]).float()
        centre = means.mean(0).float()
        state = kv.project(state._replace(keys=state.keys - centre), projection)
    return Branch(state, projection, state.labels.shape[-1], inverse_temperature, centre)
