"""How well a score tells what is out of scope from what is not."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata


def auroc(outside: ArrayLike, inside: ArrayLike) -> float:
    """The probability that a query from `outside` [n] scores higher than one from `inside` [m], half for ties.

    >>> auroc([0.9, 0.5], [0.1, 0.5])
    0.875
    """
    outside, inside = np.asarray(outside, np.float64), np.asarray(inside, np.float64)
    ranks = rankdata(np.concatenate([outside, inside]))
    above = ranks[: len(outside)].sum() - len(outside) * (len(outside) + 1) / 2
    return float(above / (len(outside) * len(inside)))
