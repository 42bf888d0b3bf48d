"""A small model of contexts, which needs no weights from elsewhere, and models of texts on small random encoders."""

import pytest
import torch

from hsokv.arms.predictors import Ensemble, Linear
from hsokv.encoders.contexts import FEATURES, HIDDEN, ContextEncoder
from hsokv.encoders.files import EncoderSource
from hsokv.hub import text_memory
from hsokv.hub.encoders import ContextInputs
from hsokv.hub.factory import make_model
from hsokv.hub.tokenizer import word_tokenizer
from hsokv.memory import KeyValueMemory
from tests.encoders.made import save_encoder

WORDS = [f"w{i}" for i in range(12)]


def build(gate=0.5, capacity=20):
    """Two classes, "a" and "b", and three entries; the first words mean a, the last b."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(len(WORDS) + 1, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN,), (HIDDEN, FEATURES)]
    encoder = ContextEncoder(*(torch.randn(shape, generator=generator) / 5 for shape in shapes))
    weight = torch.randn(2, FEATURES, 2, generator=generator)
    memory = KeyValueMemory(FEATURES, 2, 1, 16)
    heads = {"weight": weight, "bias": torch.zeros(2, 2), "temperature": torch.ones(2)}
    read = {"inverse_temperature": torch.tensor([10.0, 20.0]), "gate": torch.tensor(gate)}
    predictor = Ensemble(classes=2, memory=memory, **heads, **read)
    inputs = ContextInputs.of([encoder], torch.zeros(FEATURES))
    model = make_model(predictor, ["a", "b"], inputs, word_tokenizer(WORDS), capacity=capacity)
    model.remember(["w0 w1", "w1 w2", "w10 w11"], ["a", "a", "b"])
    return model


def linear(key_dim):
    """A head of two classes that has learnt nothing."""
    return Linear(weight=torch.zeros(key_dim, 2), bias=torch.zeros(2), temperature=torch.tensor(1.0), classes=2)


@pytest.fixture
def model():
    return build()


@pytest.fixture(scope="session", params=["bert", "mpnet"])
def source(request, tmp_path_factory):
    """A small random encoder of texts, which cuts them to 20 tokens."""
    folder = tmp_path_factory.mktemp(request.param)
    save_encoder(folder, request.param)
    return EncoderSource(folder=str(folder), tokens=20)


@pytest.fixture
def texts_model(source):
    model = text_memory(["good", "bad"], source)
    model.remember(["a charming film", "dull"], ["good", "bad"])
    return model


def answers(model, texts=("w0 w2", "w9 w11", "w5")):
    return [sorted(row.items()) for row in model.predict(list(texts))]


def tensors(model):
    return {name: part.clone() for name, part in model.state_dict().items()}


def same_tensors(model, before):
    now = model.state_dict()
    return now.keys() == before.keys() and all(torch.equal(now[name], before[name]) for name in before)
