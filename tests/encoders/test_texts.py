"""Vectors of texts: the published ones of MiniLM, and of any encoder what its own model says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.encoders.texts import encoder_flops, load_text_encoder
from hsokv.exceptions import ConfigurationError, EncoderError
from tests.encoders.made import save_encoder

TEXTS = ("a charming film .", "it's dull", "", "when are bears bears and ", "THE PLOT", "the plot", "word " * 400)


@pytest.fixture(scope="module", params=["bert", "roberta", "mpnet"])
def source(request, tmp_path_factory):
    """A small random encoder of another shape in a folder."""
    folder = tmp_path_factory.mktemp(request.param)
    save_encoder(folder, request.param)
    return EncoderSource(folder=str(folder), tokens=16)


def test_vectors_are_the_published_ones():
    # The first four of transformers' AutoModel on a padded batch, mean over the attention mask, normalised.
    encoder = load_text_encoder(resolve_encoder(download=False))
    expected = [[-0.0965921, 0.00437452, 0.03228955, 0.04141287], [-0.00070242, -0.08915401, 0.07213455, 0.07794518]]
    np.testing.assert_allclose(encoder.encode(TEXTS[:2])[:, :4], expected, atol=1e-5)
    assert encoder.lengths(["word " * 400, "", "word"]) == [256, 2, 3]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_any_encoder_gives_what_its_own_model_says_of_each_text_at_the_cost_of_the_formula(source, pooling):
    from transformers import AutoModel

    encoder = load_text_encoder(resolve_encoder(replace(source, pooling=pooling)))
    model = AutoModel.from_pretrained(source.folder, attn_implementation="eager").eval()
    before = torch.random.get_rng_state()
    with FlopCounterMode(display=False) as counter:
        vectors = encoder.encode(TEXTS)
    assert encoder_flops(encoder.lengths(TEXTS), encoder.size) == counter.get_total_flops()
    assert max(encoder.lengths(TEXTS)) == 16
    assert vectors.dtype == np.float32
    for text, vector in zip(TEXTS, vectors, strict=True):
        with torch.no_grad():
            states = model(torch.tensor([encoder.tokenizer.encode(text).ids])).last_hidden_state[0]
        pooled = states.mean(0) if pooling == "mean" else states[0]
        np.testing.assert_allclose(vector, pooled / pooled.norm(), atol=1e-6)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_vectors_do_not_depend_on_the_threads(source):
    encoder, texts = load_text_encoder(resolve_encoder(source)), [f"{text} {end}" for text in TEXTS for end in "abc"]
    alone, before = encoder.encode(texts, batch=3), torch.get_num_threads()
    np.testing.assert_array_equal(encoder.encode(texts, batch=3, threads=4), alone)
    assert torch.get_num_threads() == before


def test_no_texts_give_no_vectors_and_what_cannot_be_read_is_refused(source, tmp_path):
    encoder = load_text_encoder(resolve_encoder(source))
    assert encoder.encode([]).shape == (0, 24)
    with pytest.raises(ConfigurationError, match=r"tokens of .*: wanted at most \d+, came 500"):
        load_text_encoder(resolve_encoder(replace(source, tokens=500)))
    save_encoder(tmp_path, "modernbert")  # whose operations the formula does not count
    with pytest.raises(EncoderError, match=r"config\.json: wanted layers of attention and two .* came a modernbert"):
        load_text_encoder(resolve_encoder(EncoderSource(folder=str(tmp_path), tokens=16)))


def test_all_is_computed_on_the_encoder_s_device(source):
    """The meta device computes nothing, and refuses a tensor of another device as a GPU would."""
    encoder = load_text_encoder(resolve_encoder(source), device="meta")
    states = encoder.states(["a film", "the plot"])
    assert [(part.device.type, part.shape[1]) for part in states.tokens] == [("meta", encoder.size.width)] * 2
