import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.encoders.texts import encoder_flops, load_text_encoder, pair_features
from hsokv.exceptions import ConfigurationError, EncoderError
from tests.encoders.made import save_encoder

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
    return load_text_encoder(resolve_encoder(download=False))


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


def test_a_pair_is_direction_and_distance():
    u, v = torch.eye(3)[[0, 1]], torch.eye(3)[[0, 2]]
    found = pair_features(u, v)
    assert found.tolist() == [[0] * 6, [0, 1, -1, 0, 1, 1]]  # the first is the same text twice
    assert torch.equal(pair_features(v, u)[:, :3], -found[:, :3])


def test_encoding_changes_no_state(encoder):
    threads, before = torch.get_num_threads(), torch.random.get_rng_state()
    encoder.encode(TEXTS[:2])
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())


def test_no_texts_give_no_vectors_and_a_batch_of_none_is_refused(encoder):
    assert encoder.encode([]).shape == (0, 384)
    with pytest.raises(ConfigurationError, match="batch and threads must be at least 1, got 0 and 1"):
        encoder.encode(["a"], batch=0)
    with pytest.raises(ConfigurationError, match="got 64 and 0"):
        encoder.encode(["a"], threads=0)


def test_the_formula_counts_what_the_counter_counts(encoder):
    with FlopCounterMode(display=False) as counter:
        encoder.encode(TEXTS)
    assert encoder_flops(encoder.lengths(TEXTS), encoder.size) == counter.get_total_flops()


@pytest.fixture(scope="module", params=["bert", "roberta", "mpnet"])
def other(request, tmp_path_factory):
    """A random encoder of another shape in a folder."""
    folder = tmp_path_factory.mktemp(request.param)
    save_encoder(folder, request.param)
    return EncoderSource(folder=str(folder), tokens=16)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_any_encoder_of_the_kind_gives_what_its_own_model_says(other, pooling):
    from transformers import AutoModel

    encoder = load_text_encoder(resolve_encoder(replace(other, pooling=pooling)))
    model = AutoModel.from_pretrained(other.folder, attn_implementation="eager").eval()
    vectors = encoder.encode(TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        with torch.no_grad():
            states = model(torch.tensor([encoder.tokenizer.encode(text).ids])).last_hidden_state[0]
        pooled = states.mean(0) if pooling == "mean" else states[0]
        np.testing.assert_allclose(vector, pooled / pooled.norm(), atol=1e-6)
    assert max(encoder.lengths(TEXTS)) == 16


def test_the_formula_holds_for_any_encoder_of_the_kind(other):
    encoder = load_text_encoder(resolve_encoder(other))
    with FlopCounterMode(display=False) as counter:
        encoder.encode(TEXTS)
    assert encoder_flops(encoder.lengths(TEXTS), encoder.size) == counter.get_total_flops()


def test_an_encoder_whose_operations_the_formula_does_not_count_is_refused(tmp_path):
    save_encoder(tmp_path, "modernbert")
    with pytest.raises(EncoderError, match=r"config\.json: wanted layers of attention and two .* came a modernbert"):
        load_text_encoder(resolve_encoder(EncoderSource(folder=str(tmp_path), tokens=16)))


def test_more_tokens_than_an_encoder_reads_are_refused(other):
    with pytest.raises(ConfigurationError, match=r"tokens of .*: wanted at most \d+, came 500"):
        load_text_encoder(resolve_encoder(replace(other, tokens=500)))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_files_that_are_not_an_encoder_s_are_refused(other, tmp_path, name):
    shutil.copytree(other.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(EncoderError, match="wanted the files of a text encoder, came others"):
        load_text_encoder(resolve_encoder(replace(other, folder=str(tmp_path))))


def test_weights_that_lack_a_part_are_refused(other, tmp_path, capfd):
    from safetensors.torch import load_file, save_file

    shutil.copytree(other.folder, tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    lost = next(name for name in sorted(weights) if name.startswith("encoder.layer.1"))
    save_file({k: v for k, v in weights.items() if k != lost}, tmp_path / "model.safetensors", {"format": "pt"})
    before = torch.random.get_rng_state()
    with pytest.raises(EncoderError, match=f"model.safetensors: wanted the weights of .*, misses {lost}"):
        load_text_encoder(resolve_encoder(replace(other, folder=str(tmp_path))))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert capfd.readouterr() == ("", "")


def test_code_that_comes_with_an_encoder_is_not_run(tmp_path):
    save_encoder(tmp_path, "bert")
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text("raise SystemExit('was run')")
    with pytest.raises(EncoderError, match="wanted the files of a text encoder, came others"):
        load_text_encoder(resolve_encoder(EncoderSource(folder=str(tmp_path), tokens=16)))


def test_all_is_computed_on_the_encoder_s_device(other):
    """The meta device computes nothing, and refuses a tensor of another device as a GPU would."""
    encoder = load_text_encoder(resolve_encoder(other), device="meta")
    states = encoder.states(["a film", "the plot"])
    assert [(part.device.type, part.shape[1]) for part in states.tokens] == [("meta", encoder.size.width)] * 2
