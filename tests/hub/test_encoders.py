"""Texts as padded tokens give the features that they give alone."""

import pytest
import torch
from transformers import TrainingArguments

from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.encoders.texts import load_text_encoder
from hsokv.hub import text_memory
from hsokv.hub.encoders import TextInputs
from hsokv.hub.trainer import HSOKVTrainer
from tests.encoders.made import save_encoder

TEXTS = ["a charming film", "dull", "the plot bears a comedy"]


@pytest.fixture(scope="module", params=["bert", "mpnet"])
def source(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    save_encoder(folder, request.param)
    return EncoderSource(folder=str(folder), tokens=20)


@pytest.mark.parametrize("pair", [False, True])
def test_a_batch_of_tokens_says_what_its_texts_say(source, pair):
    encoder = load_text_encoder(resolve_encoder(source))
    inputs: TextInputs = TextInputs.of(encoder, pair)
    texts = list(zip(TEXTS, reversed(TEXTS), strict=True)) if pair else TEXTS
    batch = inputs.batch(texts, encoder.tokenizer)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == ((3, 2, 7) if pair else (3, 7))
    torch.testing.assert_close(inputs(**batch), inputs.encode(texts, encoder.tokenizer), atol=1e-5, rtol=0)


def test_an_encoder_that_is_trained_makes_the_keys_anew(source, tmp_path):
    model = text_memory(["a", "b"], source)
    model.gate = 0.5
    model.encoder.requires_grad_(True)
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, "aab", strict=True)]
    plain = {"use_cpu": True, "report_to": [], "disable_tqdm": True, "save_strategy": "no", "num_train_epochs": 2}
    before = model.encode(TEXTS)
    HSOKVTrainer(model, TrainingArguments(str(tmp_path), learning_rate=0.01, **plain), train_dataset=rows).train()
    state = model.eval().predictor.memory.state
    assert (model.encode(TEXTS) - before).abs().max() > 1e-3
    torch.testing.assert_close(state.keys[state.occupied], model.encode(TEXTS), atol=1e-5, rtol=0)
