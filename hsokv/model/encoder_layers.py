"""The text encoder's layers as pure functions: read below the place that is tuned, and run above it, with gradients.

    a = x + sum over heads of softmax(q k' / sqrt(32)) v,   x' = norm(norm(a) + gelu(norm(a) U + c) V + d)

for the token states x of a text (Devlin et al. 2019); a text's vector is the mean of its tokens' states, over its norm.
An example is a text, seen as its vector, or a pair of them, seen as `pair_features`.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from hsokv.exceptions import ConfigurationError
from hsokv.model.text_encoder import HEADS, LAYERS, WIDTH, TextEncoder

EPSILON = 1e-12  # of the layer norms


class Affine(NamedTuple):
    """x W' + b: `weight` W [out, in] and `bias` b [out]; of a layer norm both [384]."""

    weight: Tensor
    bias: Tensor


class Layer(NamedTuple):
    """One layer: attention over the tokens of a text, then a network on every token, a norm after each."""

    query: Affine
    key: Affine
    value: Affine
    mixed: Affine
    attention_norm: Affine
    inner: Affine
    outer: Affine
    norm: Affine


_NAMES = Layer(  # as the published file calls them
    *(f"attention.self.{name}" for name in ("query", "key", "value")),
    *("attention.output.dense", "attention.output.LayerNorm"),
    *("intermediate.dense", "output.dense", "output.LayerNorm"),
)


class States(NamedTuple):
    """Tokens of all texts, text after text: `tokens` float32 [sum of lengths, 384]; `lengths` int64 [n], 1 or more.

    `columns`: the texts of an example, 1, or 2 where each two texts in a row are a pair.
    """

    tokens: Tensor
    lengths: Tensor
    columns: int = 1

    @property
    def examples(self) -> int:
        """How many examples these are: texts, or pairs of them."""
        return len(self.lengths) // self.columns


def read_layers(encoder: TextEncoder) -> tuple[Layer, ...]:
    """The six layers of an encoder, lowest first; the tensors are the encoder's own."""
    weights = encoder.model.state_dict()

    def affine(name: str) -> Affine:
        return Affine(weights[f"{name}.weight"], weights[f"{name}.bias"])

    return tuple(Layer(*(affine(f"encoder.layer.{i}.{name}") for name in _NAMES)) for i in range(LAYERS))


@torch.no_grad()
def read_states(encoder: TextEncoder, texts: Sequence[str], layers: int, batch: int = 64) -> States:
    """The token states of texts after the lowest `layers` layers, in [0, 6]; 0 is what the words and places embed to.

    What `encode` does, stopped on the way: the operations are layers / 6 of `encoder_flops`. A state takes 1.5 kB.
    """
    if not 0 <= layers <= LAYERS:
        raise ConfigurationError(f"layers: wanted 0 to {LAYERS}, came {layers}")
    weights = encoder.model.state_dict()
    words, places, kind = (
        weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
    )
    norm = Affine(weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"])
    ids = [torch.tensor(encoding.ids) for encoding in encoder.tokenizer.encode_batch(list(texts))]
    lengths = torch.tensor([len(tokens) for tokens in ids], dtype=torch.int64)
    embedded = [_norm(words[tokens] + (places[: len(tokens)] + kind[0]), norm) for tokens in ids]
    states = States(torch.cat(embedded) if embedded else torch.zeros(0, WIDTH), lengths)
    return _in_groups(read_layers(encoder)[:layers], states, batch)


def take(states: States, rows: Tensor) -> States:
    """The examples at `rows`, in that order."""
    parts = states.tokens.split(states.lengths.tolist())
    texts = (rows.unsqueeze(1) * states.columns + torch.arange(states.columns)).flatten()
    return States(torch.cat([parts[text] for text in texts]), states.lengths[texts], states.columns)


def vectors(layers: Sequence[Layer], states: States, batch: int = 64) -> Tensor:
    """What arms see of examples, `layers` run on their states: unit vectors float32 [n, 384] of texts, those of
    `encode` where none was tuned, and [n, 768] of pairs."""
    with torch.no_grad():
        return text_vectors(_in_groups(layers, states, batch))


def pair_features(u: Tensor, v: Tensor) -> Tensor:
    """[u - v, |u - v|], [n, 2 d], of the vectors [n, d] of the two texts of pairs, as hsokv.study.text has it.

    >>> pair_features(torch.tensor([[0.6, 0.8]]), torch.tensor([[1.0, 0.0]]))
    tensor([[-0.4000,  0.8000,  0.4000,  0.8000]])
    """
    return torch.cat([u - v, (u - v).abs()], 1)


def run_layers(layers: Iterable[Layer], states: States) -> States:
    """All layers on all texts at once: token after token where tokens do not meet, padded where they do."""
    tokens, lengths, _ = states
    place = torch.arange(int(lengths.max()))
    present = place < lengths.unsqueeze(1)
    rows = torch.where(present, (lengths.cumsum(0) - lengths).unsqueeze(1) + place, 0)
    for layer in layers:
        query, key, value = (
            _affine(tokens, part)[rows].unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in (layer.query, layer.key, layer.value)
        )
        nearness = query @ key.mT * (WIDTH // HEADS) ** -0.5
        weight = nearness.masked_fill(~present[:, None, None], -torch.inf).softmax(-1)
        heard = (weight @ value).transpose(1, 2).flatten(2)[present]
        tokens = _norm(tokens + _affine(heard, layer.mixed), layer.attention_norm)
        inner = functional.gelu(_affine(tokens, layer.inner))
        tokens = _norm(tokens + _affine(inner, layer.outer), layer.norm)
    return states._replace(tokens=tokens)


def text_vectors(states: States) -> Tensor:
    """The mean of each text's tokens, over its norm; of pairs their `pair_features`."""
    text = torch.arange(len(states.lengths)).repeat_interleave(states.lengths)
    total = torch.zeros(len(states.lengths), WIDTH).index_add(0, text, states.tokens)
    found = functional.normalize(total / states.lengths.unsqueeze(1), dim=1)
    return found if states.columns == 1 else pair_features(found[::2], found[1::2])


def _in_groups(layers: Sequence[Layer], states: States, batch: int) -> States:
    """`run_layers` on a few texts of one length at a time, so that none is padded."""
    parts = list(states.tokens.split(states.lengths.tolist()))
    for length in states.lengths.unique().tolist():
        for rows in (states.lengths == length).nonzero().squeeze(1).split(batch):
            several = States(torch.cat([parts[row] for row in rows]), states.lengths[rows])
            for row, part in zip(rows, run_layers(layers, several).tokens.split(length), strict=True):
                parts[row] = part
    return states._replace(tokens=torch.cat(parts)) if parts else states


def _affine(x: Tensor, part: Affine) -> Tensor:
    return functional.linear(x, part.weight, part.bias)


def _norm(x: Tensor, part: Affine) -> Tensor:
    return functional.layer_norm(x, (WIDTH,), part.weight, part.bias, EPSILON)
