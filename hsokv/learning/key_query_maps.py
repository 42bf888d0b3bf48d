"""Key and query maps, learnt on labelled data outside the task: one for what is stored, one for what asks.

    K = [P, R]        Q = [P, -R]        similarity(x, y) = cos(x K, y Q)

P are discriminative directions and R small random ones at first, so the similarity starts near that of P alone. With
R = 0 it is one map for both sides. The part with opposite signs lets a query that *expresses* what a key does not count
against it: the similarity becomes indefinite, which no single map can be. Both are learnt by naming, for the second of
two contexts of a word, the word of the first among all words of the batch (InfoNCE, van den Oord et al. 2018):

    loss = CE(s cos(x_i K, y_j Q), i = j)        s learnt

Costs of an example do not grow with the classes, and no rare word is read.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from hsokv.exceptions import DataError

SCALE, WARM_UP = 12.0, 30


class Maps(NamedTuple):
    """`key` K and `query` Q, float [key_dim, directions]."""

    key: Tensor
    query: Tensor


def learn_maps(
    x: Tensor,
    labels: Tensor,
    projection: Tensor,
    generator: torch.Generator,
    steps: int = 1000,
    words: int = 200,
    learning_rate: float = 0.03,
) -> Maps:
    """Learn K and Q with Adam from P = `projection`, with as many random directions beside it.

    Args:
        x: features of the contexts, float [n, key_dim].
        labels: their words, int [n]; at least two contexts of every word.
        projection: P, float [key_dim, directions], as `key_projection` returns it.
        generator: drawn from for R and for the pairs of every step.
        steps: updates, of one pair of contexts for each of `words` words.
        words: in a step, at most as many as there are.
        learning_rate: of Adam, as a share of the root mean square of P's entries; it rises over the first 30 steps and
            falls linearly to 0.

    Raises:
        DataError: a word has fewer than two contexts.

    >>> x, labels = torch.eye(4), torch.tensor([0, 0, 1, 1])
    >>> key, query = learn_maps(x, labels, torch.ones(4, 2), torch.Generator().manual_seed(0), steps=2)
    >>> key.shape, torch.allclose(key[:, 2:], -query[:, 2:], atol=0.1)
    (torch.Size([4, 4]), True)
    """
    order, counts = labels.argsort(stable=True), torch.bincount(labels)
    if int(counts.min()) < 2:
        raise DataError(
            f"labels: word {int(counts.argmin())} has {int(counts.min())} contexts; learning maps takes two or more"
        )
    first = counts.cumsum(0) - counts
    projection = projection * (projection.shape[1] ** 0.5 / projection.norm())
    size = float(projection.square().mean().sqrt())
    random = torch.randn(projection.shape, generator=generator) * (0.1 * size)
    key = torch.cat([projection, random], dim=1).requires_grad_()
    query = torch.cat([projection, -random], dim=1).requires_grad_()
    log_scale = torch.tensor(SCALE).log().requires_grad_()
    optimizer = torch.optim.Adam([key, query, log_scale], lr=learning_rate * size, foreach=False)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / WARM_UP) * (1 - step / steps)
    )
    for _ in range(steps):
        drawn = torch.randperm(len(counts), generator=generator)[:words]
        one = (torch.rand(len(drawn), generator=generator) * counts[drawn]).long()
        other = (one + 1 + (torch.rand(len(drawn), generator=generator) * (counts[drawn] - 1)).long()) % counts[drawn]
        keys = normalize(x[order[first[drawn] + one]] @ key, dim=1)
        queries = normalize(x[order[first[drawn] + other]] @ query, dim=1)
        optimizer.zero_grad()
        cross_entropy(log_scale.exp() * queries @ keys.mT, torch.arange(len(drawn))).backward()
        optimizer.step()
        schedule.step()
    return Maps(key.detach(), query.detach())
