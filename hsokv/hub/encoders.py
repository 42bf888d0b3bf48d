"""From input to features, for each kind of benchmark: texts or pairs of texts, contexts of rare words, images."""

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from hsokv.encoders import contexts as context_encoder
from hsokv.encoders import patches as patch_encoder
from hsokv.encoders.contexts import ContextEncoder
from hsokv.encoders.patches import PatchDictionary
from hsokv.encoders.texts import TextEncoder, pair_features, size_of
from hsokv.exceptions import DataError
from hsokv.hub.inputs import Text, check_ids
from hsokv.learning.modules import TupleModule, WideModule, wide_zeros


class TextInputs(nn.Module):
    """A transformer, its states pooled, length 1; of pairs u, v what the study sees: [u - v, |u - v|]."""

    reads = "input_ids"

    def __init__(self, model: dict[str, object], pair: bool, pooling: str, trained: nn.Module | None = None) -> None:
        from transformers import AutoConfig, AutoModel

        super().__init__()
        self.described = {"kind": "text", "model": model, "pair": pair, "pooling": pooling}
        self.pair, self.pooling, self.model = pair, pooling, trained
        if trained is None:
            plain = {"attn_implementation": "eager", "dtype": torch.get_default_dtype()}  # not that of its own file
            self.model = AutoModel.from_config(AutoConfig.for_model(**model), add_pooling_layer=False, **plain)

    @classmethod
    def of(cls, encoder: TextEncoder, pair: bool = False) -> "TextInputs":
        """The study's text encoder as a model has it."""
        model = encoder.model.config.to_dict()
        model.pop("_name_or_path", None)  # a path of the machine that made it
        return cls(model, pair, encoder.pooling, encoder.model)

    @property
    def tokens(self) -> int:
        """How many tokens it knows."""
        return self.model.config.vocab_size

    @property
    def padding(self) -> int:
        """The token that fills a row."""
        return self.model.config.pad_token_id or 0

    def encode(self, texts: Sequence[Text], tokenizer: Tokenizer) -> Tensor:
        """Features [n, dim] as the study makes them: texts of one length together, none padded; on all threads."""
        device = str(self.model.device)
        encoder = TextEncoder(self.model, tokenizer, size_of(self.model.config), self.pooling, device)
        threads = torch.get_num_threads() if device == "cpu" else 1

        def vectors(column: Sequence[str]) -> Tensor:
            return torch.from_numpy(encoder.encode(column, threads=threads))

        return pair_features(*map(vectors, zip(*texts, strict=True))) if self.pair and texts else vectors(texts)

    def batch(self, texts: Sequence[Text], tokenizer: Tokenizer) -> dict[str, Tensor]:
        """What `forward` takes of texts, padded to the longest: input_ids and attention_mask [n, length]."""
        flat = [text for pair in texts for text in pair] if self.pair else list(texts)
        rows = [torch.tensor(encoding.ids) for encoding in tokenizer.encode_batch(flat)]
        ids = pad_sequence(rows, batch_first=True, padding_value=self.padding)
        mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
        shape = (len(texts), 2, -1) if self.pair else (len(texts), -1)
        return {"input_ids": ids.view(shape), "attention_mask": mask.view(shape)}

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Features of tokens [n, length], of pairs [n, 2, length]; gradients reach the transformer."""
        input_ids = check_ids(input_ids, self.pair, self.tokens, self.model.config.max_position_embeddings)
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        ids, mask = (part.flatten(0, -2) for part in (input_ids, mask))
        if not ids.numel():
            vectors = self.model.embeddings.word_embeddings.weight.new_zeros(len(ids), self.model.config.hidden_size)
            return pair_features(vectors[::2], vectors[1::2]) if self.pair else vectors
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        states = states.to(torch.promote_types(states.dtype, torch.float32))
        mean = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        vectors = normalize(mean if self.pooling == "mean" else states[:, 0], dim=-1)
        return pair_features(vectors[::2], vectors[1::2]) if self.pair else vectors


class ContextInputs(WideModule):
    """The context encoders of a world of rare words side by side, centred on its frequent words, length 1."""

    reads, pair, padding = "input_ids", False, context_encoder.PADDING

    def __init__(self, vocabulary: int, count: int) -> None:
        super().__init__()
        self.described = {"kind": "contexts", "vocabulary": vocabulary, "count": count}
        hidden, features = context_encoder.HIDDEN, context_encoder.FEATURES
        shapes = ((vocabulary, hidden), (hidden, hidden), (hidden,), (hidden, features))
        made = (ContextEncoder(*(wide_zeros(*shape) for shape in shapes)) for _ in range(count))
        self.encoders = nn.ModuleList(map(TupleModule, made))
        self.register_buffer("mean", wide_zeros(count * features))

    @classmethod
    def of(cls, encoders: Sequence[ContextEncoder], mean: Tensor) -> "ContextInputs":
        """These encoders of a world, and the mean of what they say of its frequent words."""
        inputs = cls(len(encoders[0].embedding), len(encoders))
        for module, encoder in zip(inputs.encoders, encoders, strict=True):
            module.keep(encoder)
        inputs.mean = mean
        return inputs

    @property
    def tokens(self) -> int:
        """How many tokens it knows."""
        return len(self.encoders[0].embedding)

    def encode(self, texts: Sequence[str], tokenizer: Tokenizer) -> Tensor:
        """Features [n, dim] of contexts, words between spaces; raises DataError for a word the world does not have."""
        if not texts:
            return self.mean.new_zeros(0, len(self.mean))
        return self(self.batch(texts, tokenizer)["input_ids"].to(self.mean.device))

    def batch(self, texts: Sequence[str], tokenizer: Tokenizer) -> dict[str, Tensor]:
        """What `forward` takes of contexts, padded to the longest: input_ids [n, length]."""
        known = tokenizer.get_vocab()
        for text in texts:
            if not text.split() or not known.keys() >= set(text.split()):
                raise DataError(f"wanted words of this model's world with spaces between them, came {text!r}")
        rows = [torch.tensor(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]
        return {"input_ids": pad_sequence(rows, batch_first=True, padding_value=self.padding)}

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Features of tokens [n, length]; 0 is padding."""
        input_ids = check_ids(input_ids, False, self.tokens)
        raw = [normalize(context_encoder.features(one.value(), input_ids), dim=1) for one in self.encoders]
        return normalize(torch.cat(raw, 1) - self.mean, dim=1)


class PatchInputs(nn.Module):
    """The patch dictionary of a stream; features are rounded to half precision, as those of the study are stored."""

    reads = "pixel_values"

    def __init__(self, centroids: int) -> None:
        super().__init__()
        self.described, dim = {"kind": "patches", "centroids": centroids}, patch_encoder.DIM
        shapes = ((dim, dim), (dim,), (centroids, dim))
        self.dictionary = TupleModule(PatchDictionary(*(wide_zeros(*shape) for shape in shapes)))

    @classmethod
    def of(cls, dictionary: PatchDictionary) -> "PatchInputs":
        """This dictionary."""
        inputs = cls(len(dictionary.centroids))
        inputs.dictionary.keep(dictionary)
        return inputs

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Features [n, 4 K] of uint8 images [n, 3, 32, 32]."""
        return patch_encoder.encode(pixel_values, self.dictionary.value()).half().float()


class FlatImages(nn.Module):
    """Images as they are, for an arm that has its own encoder."""

    reads, described = "pixel_values", {"kind": "images"}

    def forward(self, pixel_values: Tensor) -> Tensor:
        """uint8 images [n, 3, 32, 32], flat."""
        patch_encoder.check_images(pixel_values)
        return pixel_values.flatten(1)


ENCODERS = {"text": TextInputs, "contexts": ContextInputs, "patches": PatchInputs, "images": FlatImages}
