"""Linear discriminants, closed form on second-order statistics: a head (shrunken LDA) and key directions (PLDA).

Both start from the within-class covariance, shrunk towards a multiple of the identity (Friedman 1989):

    W_r = (1 - r) W + r tr(W) / dim I        0 < r <= 1 the shrinkage
"""

import torch
from torch import Tensor

from hsokv.learning.head import Head


def shrink(within: Tensor, shrinkage: float) -> Tensor:
    """W_r of `within` W [dim, dim]; the identity where W is zero, so that what follows falls back on cosines.

    >>> shrink(torch.tensor([[2.0, 0.0], [0.0, 0.0]]), 0.5)
    tensor([[1.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    variance = within.diagonal().mean()
    if not variance > 0:
        return torch.eye(len(within), dtype=within.dtype)
    shrunken = (1 - shrinkage) * within
    shrunken.diagonal().add_(shrinkage * variance)
    return shrunken


def oas_shrinkage(within: Tensor, degrees: int) -> float:
    """The shrinkage in (0, 1] with the least expected squared error of W_r: oracle approximating shrinkage.

    (tr(W^2) + tr(W)^2) / ((n + 1) (tr(W^2) - tr(W)^2 / dim)), n the `degrees` of freedom, for Gaussian data (Chen et
    al. 2010, less its terms in 2 / dim). It falls as examples come in, so a stream needs no setting for it.

    >>> round(oas_shrinkage(torch.diag(torch.tensor([3.0, 1.0])), 99), 3)
    0.13
    """
    squares, trace = float(within.square().sum()), float(within.diagonal().sum())
    numerator, denominator = squares + trace**2, (degrees + 1) * (squares - trace**2 / len(within))
    return numerator / denominator if numerator < denominator else 1.0


def lda_head(means: Tensor, within: Tensor, shrinkage: float) -> Head:
    """Shrunken LDA with equal priors: z_c = m_c' W_r^-1 x - m_c' W_r^-1 m_c / 2.

    `means` m [classes, dim] and `within` W [dim, dim], both from `Moments`, therefore the same whatever order their
    examples came in.
    """
    factor = torch.linalg.cholesky(shrink(within, shrinkage))
    weight = torch.cholesky_solve(means.mT.contiguous(), factor)
    return Head(weight, -0.5 * (means.mT * weight).sum(0))


def key_projection(within: Tensor, between: Tensor, shrinkage: float, directions: int) -> Tensor:
    """The map P [dim, directions] to the space in which cosines tell classes apart best: probabilistic LDA keys.

    With W_r whitened to I, `between` B has eigenvalues e_1 >= e_2 >= ...; direction i is kept with the weight
    sqrt(e_i / (e_i + 1)), the root of the share of it that is the class and not the example (Ioffe 2006). Directions
    with e_i <= 0 weigh nothing. `directions` in 1..dim.

    >>> key_projection(torch.eye(2), torch.diag(torch.tensor([0.0, 3.0])), shrinkage=0.1, directions=1).abs()
    tensor([[0.0000],
            [0.8660]])
    """
    values, vectors = torch.linalg.eigh(shrink(within, shrinkage))
    whiten = vectors * values.rsqrt()
    ratio, axes = torch.linalg.eigh(whiten.mT @ between @ whiten)
    ratio, axes = ratio.flip(0)[:directions].clamp_min(0), axes.flip(1)[:, :directions]
    return whiten @ (axes * (ratio / (ratio + 1)).sqrt())


def class_directions(means: Tensor, counts: Tensor, within: Tensor, shrinkage: float, directions: int) -> Tensor:
    """What `key_projection` finds, without an eigendecomposition as large as the features: for few classes.

    With the `means` M [classes, dim] of `counts` [classes] examples each, centred on their mean, B is the covariance of
    the means less W_r / n, what sampling adds to it (n the harmonic mean of the counts). Then all that tells classes
    apart lies in the span of W_r^-1 M', and one factorisation and the eigenvectors of M W_r^-1 M' are enough. Returns
    [dim, min(directions, classes - 1)]; wants at least two classes.

    >>> means = torch.tensor([[0.0, 2.0], [0.0, -2.0]])
    >>> class_directions(means, torch.tensor([4.0, 4.0]), torch.eye(2), shrinkage=0.1, directions=1).abs()
    tensor([[0.0000],
            [0.9411]])
    """
    means, spare = means - means.mean(0), len(means) - 1
    solved = torch.cholesky_solve(means.mT.contiguous(), torch.linalg.cholesky(shrink(within, shrinkage)))
    values, vectors = torch.linalg.eigh(means @ solved / spare)
    count = min(directions, spare)
    values, vectors = values.flip(0)[:count].clamp_min(1e-12), vectors.flip(1)[:, :count]
    ratio = (values - (1 / counts).mean()).clamp_min(0)
    return solved @ (vectors * (ratio / (ratio + 1) / (spare * values)).sqrt())
