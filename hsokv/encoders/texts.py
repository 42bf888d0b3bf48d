"""Texts turned into unit vectors by a transformers encoder: whole, cut after a layer, or run on from cached states.

    below, above = encoder.below(8), encoder.above(8)
    above.vectors(below.states(texts)) = encoder.encode(texts)

so the layers that stay frozen are read once, and those above them again and again. transformers is imported where a
model is loaded, so that naming an encoder costs no start-up.
"""

import copy
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hsokv.encoders.files import ARCHITECTURE, TOKENIZER, EncoderFiles
from hsokv.encoders.pretrained import load_pretrained, single_thread
from hsokv.exceptions import ConfigurationError, EncoderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

PACKED = 512
"""Tokens of several texts that are tuned on in one sequence, at most."""


class Size(NamedTuple):
    """What the operations of an encoder follow from: `width` d of a state, `layers`, `inner` width m of a layer."""

    width: int
    layers: int
    inner: int


def size_of(config: object) -> Size:
    """The size in a transformers configuration, 0 for what it does not name."""
    return Size(*(getattr(config, key, 0) for key in ("hidden_size", "num_hidden_layers", "intermediate_size")))


class States(NamedTuple):
    """Token states of texts: `tokens`, float32 [length, width] for each text.

    `columns`: the texts of an example: 1, or 2 where each two texts in a row are a pair.
    """

    tokens: tuple[Tensor, ...]
    columns: int = 1

    @property
    def examples(self) -> int:
        """The number of texts, or of pairs."""
        return len(self.tokens) // self.columns

    def take(self, rows: Iterable[int]) -> "States":
        """The examples at `rows`, in that order."""
        width = self.columns
        return States(tuple(self.tokens[int(row) * width + column] for row in rows for column in range(width)), width)


@dataclass(frozen=True)
class TextEncoder:
    """An encoder in evaluation mode on a `device`, "cpu" or "cuda"; on the latter in mixed precision.

    `pooling`: "mean" of a text's token states, or "cls", the first one.
    """

    model: "PreTrainedModel"
    tokenizer: "Tokenizer"
    size: Size
    pooling: str
    device: str

    def encode(self, texts: Sequence[str], batch: int = 64, threads: int = 1) -> np.ndarray:
        """Unit vectors float32 [n, width]: the mean of a text's token states, or the first of them, over its norm.

        Texts of one length share a batch, so none is padded: no operation is wasted, the operations follow from the
        lengths alone (`encoder_flops`), and a text's vector depends on its neighbours in the last digits at most.
        Threads take whole batches, so how many there are changes no digit. No gradient.
        """
        return self._vectors(self._ids(texts), batch, threads).numpy()

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, the marks at its ends included, no more than are read."""
        return [len(encoding.ids) for encoding in self.tokenizer.encode_batch(list(texts))]

    @property
    def layers(self) -> nn.ModuleList:
        """The layers, lowest first; they are the model's own."""
        return self.model.get_submodule(_layers_name(self.model))

    def below(self, layer: int) -> "TextEncoder":
        """The encoder cut after a layer, counted from 1; 0 leaves the embeddings. The weights are shared."""
        self._check(layer)
        return self.with_layers(self.layers[:layer])

    def above(self, layer: int) -> "TextEncoder":
        """The layers above one, for `vectors` of the `states` of those `below` it. The weights are shared."""
        self._check(layer)
        return self.with_layers(self.layers[layer:], from_states=True)

    def with_layers(self, layers: Iterable[nn.Module], from_states: bool = False) -> "TextEncoder":
        """This encoder with other layers, all weights shared; `from_states`: they read states and not tokens.

        What else a model computes for its layers (masks, relative positions) it still does.
        """
        shared = {id(tensor): tensor for tensor in (*self.model.parameters(), *self.model.buffers())}
        model, layers = copy.deepcopy(self.model, shared), nn.ModuleList(layers)
        model.set_submodule(_layers_name(model), layers)
        model.config.num_hidden_layers = len(layers)
        if from_states:
            model.embeddings = _States()
        return replace(self, model=model, size=self.size._replace(layers=len(layers)))

    @torch.no_grad()
    def states(self, texts: Sequence[str], columns: int = 1, batch: int = 64) -> States:
        """The token states of texts after the last layer: what the layers above a cut read. No gradient."""
        ids = self._ids(texts)
        states: dict[int, Tensor] = {}
        for rows in _batches(ids, batch):
            states |= zip(rows, self._run([ids[row] for row in rows]), strict=True)
        return States(tuple(states[row] for row in range(len(ids))), columns)

    def vectors(self, states: States, batch: int = 64) -> Tensor:
        """What arms see of examples given by `states`: unit vectors [n, width], of pairs their `pair_features`."""
        return _examples(self._vectors(states.tokens, batch), states.columns)

    def packed_vectors(self, states: States) -> Tensor:
        """As `vectors`, with gradients for layers that ask for them, and few large products.

        Texts stand one after the other in sequences, in which none sees another (`packs`): masked attention between
        them costs less than padding, or than a product for each length.
        """
        found = []
        for rows in packs([len(text) for text in states.tokens]):
            lengths = torch.tensor([len(states.tokens[row]) for row in rows])
            text = torch.arange(len(rows)).repeat_interleave(lengths)
            apart = torch.zeros(len(text), len(text)).masked_fill_(text.unsqueeze(1) != text, -torch.inf)
            packed = torch.cat([states.tokens[row] for row in rows])
            read = self.model(inputs_embeds=packed[None], attention_mask=apart[None, None]).last_hidden_state[0]
            if self.pooling == "mean":
                total = torch.zeros(len(rows), read.shape[1]).index_add(0, text, read)
                found.append(total / lengths.unsqueeze(1))
            else:
                found.append(read[lengths.cumsum(0) - lengths])
        return _examples(normalize(torch.cat(found), dim=1), states.columns)

    def _ids(self, texts: Sequence[str]) -> list[Tensor]:
        return [torch.tensor(encoding.ids) for encoding in self.tokenizer.encode_batch(list(texts))]

    def _vectors(self, inputs: Sequence[Tensor], batch: int, threads: int = 1) -> Tensor:
        if not inputs:
            return torch.zeros(0, self.size.width)
        batches = _batches(inputs, batch)

        @torch.no_grad()  # here, because each thread has its own
        def pooled(rows: list[int]) -> Tensor:
            states = self._run([inputs[row] for row in rows])
            return normalize(states.mean(dim=1) if self.pooling == "mean" else states[:, 0]).cpu()

        with single_thread():
            if threads == 1:
                parts = [pooled(rows) for rows in batches]
            else:
                with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                    parts = list(pool.map(pooled, batches))
        return torch.cat(parts)[torch.tensor([row for rows in batches for row in rows]).argsort()]

    def _run(self, inputs: Sequence[Tensor]) -> Tensor:
        """Token states [n, length, width] of texts of one length, given as tokens [length] or as states."""
        stacked = torch.stack(list(inputs)).to(self.device)
        if stacked.is_floating_point():
            given = {"inputs_embeds": stacked}
        else:
            given = {"input_ids": stacked}
            if self.model.config.model_type == "bert":  # its buffers for these are not among the weights
                given["token_type_ids"] = torch.zeros_like(stacked)
                given["position_ids"] = torch.arange(stacked.shape[1], device=self.device).expand(stacked.shape)
        with torch.autocast("cuda", torch.float16, enabled=self.device == "cuda"):
            return self.model(**given).last_hidden_state.float()  # no mask: nothing is padded

    def _check(self, layer: int) -> None:
        if not 0 <= layer <= self.size.layers:
            raise ConfigurationError(f"layer must be between 0 and {self.size.layers}, got {layer}")


def load_text_encoder(files: EncoderFiles, device: str = "cpu") -> TextEncoder:
    """Load verified files onto a device; no code comes with the files.

    Raises EncoderError where the weights are not those of the architecture, or where that has operations which
    `encoder_flops` does not count; ConfigurationError where it reads fewer tokens than are asked for.
    """
    from tokenizers import Tokenizer

    model = load_pretrained(files)
    model.pooler = None  # reads the states, which are all that is wanted
    config, linear = model.config, [part for part in model.modules() if isinstance(part, nn.Linear)]
    size = size_of(config)
    if sum(part.weight.numel() for part in linear) != size.layers * (4 * size.width**2 + 2 * size.width * size.inner):
        raise EncoderError(
            f"{files.path / ARCHITECTURE}: wanted layers of attention and two products, as in BERT, RoBERTa or MPNet, "
            f"whose operations can be counted, came a {config.model_type} with others"
        )
    tokens = files.source.tokens
    if tokens > config.max_position_embeddings:
        raise ConfigurationError(
            f"tokens of {files.source.name}: wanted at most {config.max_position_embeddings}, came {tokens}"
        )
    tokenizer = Tokenizer.from_file(str(files.path / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(tokens)
    return TextEncoder(model.to(device), tokenizer, size, files.source.pooling, device)


def pair_features(u: Tensor, v: Tensor) -> Tensor:
    """[u - v, |u - v|], [n, 2 d], of the vectors [n, d] of the two texts of pairs.

    The direction from one text to the other, and how far it is: u and v have length 1, their difference keeps its own,
    which says how alike they are. On development draws of MNLI (16 shots, logistic regression, 10 draws) this reaches
    50 %, (u, v, |u - v|) of InferSent (Conneau et al. 2017) 44 %, and 42 % where that is brought to length 1.

    >>> pair_features(torch.tensor([[0.6, 0.8]]), torch.tensor([[1.0, 0.0]]))
    tensor([[-0.4000,  0.8000,  0.4000,  0.8000]])
    """
    return torch.cat([u - v, (u - v).abs()], 1)


def encoder_flops(lengths: Iterable[int], size: Size) -> int:
    """Operations of one encoder pass over texts of these token counts; multiply and add count two.

    sum over texts of layers * (8 n d^2 + 4 n d m + 4 n^2 d), n tokens, d wide, m inside: the matrix products, which is
    what torch.utils.flop_counter counts.

    >>> encoder_flops([25], Size(width=384, layers=6, inner=1536))  # all-MiniLM-L6-v2
    536601600
    """
    width, layers, inner = size
    return sum(layers * (8 * n * width**2 + 4 * n * width * inner + 4 * n * n * width) for n in lengths)


def packs(lengths: Iterable[int]) -> list[list[int]]:
    """Rows of texts of these token counts, in their order, that share a sequence: of 512 tokens at most, or one text.

    >>> packs([300, 200, 100, 600, 5])
    [[0, 1], [2], [3], [4]]
    """
    found: list[list[int]] = []
    left = 0
    for row, length in enumerate(lengths):
        if length > left:
            found.append([])
            left = PACKED
        found[-1].append(row)
        left -= length
    return found


class _States(nn.Module):
    """Stands where a model embeds tokens, and hands on the states that it is given instead."""

    def forward(self, *_: object, inputs_embeds: Tensor, **__: object) -> Tensor:
        return inputs_embeds


def _examples(vectors: Tensor, columns: int) -> Tensor:
    return vectors if columns == 1 else pair_features(vectors[::2], vectors[1::2])


def _layers_name(model: nn.Module) -> str:
    """The path of a model's layers among its modules."""
    count = model.config.num_hidden_layers
    return next(name for name, part in model.named_modules() if isinstance(part, nn.ModuleList) and len(part) == count)


def _batches(inputs: Sequence[Tensor], batch: int) -> list[list[int]]:
    """Rows of inputs of one length, `batch` at most together; the longest first, so that threads end together."""
    by_length = defaultdict(list)
    for row, tensor in enumerate(inputs):
        by_length[len(tensor)].append(row)
    return [
        rows[start : start + batch]
        for _, rows in sorted(by_length.items(), reverse=True)
        for start in range(0, len(rows), batch)
    ]
