"""A read that knows how alike the retrieved entries are: kernel ridge regression on the neighbours of each query."""

import torch
from torch import Tensor


def kernel_ridge_weights(
    similarity: Tensor, gram: Tensor, occupied: Tensor, inverse_temperature: float, noise: float
) -> Tensor:
    """The weight of each retrieved entry: w = (K + noise I)^-1 k.

    K_ij = exp(b (cos_ij - 1)) and k_i = exp(b (cos_i - 1)): the mean of a Gaussian process on the neighbours alone.
    Entries that resemble each other share one weight, so ten near copies do not outvote one entry that fits as well; a
    kernel-weighted average, which takes k for w, counts them ten times. Nothing is learnt but the entries: a write, a
    new label and a deletion cost one row.

    Args:
        similarity: [..., n, k], cosines of the queries with their neighbours, as a read gives them.
        gram: [..., n, k, k], cosines of the neighbours with each other.
        occupied: bool [..., n, k], false for a free slot, which gets the weight 0.
        inverse_temperature: b > 0 of the kernel.
        noise: above 0, the variance of a label in units of the kernel.

    Returns:
        [..., n, k].

    >>> alike = torch.tensor([[[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    >>> weights = kernel_ridge_weights(torch.tensor([[0.8, 0.8, 0.8]]), alike, torch.ones(1, 3) > 0, 2.0, 0.1)
    >>> [round(weight, 2) for weight in weights[0].tolist()]  # two copies weigh what the third entry weighs
    [0.28, 0.28, 0.54]
    """
    both = occupied.unsqueeze(-1) & occupied.unsqueeze(-2)
    kernel = torch.where(both, torch.exp(inverse_temperature * (gram - 1)), 0)
    kernel = kernel + torch.diag_embed(torch.where(occupied, noise, 1.0))
    target = torch.where(occupied, torch.exp(inverse_temperature * (similarity - 1)), 0)
    return torch.cholesky_solve(target.unsqueeze(-1), torch.linalg.cholesky(kernel)).squeeze(-1)
