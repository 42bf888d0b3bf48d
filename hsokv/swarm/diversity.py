"""How different the agents of a swarm are: in what they do, and in what they predict."""

import numpy as np
from numpy.typing import ArrayLike


def optimizer_entropy(optimizers: ArrayLike, available: int) -> float:
    """Entropy of the agents' optimizers over log min(agents, available), in [0, 1]; 0 where that is log 1.

    Args:
        optimizers: [agents], the optimizer of each, integers in 0..available - 1.

    >>> optimizer_entropy([0, 0, 1, 1], available=2)
    1.0
    """
    optimizers = np.asarray(optimizers)
    share = np.bincount(optimizers) / optimizers.size
    share = share[share > 0]
    most = min(optimizers.size, available)
    return float(-(share * np.log(share)).sum() / np.log(most)) if most > 1 and share.size > 1 else 0.0


def coverage(position: ArrayLike) -> float:
    """How evenly agents cover their search space: mean over axes of (occupied bins - 1) / (agents - 1), in [0, 1].

    Each axis is cut in as many equal bins as there are agents: 0 when all coincide, about .6 for independent draws,
    1 for a Latin hypercube; 0 for one agent. Unlike one minus a discrepancy, which gives 16 coinciding agents .97.

    Args:
        position: [agents, axes] in [0, 1], coordinates in the search space on the scale they are sampled on.

    >>> coverage([[0.1, 0.1], [0.4, 0.1], [0.9, 0.1]])
    0.5
    """
    position = np.asarray(position, dtype=np.float64)
    agents = len(position)
    if agents == 1:
        return 0.0
    bins = np.floor(position * agents).clip(0, agents - 1)
    return float(np.mean([(len(np.unique(axis)) - 1) / (agents - 1) for axis in bins.T]))


def diversity(optimizers: ArrayLike, available: int, position: ArrayLike) -> float:
    """The swarm's diversity: the mean of `optimizer_entropy` and `coverage`, in [0, 1].

    >>> diversity([0, 1], 2, [[0.2], [0.7]])
    1.0
    """
    return (optimizer_entropy(optimizers, available) + coverage(position)) / 2


def disagreement(predictions: ArrayLike) -> float:
    """The share of examples on which two agents predict different labels, mean over all pairs, in [0, 1].

    Args:
        predictions: [agents, examples] of labels; one agent disagrees with nobody, 0.

    >>> disagreement([[0, 1], [0, 0]])
    0.5
    """
    predictions = np.asarray(predictions)
    first, second = np.triu_indices(len(predictions), k=1)
    return float((predictions[first] != predictions[second]).mean()) if len(first) else 0.0
