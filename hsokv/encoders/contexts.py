"""The study's own encoders for rare words: contexts of tokens in, 64 features each, trained on frequent words only.

    m = 1/2 sum_j(e_j),   h_i = relu(e_i + m W + b),   f = mean_i(h_i) U

so what a token contributes depends on the context it stands in, at the cost of one matrix product a context. The shift
is a sum, because a mean dilutes the few words that mark a register by all the others. Training names the masked
frequent word, by cosine, and one context word that was hidden:

    loss = CE(s f / |f| @ A, word) + w CE(f @ B, hidden word)

A deep averaging network (Iyyer et al. 2015) with its hidden layer moved inside the mean. Three of them, which differ in
their draws alone, are read side by side: a deep ensemble (Lakshminarayanan et al. 2017), except that features are put
beside each other where theirs averages predictions. Never sees a rare word, never uses the global generator; matrix
products and embeddings only, so its operations can be counted.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

PADDING = 0
HIDDEN, FEATURES = 96, 64
ENCODERS = 3
STEPS, BATCH, WARM_UP, RATE = 2700, 128, 50, 0.02
WORD_SCALE, CONTEXT_WEIGHT = 8.0, 0.5  # s and w of the loss
DECAYS = (0.9, 0.99)  # of Adam's first and second moment


class ContextEncoder(NamedTuple):
    """Parameters: `embedding` e [vocabulary, 96], `mixing` W [96, 96], `bias` b [96], `output` U [96, 64]."""

    embedding: Tensor
    mixing: Tensor
    bias: Tensor
    output: Tensor


class _Heads(NamedTuple):
    """Read-outs that only training needs: A [64, words] and B [64, vocabulary]."""

    word: Tensor
    context: Tensor


def train_context_encoders(
    tokens: NDArray[np.int64],
    labels: NDArray[np.int64],
    vocabulary: int,
    generator: torch.Generator,
    steps: int = STEPS,
    count: int = ENCODERS,
    context_weight: float = CONTEXT_WEIGHT,
) -> tuple[ContextEncoder, ...]:
    """Train on masked contexts of frequent words with Adam (Kingma & Ba 2015), the rate falling linearly to 0.

    One encoder after the other, so the first are the same whatever the count. On one thread the same arguments give
    the same bytes.

    Args:
        tokens: contexts, int [n, length], 0 is padding.
        labels: the masked word of each, int [n], from 0.
        vocabulary: number of tokens, padding included.
        generator: drawn from for the first parameters, the batches and the hidden words.
        steps: updates of 128 contexts each, of every encoder.
        count: number of encoders, 1 or more.
        context_weight: w of the loss, 0 or more.

    >>> tokens, labels = np.array([[1, 2, 0], [3, 4, 5]]), np.array([0, 1])
    >>> encoders = train_context_encoders(tokens, labels, 6, torch.Generator().manual_seed(0), steps=2)
    >>> encode(encoders, tokens).shape
    (2, 192)
    """
    contexts, targets = torch.from_numpy(tokens), torch.from_numpy(labels)
    return tuple(_train(contexts, targets, vocabulary, generator, steps, context_weight) for _ in range(count))


def features(encoder: ContextEncoder, tokens: Tensor) -> Tensor:
    """Features f of contexts, int [n, length] -> [n, 64]; padding contributes nothing, nor does the order of words."""
    present = (tokens != PADDING).to(encoder.embedding.dtype).unsqueeze(1)
    share = present / present.sum(dim=2, keepdim=True).clamp(min=1)
    embedded = functional.embedding(tokens, encoder.embedding)
    shift = (present @ embedded / 2) @ encoder.mixing + encoder.bias
    return (share @ torch.relu(embedded + shift)).squeeze(1) @ encoder.output


def encode(encoders: Sequence[ContextEncoder], tokens: NDArray[np.int64], batch: int = 1024) -> NDArray[np.float32]:
    """f / |f| of every encoder side by side: contexts, int [n, length] -> float32 [n, 64 * encoders].

    Every encoder has the same weight, and lengths, which naming a word by cosine leaves free, are not read. Takes
    `batch` contexts at a time, without gradients.
    """

    def side_by_side(part: Tensor) -> Tensor:
        return torch.cat([functional.normalize(features(encoder, part), dim=1) for encoder in encoders], dim=1)

    with torch.no_grad():
        return torch.cat([side_by_side(part) for part in torch.from_numpy(tokens).split(batch)]).numpy()


def _train(
    contexts: Tensor, targets: Tensor, vocabulary: int, generator: torch.Generator, steps: int, context_weight: float
) -> ContextEncoder:
    """One encoder, from parameters drawn at random."""

    def normal(*shape: int, scale: float) -> Tensor:
        return (torch.randn(shape, generator=generator) * scale).requires_grad_()

    encoder = ContextEncoder(
        embedding=normal(vocabulary, HIDDEN, scale=0.2),
        mixing=normal(HIDDEN, HIDDEN, scale=HIDDEN**-0.5),
        bias=torch.zeros(HIDDEN, requires_grad=True),
        output=normal(HIDDEN, FEATURES, scale=HIDDEN**-0.5),
    )
    words = int(targets.max()) + 1
    heads = _Heads(normal(FEATURES, words, scale=FEATURES**-0.5), normal(FEATURES, vocabulary, scale=FEATURES**-0.5))
    parameters = [*encoder, *heads]
    optimizer = torch.optim.Adam(parameters, lr=RATE, betas=DECAYS, foreach=False)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / WARM_UP) * (1 - step / max(1, steps))
    )
    for _ in range(steps):
        rows = torch.randint(len(contexts), (BATCH,), generator=generator)
        optimizer.zero_grad()
        _loss(encoder, heads, contexts[rows], targets[rows], generator, context_weight).backward()
        optimizer.step()
        schedule.step()
    return ContextEncoder(*(parameter.detach() for parameter in encoder))


def _loss(
    encoder: ContextEncoder,
    heads: _Heads,
    tokens: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    context_weight: float,
) -> Tensor:
    """Mean loss of a batch, one word of each context hidden; contexts hold their words anywhere among the padding."""
    chances = torch.rand(tokens.shape, generator=generator).masked_fill(tokens == PADDING, -1.0)
    place = chances.argmax(dim=1, keepdim=True)
    read = features(encoder, tokens.scatter(1, place, PADDING))
    word = functional.cross_entropy(WORD_SCALE * functional.normalize(read, dim=1) @ heads.word, labels)
    return word + context_weight * functional.cross_entropy(read @ heads.context, tokens.gather(1, place).squeeze(1))
