"""Sentences turned into unit vectors by a text encoder: all-MiniLM-L6-v2, or another of its kind.

torch and transformers are imported inside the functions that compute, so that naming an encoder costs no start-up.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsokv.exceptions import ConfigurationError, EncoderError
from hsokv.model.encoder_files import ARCHITECTURE, TOKENIZER, EncoderFiles
from hsokv.model.pretrained import load_pretrained

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

WIDTH, LAYERS, HEADS, INNER = 384, 6, 12, 1536  # of all-MiniLM-L6-v2


class Size(NamedTuple):
    """What the operations of an encoder follow from: `width` d of a state, `layers`, `inner` width m of a layer."""

    width: int
    layers: int
    inner: int


SIZE = Size(WIDTH, LAYERS, INNER)


def size_of(config: Any) -> Size:
    """The size in a transformers configuration, 0 for what it does not name."""
    return Size(*(getattr(config, key, 0) for key in ("hidden_size", "num_hidden_layers", "intermediate_size")))


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
        Threads take whole batches, so how many there are changes no digit. No gradient. Raises ConfigurationError where
        batch or threads is under 1.
        """
        import torch

        if min(batch, threads) < 1:
            raise ConfigurationError(f"batch and threads: wanted at least 1, came {batch} and {threads}")
        if not texts:
            return np.zeros((0, self.size.width), dtype=np.float32)
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        rows_by_length = defaultdict(list)
        for row, tokens in enumerate(ids):
            rows_by_length[len(tokens)].append(row)
        # The longest first, so that threads end together.
        chunks = [
            rows[start : start + batch]
            for _, rows in sorted(rows_by_length.items(), reverse=True)
            for start in range(0, len(rows), batch)
        ]
        out = np.empty((len(ids), self.size.width), dtype=np.float32)

        def fill(chunk: list[int]) -> None:
            with torch.inference_mode():
                vectors = self._vectors(torch.tensor([ids[row] for row in chunk], device=self.device))
                out[chunk] = vectors.cpu().numpy()

        before = torch.get_num_threads()
        torch.set_num_threads(1)  # within a product: the last digits differ between thread counts
        try:
            if threads == 1:
                for chunk in chunks:
                    fill(chunk)
            else:
                with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                    list(pool.map(fill, chunks))
        finally:
            torch.set_num_threads(before)
        return out

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, the marks at its ends included, no more than are read."""
        return [len(encoding.ids) for encoding in self.tokenizer.encode_batch(list(texts))]

    def _vectors(self, ids: "torch.Tensor") -> "torch.Tensor":
        import torch

        given = {}
        if self.model.config.model_type == "bert":  # its buffers for these are not among the weights
            given = {"token_type_ids": torch.zeros_like(ids)}
            given["position_ids"] = torch.arange(ids.shape[1], device=ids.device).expand(ids.shape)
        with torch.autocast("cuda", torch.float16, enabled=self.device == "cuda"):
            states = self.model(input_ids=ids, **given).last_hidden_state  # no mask: nothing is padded
        states = states.float()
        return torch.nn.functional.normalize(states.mean(dim=1) if self.pooling == "mean" else states[:, 0])


def load_text_encoder(files: EncoderFiles, device: str = "cpu") -> TextEncoder:
    """Load verified files onto a device; no code comes with the files.

    Raises EncoderError where the weights are not those of the architecture, or where that has operations which
    `encoder_flops` does not count; ConfigurationError where it reads fewer tokens than are asked for.
    """
    import torch
    from tokenizers import Tokenizer

    model = load_pretrained(files)
    model.pooler = None  # reads the states, which are all that is wanted
    config, linear = model.config, [part for part in model.modules() if isinstance(part, torch.nn.Linear)]
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


def encoder_flops(lengths: Iterable[int], size: Size = SIZE) -> int:
    """Operations of one encoder pass over texts of these token counts; multiply and add count two.

    sum over texts of layers * (8 n d^2 + 4 n d m + 4 n^2 d), n tokens, d wide, m inside: the matrix products, which is
    what torch.utils.flop_counter counts.

    >>> encoder_flops([25])  # all-MiniLM-L6-v2
    536601600
    """
    width, layers, inner = size
    return sum(layers * (8 * n * width**2 + 4 * n * width * inner + 4 * n * n * width) for n in lengths)
