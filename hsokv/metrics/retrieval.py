"""What a key-value memory retrieves, and how much it is trusted."""

import numpy as np
from numpy.typing import ArrayLike


def hit_rate(retrieved_labels: ArrayLike, query_labels: ArrayLike) -> float:
    """The share of queries whose retrieved entry of the highest weight carries the query's label, in [0, 1].

    1/Q sum_q [y(argmax_j w_qj) = y_q], the mean over members where several agents are averaged. Which entry that is
    (confidence included, ties to the older) is the memory's to say; an empty memory gives -1, a miss. This is not
    mean similarity, which rises with any entry that lies near, right or wrong.

    Args:
        retrieved_labels: [members, queries] or [queries], label of the heaviest entry, -1 where there is none.
        query_labels: [queries], at least one.

    >>> hit_rate([[3, 4], [3, -1]], [3, 4])
    0.75
    """
    retrieved_labels, query_labels = np.asarray(retrieved_labels), np.asarray(query_labels)
    if query_labels.ndim != 1 or query_labels.size == 0 or retrieved_labels.shape[-1:] != query_labels.shape:
        shapes = f"{query_labels.shape} and {retrieved_labels.shape}"
        raise ValueError(f"Give at least one query label, and as many retrieved labels, not the shapes {shapes}.")
    return float((retrieved_labels == query_labels).mean())


def chance_hit_rate(entry_labels: ArrayLike, query_labels: ArrayLike) -> float:
    """The hit rate of an entry drawn blindly: sum over classes of memory share times query share, in [0, 1].

    >>> chance_hit_rate([0, 0, 1, 2], [0, 1])
    0.375
    """
    entry_labels, query_labels = np.asarray(entry_labels), np.asarray(query_labels)
    if query_labels.size == 0:
        raise ValueError("There is no query. Give at least one query.")
    if entry_labels.size == 0:
        return 0.0
    classes = np.unique(query_labels)
    return float(sum((entry_labels == label).mean() * (query_labels == label).mean() for label in classes))


def reads(top_entries: ArrayLike, entry_labels: ArrayLike, query_labels: ArrayLike) -> dict[str, list[int]]:
    """How often each entry was the heaviest of a read, `reads`, and how often it then had the query's label, `right`.

    Args:
        top_entries: [members, queries], index of the heaviest entry, -1 where there is none; members are added up.
        entry_labels: [entries]; query_labels: [queries].

    >>> reads([[0, 1, -1]], [5, 6], [5, 5, 5])
    {'reads': [1, 1], 'right': [1, 0]}
    """
    top, entry_labels = np.asarray(top_entries), np.asarray(entry_labels)
    labels = np.broadcast_to(np.asarray(query_labels), top.shape)
    read, size = top[top >= 0], len(entry_labels)
    right = read[entry_labels[read] == labels[top >= 0]]
    return {name: np.bincount(of, minlength=size).tolist() for name, of in (("reads", read), ("right", right))}


def chance_corrected(rate: float, chance: float) -> float | None:
    """(rate - chance) / (1 - chance): 0 at chance, 1 when all hit; None where chance is 1 and nothing can be shown.

    >>> chance_corrected(0.8, 0.6)
    0.5000000000000001
    """
    return None if chance >= 1.0 else (rate - chance) / (1.0 - chance)


def gate_entropy(gate: ArrayLike) -> float:
    """The mean binary entropy of the gate, -g log2 g - (1 - g) log2 (1 - g), in bits: 0 decided, 1 undecided.

    Args:
        gate: the memory's share of each prediction, any shape, in [0, 1].

    >>> gate_entropy([0.0, 0.5])
    0.5
    """
    g = np.asarray(gate, dtype=np.float64)
    if g.size == 0 or not ((g >= 0) & (g <= 1)).all():
        raise ValueError("Gates are empty or not in [0, 1]. Apply the sigmoid first.")
    share = np.stack([g, 1 - g])
    return float(-(share * np.log2(np.where(share > 0, share, 1))).sum(axis=0).mean())


def similarity_range(cosines: ArrayLike) -> tuple[float, float, float]:
    """The least, mean and greatest similarity: cosines of any shape, in [-1, 1] up to rounding, clamped to [0, 1].

    >>> similarity_range([-0.5, 0.5])
    (0.0, 0.25, 0.5)
    """
    cosines = np.asarray(cosines, dtype=np.float64)
    if cosines.size == 0 or not (np.abs(cosines) <= 1 + 1e-4).all():
        raise ValueError("Cosines are empty or not in [-1, 1]. Normalise both sides first.")
    clamped = cosines.clip(0.0, 1.0)
    return float(clamped.min()), float(clamped.mean()), float(clamped.max())
