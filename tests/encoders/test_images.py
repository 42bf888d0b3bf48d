import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.encoders.images import _pixels, _vectors, load_image_encoder
from hsokv.exceptions import ConfigurationError, DataError, EncoderError
from hsokv.files import checksum
from hsokv.learning.budget import count_flops
from tests.encoders.made import save_encoder, save_image_encoder

KINDS = ("vit", "dinov2", "resnet")
POOLING = [(kind, pooling) for kind in KINDS for pooling in ("pooler", "mean", "cls")]
POOLING.remove(("resnet", "cls"))  # it has no tokens


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A random encoder of each kind in a folder."""
    made = {kind: tmp_path_factory.mktemp(kind) for kind in KINDS}
    for kind, folder in made.items():
        save_image_encoder(folder, kind)
    return made


@pytest.fixture
def images():
    """Of several sizes, as a user's are."""
    generator = np.random.default_rng(0)
    return [generator.integers(256, size=(*size, 3), dtype=np.uint8) for size in [(20, 30), (64, 17), (16, 16), (9, 8)]]


@pytest.fixture
def copy(folders, tmp_path):
    """A ViT to be damaged: its source and its folder."""
    shutil.copytree(folders["vit"], tmp_path, dirs_exist_ok=True)
    return EncoderSource(folder=str(tmp_path), pooling="pooler", modality="images"), tmp_path


def load(folder, pooling="pooler", **options):
    source = EncoderSource(folder=str(folder), pooling=pooling, modality="images")
    return load_image_encoder(resolve_encoder(source), **options)


@pytest.mark.parametrize(("kind", "pooling"), POOLING)
def test_vectors_are_what_transformers_own_model_and_preprocessor_say(folders, images, kind, pooling):
    from transformers import AutoImageProcessor, AutoModel

    processor = AutoImageProcessor.from_pretrained(folders[kind], backend="pil")
    model = AutoModel.from_pretrained(folders[kind]).eval()
    for image, vector in zip(images, load(folders[kind], pooling).encode(images), strict=True):
        with torch.no_grad():
            said = model(**processor(image, return_tensors="pt", input_data_format="channels_last"))
        states = said.last_hidden_state[0]
        if pooling == "pooler":
            expected = said.pooler_output[0].flatten()
        elif pooling == "cls":
            expected = states[0]
        else:
            expected = states.mean((1, 2)) if kind == "resnet" else states.mean(0)
        np.testing.assert_allclose(vector, expected / expected.norm(), atol=1e-5)


def test_pixels_are_resized_rescaled_and_normalised_as_the_preprocessor_says(copy):
    from PIL import Image

    source, folder = copy
    image = np.random.default_rng(1).integers(256, size=(40, 25, 3), dtype=np.uint8)
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"image_mean": mean, "image_std": std}))
    pixels = _pixels(load_image_encoder(resolve_encoder(source)).processor, image)
    resized = np.asarray(Image.fromarray(image).resize((16, 16), Image.Resampling.BILINEAR)) / 255
    np.testing.assert_allclose(pixels[0].permute(1, 2, 0), (resized - mean) / std, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_of_unit_length_and_do_not_depend_on_the_batch(folders, images, kind):
    encoder = load(folders[kind])
    together = encoder.encode(images)
    assert (together.dtype, together.shape) == (np.float32, (len(images), encoder.width))
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(iter(images), batch=1), together, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(images[::-1], batch=3)[::-1], together, atol=1e-6)
    np.testing.assert_array_equal(load(folders[kind]).encode(images), together)


def test_encoding_changes_no_state_and_says_nothing(folders, images, capfd):
    threads, before = torch.get_num_threads(), torch.random.get_rng_state()
    encoder = load(folders["vit"])
    encoder.encode(images)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())
    assert capfd.readouterr() == ("", "")


def test_no_images_give_no_vectors_and_others_than_images_are_refused(folders, images):
    encoder = load(folders["vit"])
    assert encoder.encode([]).shape == (0, 24)
    with pytest.raises(ConfigurationError, match="batch: wanted at least 1, came 0"):
        encoder.encode(images, batch=0)
    for wrong in (images[0].astype(np.float32), images[0][..., :1], images[0].transpose(2, 0, 1)):
        with pytest.raises(DataError, match=r"wanted uint8 \[height, width, 3\], came"):
            encoder.encode([wrong])


@pytest.mark.parametrize("kind", KINDS)
def test_the_project_s_counter_counts_what_torch_s_counts(folders, images, kind):
    encoder = load(folders[kind])
    vectors, flops = count_flops(encoder.encode, images)
    with FlopCounterMode(display=False) as counter:
        encoder.encode(images)
    assert flops == counter.get_total_flops() > 0
    assert count_flops(encoder.encode, images[:1])[1] * len(images) == flops
    np.testing.assert_array_equal(vectors, encoder.encode(images))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_a_missing_file_is_refused_and_a_pickle_does_not_stand_in(copy, name):
    source, folder = copy
    torch.save({}, folder / "pytorch_model.bin")
    (folder / name).unlink()
    with pytest.raises(EncoderError, match=rf"wanted {name} of .*, came no such file: take it .* pickles are not read"):
        resolve_encoder(source)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_a_file_with_another_checksum_is_refused(copy, name):
    source, folder = copy
    pinned = replace(source, sha256={name: checksum(folder / name)})
    assert resolve_encoder(pinned).sha256[name] == pinned.sha256[name]
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(EncoderError, match=rf"{name} .*wanted SHA-256 {pinned.sha256[name]}, came .*: see your copy"):
        resolve_encoder(pinned)


def test_an_architecture_that_nobody_knows_is_refused_and_its_code_not_run(copy):
    source, folder = copy
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('was run')")
    with pytest.raises(EncoderError, match="wanted the files of an image encoder, came others"):
        load_image_encoder(resolve_encoder(source))


def test_code_that_comes_with_a_preprocessor_is_not_run(copy):
    source, folder = copy
    described = {"image_processor_type": "Own", "auto_map": {"AutoImageProcessor": "own.Own"}}
    (folder / "preprocessor_config.json").write_text(json.dumps(described))
    (folder / "own.py").write_text("raise SystemExit('was run')")
    with pytest.raises(EncoderError, match=r"preprocessor_config\.json: wanted the preprocessor of an image encoder"):
        load_image_encoder(resolve_encoder(source))


def test_an_encoder_of_texts_is_refused(copy):
    source, folder = copy
    save_encoder(folder, "bert")
    with pytest.raises(
        EncoderError, match=r"wanted an encoder that reads images .* came a bert, which reads input_ids"
    ):
        load_image_encoder(resolve_encoder(source))


def test_a_preprocessor_of_another_model_is_refused(copy):
    source, folder = copy
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"size": {"height": 24, "width": 24}}))
    with pytest.raises(
        EncoderError, match=r"preprocessor_config\.json: wanted the images that a vit reads, came others"
    ):
        load_image_encoder(resolve_encoder(source))


def test_images_that_are_not_brought_to_one_size_are_refused(folders, images, tmp_path):
    shutil.copytree(folders["resnet"], tmp_path, dirs_exist_ok=True)
    described = {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 16}, "do_center_crop": False}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(described))
    with pytest.raises(EncoderError, match=r"wanted images brought to one size, came .* let it cut them"):
        load(tmp_path).encode(images)


def test_a_pooler_that_was_not_trained_is_not_read(copy, images):
    """As those of classifiers are: their head reads the first token."""
    from transformers import AutoConfig, AutoModelForImageClassification

    source, folder = copy
    classifier = AutoModelForImageClassification.from_config(AutoConfig.from_pretrained(folder)).eval()
    classifier.save_pretrained(folder)
    with pytest.raises(EncoderError, match=r"misses pooler\.dense\.bias\): write pooling: cls, or pooling: mean"):
        load_image_encoder(resolve_encoder(source))
    encoder = load(folder, "cls")
    with torch.no_grad():
        states = classifier.vit(_pixels(encoder.processor, images[0])).last_hidden_state[0, 0]
    np.testing.assert_allclose(encoder.encode(images[:1])[0], states / states.norm(), atol=1e-5)


def test_weights_that_lack_a_part_are_refused(copy):
    from safetensors.torch import load_file, save_file

    source, folder = copy
    weights = load_file(folder / "model.safetensors")
    del weights["layernorm.bias"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderError, match=r"model\.safetensors: wanted the weights of .*, misses layernorm\.bias"):
        load_image_encoder(resolve_encoder(source))


def test_a_pooling_that_a_model_has_not_is_refused(folders):
    with pytest.raises(EncoderError, match=r"config\.json: wanted a model with tokens for pooling: cls, came a resnet"):
        load(folders["resnet"], "cls")


def test_an_encoder_that_draws_at_random_is_refused(tmp_path):
    save_image_encoder(tmp_path, "vit_mae")
    with pytest.raises(EncoderError, match="wanted an encoder that gives an image one vector, came a vit_mae"):
        load(tmp_path, "mean")


def test_all_is_computed_on_the_encoder_s_device(folders, images):
    """The meta device computes nothing, and refuses a tensor of another device as a GPU would."""
    encoder = load(folders["vit"], device="meta")
    pixels = _pixels(encoder.processor, images[0]).to("meta")
    assert _vectors(encoder.model, pixels, "pooler").device.type == "meta"
