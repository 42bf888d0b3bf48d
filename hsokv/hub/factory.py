"""Models made from parts: from a fitted method of the study, or from nothing but an encoder and an empty memory."""

import copy
from collections.abc import Iterable, Mapping

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from hsokv.arms.predictors import Ensemble, Predictor
from hsokv.encoders.files import MINILM, EncoderSource, resolve_encoder
from hsokv.encoders.texts import load_text_encoder
from hsokv.exceptions import check_count, check_positive
from hsokv.hub.card import Run
from hsokv.hub.configuration import HSOKVConfig
from hsokv.hub.encoders import TextInputs
from hsokv.hub.inputs import check_class_names
from hsokv.hub.modeling import PREDICTORS, HSOKVForSequenceClassification, Transform
from hsokv.learning.head import init_head
from hsokv.memory import KeyValueMemory


def make_model(
    predictor: Predictor,
    labels: Iterable[str],
    encoder: nn.Module | None = None,
    tokenizer: Tokenizer | None = None,
    transform: tuple[Tensor, Tensor] | None = None,
    capacity: int = 1000,
    entries: Mapping[str, Mapping[str, str]] | None = None,
    run: Run | None = None,
) -> HSOKVForSequenceClassification:
    """A model around a copy of `predictor` (what a fitted method predicts with); without an encoder it takes features.

    `encoder`: one of hsokv.hub.encoders. `transform`: mean and scale, [dim] each, by which features are standardised
    before. `entries`: text and source of the memory's entries by their number. `run`: what the model card tells. Raises
    DataError for names that are no different strings, ConfigurationError unless there is one for each class.
    """
    names = check_class_names(labels)
    config = HSOKVConfig(
        encoder=encoder.described if encoder else {"kind": "none"},
        predictor={
            "kind": next(name for name, kind in PREDICTORS.items() if type(predictor) is kind),
            "parts": predictor.describe(),
        },
        transform=len(transform[0]) if transform else None,
        capacity=check_count(capacity, "capacity"),
        id2label=dict(enumerate(names)),
        label2id={name: c for c, name in enumerate(names)},
    )
    with torch.device("meta"):  # all that is made here is replaced
        model = HSOKVForSequenceClassification(config)
    model.encoder = encoder
    model.hold(copy.deepcopy(predictor))
    if transform:
        model.transform.keep(Transform(*transform))
    model.tokenizer, model.entries, model.run = tokenizer, dict(entries or {}), run
    return model.eval()


def text_memory(
    labels: Iterable[str],
    source: EncoderSource = MINILM,
    capacity: int = 1000,
    k: int = 16,
    inverse_temperature: float = 16.0,
) -> HSOKVForSequenceClassification:
    """A model of texts that has learnt nothing: an empty memory behind the study's text encoder, to be told all.

    Args:
        labels: names of the classes, different strings; `add_classes` adds more later.
        source: which encoder, of a folder or of the hub; its files are found or downloaded.
        capacity: entries at most; a full memory averages further ones into those of their class.
        k: how many of the nearest entries are read.
        inverse_temperature: the inverse temperature b > 0 of a reading.

    Returns:
        The model, which says 1 / classes until it remembers.

    Raises:
        DataError, ConfigurationError: for labels or numbers that cannot be, before the encoder is loaded.
        DataUnavailableError, EncoderError: without an encoder.

    >>> model = text_memory(["fruit", "animal"])
    >>> model.remember(["an apple", "a wild horse"], ["fruit", "animal"])
    >>> list(model.predict(["two ripe pears"])[0])
    ['fruit', 'animal']
    """
    labels = check_class_names(labels)
    check_count(len(labels), "the number of labels")
    capacity, k = check_count(capacity, "capacity"), check_count(k, "k")
    inverse_temperature = check_positive(inverse_temperature, "inverse_temperature")
    encoder = load_text_encoder(resolve_encoder(source))
    width = encoder.model.config.hidden_size
    memory = KeyValueMemory(width, len(labels), 1, k)  # it grows up to the capacity
    read = {
        "memory": memory,
        "inverse_temperature": torch.tensor([inverse_temperature]),
        "gate": torch.tensor(1.0),
    }
    head = init_head((1,), width, len(labels))
    predictor = Ensemble(classes=len(labels), **head._asdict(), temperature=torch.ones(1), **read)
    return make_model(predictor, labels, TextInputs.of(encoder), encoder.tokenizer, capacity=capacity)
