"""From input to features, for each kind of benchmark: texts or pairs of texts, contexts of rare words, images."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from hsokv.exceptions import DataError
from hsokv.model import context_encoder, patch_encoder
from hsokv.model.context_encoder import ContextEncoder
from hsokv.model.encoder_layers import pair_features
from hsokv.model.patch_encoder import CHANNELS, SIDE, PatchDictionary
from hsokv.model.text_encoder import Size, TextEncoder

Text = str | tuple[str, str]
"""A text, or a pair of them for a model of pairs."""


class TextInputs(nn.Module):
    """A transformer, its states pooled, length 1; of pairs u, v what the study sees: [u - v, |u - v|]."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        from transformers import AutoConfig, AutoModel

        super().__init__()
        config = AutoConfig.for_model(**described["model"])
        self.model = AutoModel.from_config(config, attn_implementation="eager", add_pooling_layer=False)
        self.pair, self.pooling = described["pair"], described["pooling"]

    @property
    def tokens(self) -> int:
        """How many tokens it knows."""
        return self.model.config.vocab_size

    def encode(self, texts: Sequence[Text], tokenizer: Any) -> Tensor:
        """Features [n, dim] as the study makes them: texts of one length together, none padded."""
        config = self.model.config
        size = Size(config.hidden_size, config.num_hidden_layers, config.intermediate_size)
        encoder = TextEncoder(self.model, tokenizer, size, self.pooling, str(self.model.device))
        self._check(texts)
        if not self.pair:
            return torch.from_numpy(encoder.encode(texts))
        return pair_features(*(torch.from_numpy(encoder.encode(column)) for column in zip(*texts, strict=True)))

    def batch(self, texts: Sequence[Text], tokenizer: Any) -> dict[str, Tensor]:
        """What `forward` takes of texts, padded to the longest: input_ids and attention_mask [n, length]."""
        self._check(texts)
        flat = [text for pair in texts for text in pair] if self.pair else list(texts)
        rows = [torch.tensor(encoding.ids) for encoding in tokenizer.encode_batch(flat)]
        ids = pad_sequence(rows, batch_first=True, padding_value=self.model.config.pad_token_id or 0)
        mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
        shape = (len(texts), 2, -1) if self.pair else (len(texts), -1)
        return {"input_ids": ids.view(shape), "attention_mask": mask.view(shape)}

    def _check(self, texts: Sequence[Text]) -> None:
        if not self.pair and (bad := next((text for text in texts if not isinstance(text, str)), None)):
            raise DataError(f"wanted texts, came {bad!r}; give each as one string")
        if self.pair and (bad := next((text for text in texts if isinstance(text, str) or len(text) != 2), None)):
            raise DataError(f"wanted pairs of texts, as this model learnt them, came {bad!r}")

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Features of tokens [n, length], of pairs [n, 2, length]; gradients reach the transformer."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        ids, mask = (part.reshape(-1, part.shape[-1]) for part in (input_ids, mask))
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        mean = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        vectors = normalize(mean if self.pooling == "mean" else states[:, 0], dim=-1)
        return pair_features(vectors[::2], vectors[1::2]) if self.pair else vectors


class ContextInputs(nn.Module):
    """The context encoders of a world of rare words side by side, centred on its frequent words, length 1."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        super().__init__()
        hidden, features = context_encoder.HIDDEN, context_encoder.FEATURES
        shapes = ContextEncoder((described["vocabulary"], hidden), (hidden, hidden), (hidden,), (hidden, features))
        self.count = described["count"]
        for i in range(self.count):
            for name, shape in shapes._asdict().items():
                self.register_buffer(f"{name}_{i}", torch.zeros(shape))
        self.register_buffer("mean", torch.zeros(self.count * features))

    @property
    def tokens(self) -> int:
        """How many tokens it knows."""
        return len(self.embedding_0)

    def keep(self, encoders: Sequence[ContextEncoder], mean: Tensor) -> None:
        """Hold these encoders and the mean of what they say."""
        for i, encoder in enumerate(encoders):
            for name, part in encoder._asdict().items():
                setattr(self, f"{name}_{i}", part)
        self.mean = mean

    def encode(self, texts: Sequence[str], tokenizer: Any) -> Tensor:
        """Features [n, dim] of contexts, words between spaces; raises DataError for a word the world does not have."""
        return self(self.batch(texts, tokenizer)["input_ids"].to(self.mean.device))

    def batch(self, texts: Sequence[str], tokenizer: Any) -> dict[str, Tensor]:
        """What `forward` takes of contexts, padded to the longest: input_ids [n, length]."""
        known = tokenizer.get_vocab()
        for text in texts:
            if not isinstance(text, str) or not text.split() or not known.keys() >= set(text.split()):
                raise DataError(f"wanted words of this model's world with spaces between them, came {text!r}")
        rows = [torch.tensor(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]
        return {"input_ids": pad_sequence(rows, batch_first=True, padding_value=context_encoder.PADDING)}

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Features of tokens [n, length]; 0 is padding."""
        raw = [normalize(context_encoder.features(self._encoder(i), input_ids), dim=1) for i in range(self.count)]
        return normalize(torch.cat(raw, 1) - self.mean, dim=1)

    def _encoder(self, i: int) -> ContextEncoder:
        return ContextEncoder(*(getattr(self, f"{name}_{i}") for name in ContextEncoder._fields))


class PatchInputs(nn.Module):
    """The patch dictionary of a stream; features are rounded to half precision, as those of the study are stored."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        super().__init__()
        dim = patch_encoder.DIM
        shapes = PatchDictionary((dim, dim), (dim,), (described["centroids"], dim))
        for name, shape in shapes._asdict().items():
            self.register_buffer(name, torch.zeros(shape))

    def keep(self, dictionary: PatchDictionary) -> None:
        """Hold this dictionary."""
        for name, part in dictionary._asdict().items():
            setattr(self, name, part)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Features [n, 4 K] of uint8 images [n, 3, 32, 32]."""
        dictionary = PatchDictionary(self.whitening, self.offset, self.centroids)
        return patch_encoder.encode(pixel_values, dictionary).half().float()


class FlatImages(nn.Module):
    """Images as they are, for an arm that has its own encoder."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        super().__init__()

    def forward(self, pixel_values: Tensor) -> Tensor:
        """uint8 images [n, 3, 32, 32], flat."""
        if pixel_values.dtype is not torch.uint8 or pixel_values.shape[1:] != (CHANNELS, SIDE, SIDE):
            raise DataError(
                f"images: wanted uint8 [n, {CHANNELS}, {SIDE}, {SIDE}], came {pixel_values.dtype} "
                f"{list(pixel_values.shape)}; resize them first"
            )
        return pixel_values.flatten(1)


ENCODERS = {"text": TextInputs, "contexts": ContextInputs, "patches": PatchInputs, "images": FlatImages}
