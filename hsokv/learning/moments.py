"""Second-order statistics of labelled features, streamed: sums, so that order and batches do not matter.

    n_c = sum 1        s_c = sum x        S = sum x x'        (over the examples seen; n_c and s_c by class)

All that linear discriminants need (`hsokv.learning.discriminant`), in memory that does not grow with the stream.
Kept in float64: the sums of a million float32 products stay exact to more digits than the features have.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from hsokv.exceptions import DataError


class Moments(NamedTuple):
    """`count` n [classes], `total` s [classes, dim], `second` S [dim, dim], all float64."""

    count: Tensor
    total: Tensor
    second: Tensor


def init_moments(classes: int, dim: int) -> Moments:
    """The statistics of nothing."""
    return Moments(*(torch.zeros(shape, dtype=torch.float64) for shape in ((classes,), (classes, dim), (dim, dim))))


def add(moments: Moments, x: Tensor, y: Tensor) -> Moments:
    """The statistics with n more examples: features `x` [n, dim], labels `y` int64 [n].

    >>> add(init_moments(2, 1), torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0])).total.flatten().tolist()
    [4.0, 0.0]
    """
    x = x.double()
    member = torch.nn.functional.one_hot(y, len(moments.count)).to(x.dtype)
    return Moments(moments.count + member.sum(0), moments.total + member.mT @ x, moments.second + x.mT @ x)


def within(moments: Moments) -> tuple[Tensor, int]:
    """Pooled within-class scatter (S - sum_c s_c s_c' / n_c) [dim, dim] and its degrees of freedom, n - classes seen.

    The covariance is scatter / degrees; the scatters and degrees of two streams of other classes add up.
    """
    seen = moments.count > 0
    scaled = moments.total[seen] / moments.count[seen].sqrt().unsqueeze(1)
    return moments.second - scaled.mT @ scaled, int(moments.count.sum()) - int(seen.sum())


def means_of_seen(moments: Moments) -> tuple[Tensor, Tensor]:
    """Means [seen, dim] and counts [seen] of the classes seen, in their order.

    >>> seen = add(init_moments(3, 1), torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 2]))
    >>> [part.flatten().tolist() for part in means_of_seen(seen)]
    [[2.0, 5.0], [2.0, 1.0]]
    """
    seen = moments.count > 0
    return moments.total[seen] / moments.count[seen].unsqueeze(1), moments.count[seen]


def between(moments: Moments) -> Tensor:
    """Covariance [dim, dim] of the true class means: that of the observed ones less what sampling adds, W / n.

    n is the harmonic mean of the counts, since the variance of an observed mean is W / n_c. Wants two classes seen,
    and an example more than classes; not always positive definite.
    """
    means, counts = means_of_seen(moments)
    scatter, degrees = within(moments)
    if len(counts) < 2 or degrees < 1:
        raise DataError(
            f"wanted two classes and more examples than classes, got {int(counts.sum())} examples of "
            f"{len(counts)} classes; without them there is no variance to tell classes by"
        )
    observed = torch.cov(means.mT).reshape(scatter.shape)
    return observed - scatter / degrees * (1 / counts).mean()
