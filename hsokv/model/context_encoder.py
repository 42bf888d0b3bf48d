"""The study's own encoder for rare words: contexts of tokens in, 64 features out, trained on frequent words only.

    m = mean_j(e_j),   h_i = relu(e_i + m W + b),   f = mean_i(h_i) U

so what a token contributes depends on the context it stands in, at the cost of one matrix product a context. Training
names the masked frequent word, by cosine, and one context word that was hidden:

    loss = CE(s f / |f| @ A, word) + w CE(f @ B, hidden word)

A deep averaging network (Iyyer et al. 2015) with its hidden layer moved inside the mean. Never sees a rare word, never
uses the global generator; matrix products and embeddings only, so its operations can be counted.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hsokv.exceptions import DataError

PADDING = 0
HIDDEN, FEATURES = 96, 64
STEPS, BATCH, WARM_UP, RATE = 900, 128, 50, 0.02
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


def train_context_encoder(
    tokens: NDArray[np.int64],
    labels: NDArray[np.int64],
    vocabulary: int,
    generator: torch.Generator,
    steps: int = STEPS,
) -> ContextEncoder:
    """Train on masked contexts of frequent words with Adam (Kingma & Ba 2015), the rate falling linearly to 0.

    On one thread the same arguments give the same bytes.

    Args:
        tokens: contexts, int [n, length], 0 is padding.
        labels: the masked word of each, int [n], from 0.
        vocabulary: number of tokens, padding included.
        generator: drawn from for the first parameters, the batches and the hidden words.
        steps: updates of 128 contexts each.

    Raises:
        DataError: tokens outside the vocabulary, or not one label a context.

    >>> tokens, labels = np.array([[1, 2, 0], [3, 4, 5]]), np.array([0, 1])
    >>> encoder = train_context_encoder(tokens, labels, 6, torch.Generator().manual_seed(0), steps=2)
    >>> encode(encoder, tokens).shape
    (2, 64)
    """
    _check(tokens, vocabulary)
    if labels.shape != tokens.shape[:1]:
        raise DataError(
            f"labels: wanted one for each of {len(tokens)} contexts, came {labels.shape}; draw them together"
        )

    def normal(*shape: int, scale: float) -> Tensor:
        return (torch.randn(shape, generator=generator) * scale).requires_grad_()

    encoder = ContextEncoder(
        embedding=normal(vocabulary, HIDDEN, scale=0.2),
        mixing=normal(HIDDEN, HIDDEN, scale=HIDDEN**-0.5),
        bias=torch.zeros(HIDDEN, requires_grad=True),
        output=normal(HIDDEN, FEATURES, scale=HIDDEN**-0.5),
    )
    words = int(labels.max()) + 1
    heads = _Heads(normal(FEATURES, words, scale=FEATURES**-0.5), normal(FEATURES, vocabulary, scale=FEATURES**-0.5))
    contexts, targets = torch.from_numpy(tokens), torch.from_numpy(labels)
    parameters = [*encoder, *heads]
    moments = [(torch.zeros_like(parameter), torch.zeros_like(parameter)) for parameter in parameters]
    for step in range(steps):
        rows = torch.randint(len(contexts), (BATCH,), generator=generator)
        gradients = torch.autograd.grad(_loss(encoder, heads, contexts[rows], targets[rows], generator), parameters)
        rate = RATE * min(1, (step + 1) / WARM_UP) * (1 - step / steps)
        for parameter, gradient, (first, second) in zip(parameters, gradients, moments, strict=True):
            _adam(parameter, gradient, first, second, step + 1, rate)
    return ContextEncoder(*(parameter.detach() for parameter in encoder))


def features(encoder: ContextEncoder, tokens: Tensor) -> Tensor:
    """Features f of contexts, int [n, length] -> [n, 64]; padding contributes nothing, nor does the order of words."""
    present = (tokens != PADDING).to(encoder.embedding.dtype)
    share = (present / present.sum(dim=1, keepdim=True).clamp(min=1)).unsqueeze(1)
    embedded = functional.embedding(tokens, encoder.embedding)
    shift = (share @ embedded) @ encoder.mixing + encoder.bias
    return (share @ torch.relu(embedded + shift)).squeeze(1) @ encoder.output


def encode(encoder: ContextEncoder, tokens: NDArray[np.int64], batch: int = 1024) -> NDArray[np.float32]:
    """Features of contexts, int [n, length] -> float32 [n, 64], `batch` contexts at a time, without gradients.

    Raises:
        DataError: tokens outside the encoder's vocabulary.
    """
    _check(tokens, len(encoder.embedding))
    with torch.no_grad():
        return torch.cat([features(encoder, part) for part in torch.from_numpy(tokens).split(batch)]).numpy()


def _loss(encoder: ContextEncoder, heads: _Heads, tokens: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Mean loss of a batch, one word of each context hidden; contexts hold their words anywhere among the padding."""
    chances = torch.rand(tokens.shape, generator=generator).masked_fill(tokens == PADDING, -1.0)
    place = chances.argmax(dim=1, keepdim=True)
    read = features(encoder, tokens.scatter(1, place, PADDING))
    word = functional.cross_entropy(WORD_SCALE * functional.normalize(read, dim=1) @ heads.word, labels)
    return word + CONTEXT_WEIGHT * functional.cross_entropy(read @ heads.context, tokens.gather(1, place).squeeze(1))


@torch.no_grad()
def _adam(parameter: Tensor, gradient: Tensor, first: Tensor, second: Tensor, step: int, rate: float) -> None:
    """One update in place; `step` counts from 1."""
    slow, slower = DECAYS
    first.lerp_(gradient, 1 - slow)
    second.mul_(slower).addcmul_(gradient, gradient, value=1 - slower)
    size = (second / (1 - slower**step)).sqrt_().add_(1e-8)
    parameter.addcdiv_(first, size, value=-rate / (1 - slow**step))


def _check(tokens: NDArray[np.int64], vocabulary: int) -> None:
    if tokens.ndim != 2 or tokens.size == 0 or tokens.min() < 0 or tokens.max() >= vocabulary:
        raise DataError(
            f"tokens: wanted int [n, length] from 0 to {vocabulary - 1}, came shape {tokens.shape}"
            + (f" with {tokens.min()} to {tokens.max()}" if tokens.size else "")
            + "; use contexts of the encoder's own world"
        )
