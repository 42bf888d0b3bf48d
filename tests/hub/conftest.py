"""A small model of contexts, which needs no weights from elsewhere."""

import pytest
import torch

from hsokv.encoders.contexts import FEATURES, HIDDEN, ContextEncoder
from hsokv.hub.encoders import ContextInputs
from hsokv.hub.factory import make_model
from hsokv.hub.tokenizer import word_tokenizer
from hsokv.memory import functional as kv
from hsokv.methods.ensemble import Branch, Ensemble
from hsokv.model.head import Head

WORDS = [f"w{i}" for i in range(12)]


def build(gate=0.5, capacity=20):
    """Two classes, "a" and "b", and three entries; the first words mean a, the last b."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(len(WORDS) + 1, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN,), (HIDDEN, FEATURES)]
    encoder = ContextEncoder(*(torch.randn(shape, generator=generator) / 5 for shape in shapes))
    head = Head(torch.randn(2, FEATURES, 2, generator=generator), torch.zeros(2, 2))
    memory = Branch(kv.init(1, FEATURES), None, 16, torch.tensor([10.0, 20.0]))
    predictor = Ensemble(head, torch.ones(2), 2, memory, torch.tensor(gate))
    inputs = ContextInputs.of([encoder], torch.zeros(FEATURES))
    model = make_model(predictor, ["a", "b"], inputs, word_tokenizer(WORDS), capacity=capacity)
    model.remember(["w0 w1", "w1 w2", "w10 w11"], ["a", "a", "b"])
    return model


@pytest.fixture
def model():
    return build()


def answers(model, texts=("w0 w2", "w9 w11", "w5")):
    return [sorted(row.items()) for row in model.predict(list(texts))]
