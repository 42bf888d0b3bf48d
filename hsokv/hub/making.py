"""Models made from parts: from a fitted method of the study, or from nothing but an encoder and an empty memory."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor, nn

from hsokv.exceptions import ConfigurationError
from hsokv.hub.configuration import HSOKVConfig
from hsokv.hub.encoders import ContextInputs, FlatImages, PatchInputs, TextInputs
from hsokv.hub.modeling import HSOKVForSequenceClassification
from hsokv.hub.packing import describe, kind_of
from hsokv.memory import functional as kv
from hsokv.methods.ensemble import Branch, Ensemble
from hsokv.model.context_encoder import ContextEncoder
from hsokv.model.encoder_files import MINILM, EncoderSource, resolve_encoder
from hsokv.model.head import init_head
from hsokv.model.patch_encoder import PatchDictionary
from hsokv.model.text_encoder import TextEncoder, load_text_encoder

Encoder = tuple[dict[str, Any], nn.Module] | None
"""What a configuration says of an encoder, and the encoder."""


def make_model(
    predictor: Any,
    labels: Sequence[str],
    encoder: Encoder = None,
    tokenizer: Tokenizer | None = None,
    transform: tuple[Tensor, Tensor] | None = None,
    capacity: int = 1000,
    entries: Mapping[str, Mapping[str, str]] | None = None,
    run: Mapping[str, Any] | None = None,
) -> HSOKVForSequenceClassification:
    """A model around `predictor` (what a fitted method predicts with); without an encoder it takes features.

    `transform`: mean and scale, [dim] each, by which features are standardised before. `entries`: text and source of
    the memory's entries by their number. `run`: what the model card tells. Raises ConfigurationError unless there is
    one name for each class.
    """
    if len(labels) != predictor.classes or len(set(labels)) < len(labels):
        raise ConfigurationError(f"wanted {predictor.classes} different names of classes, came {list(labels)}")
    config = HSOKVConfig(
        encoder=encoder[0] if encoder else {"kind": "none"},
        predictor={"kind": kind_of(predictor), "fields": describe(predictor)},
        transform=len(transform[0]) if transform else None,
        capacity=capacity,
        id2label=dict(enumerate(labels)),
        label2id={label: c for c, label in enumerate(labels)},
    )
    with torch.device("meta"):  # all that is made here is replaced
        model = HSOKVForSequenceClassification(config)
    model.encoder = encoder[1] if encoder else None
    model.predictor.keep(predictor)
    if transform:
        model.mean, model.scale = transform
    model.tokenizer, model.entries, model.run = tokenizer, dict(entries or {}), dict(run or {})
    return model.eval()


def text_memory(
    labels: Sequence[str], source: EncoderSource = MINILM, capacity: int = 1000, k: int = 16, sharpness: float = 16.0
) -> HSOKVForSequenceClassification:
    """A model of texts that has learnt nothing: an empty memory behind the study's text encoder, to be told all.

    `source`: which encoder, of a folder or of the hub; its files are found or downloaded. The model says 1 / classes
    until it remembers. Raises DataUnavailableError or EncoderError without an encoder.

    >>> model = text_memory(["fruit", "animal"])
    >>> model.remember(["an apple", "a wild horse"], ["fruit", "animal"])
    >>> list(model.predict(["two ripe pears"])[0])
    ['fruit', 'animal']
    """
    encoder = load_text_encoder(resolve_encoder(source))
    kind, module = text_inputs(encoder, pair=False)
    width = encoder.model.config.hidden_size
    memory = Branch(kv.init(1, width), None, k, torch.tensor([sharpness]))
    head = init_head((1,), width, len(labels))
    predictor = Ensemble(head, torch.ones(1), len(labels), memory, gate=torch.tensor(1.0))
    return make_model(predictor, labels, (kind, module), encoder.tokenizer, capacity=capacity)


def text_inputs(encoder: TextEncoder, pair: bool) -> tuple[dict[str, Any], TextInputs]:
    """The study's text encoder as a model has it."""
    described = {"kind": "text", "model": encoder.model.config.to_dict(), "pair": pair, "pooling": encoder.pooling}
    with torch.device("meta"):
        module = TextInputs(described)
    module.model = encoder.model
    return described, module


def context_inputs(encoders: Sequence[ContextEncoder], mean: Tensor) -> tuple[dict[str, Any], ContextInputs]:
    """The encoders of a world of rare words, and the mean of what they say of its frequent words."""
    described = {"kind": "contexts", "vocabulary": len(encoders[0].embedding), "count": len(encoders)}
    module = ContextInputs(described)
    module.keep(encoders, mean)
    return described, module


def word_tokenizer(words: Sequence[str]) -> Tokenizer:
    """A tokenizer of words between spaces; the first of `words` is token 1, padding is 0.

    >>> word_tokenizer(["a", "b"]).encode("b a").ids
    [2, 1]
    """
    vocabulary = {word: token for token, word in enumerate(["[PAD]", *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return tokenizer


def patch_inputs(dictionary: PatchDictionary) -> tuple[dict[str, Any], PatchInputs]:
    """The patch dictionary of a stream."""
    described = {"kind": "patches", "centroids": len(dictionary.centroids)}
    module = PatchInputs(described)
    module.keep(dictionary)
    return described, module


def flat_images() -> tuple[dict[str, Any], FlatImages]:
    """No encoder: the predictor has its own."""
    return {"kind": "images"}, FlatImages({})
