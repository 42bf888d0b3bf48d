"""Vectors of images, what transformers' own model and preprocessor say; and files of any encoder that are refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hsokv.encoders.files import ARCHITECTURE, PREPROCESSOR, TOKENIZER, WEIGHTS, EncoderSource, resolve_encoder
from hsokv.encoders.images import _pixels, _vectors, load_image_encoder
from hsokv.encoders.texts import load_text_encoder
from hsokv.exceptions import ConfigurationError, DataError, EncoderError
from hsokv.learning.budget import count_flops
from tests.encoders.made import save_encoder, save_image_encoder

KINDS = ("vit", "dinov2", "resnet")
POOLING = [(kind, pooling) for kind in KINDS for pooling in ("pooler", "mean", "cls")]
POOLING.remove(("resnet", "cls"))  # it has no tokens


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A random encoder of each kind in a folder."""
    made = {kind: tmp_path_factory.mktemp(kind) for kind in (*KINDS, "vit_mae", "bert")}
    for kind, folder in made.items():
        save_encoder(folder, kind) if kind == "bert" else save_image_encoder(folder, kind)
    shutil.copy(made["vit"] / PREPROCESSOR, made["bert"])
    return made


@pytest.fixture
def images():
    """Of several sizes, as a user's are."""
    generator = np.random.default_rng(0)
    return [generator.integers(256, size=(*size, 3), dtype=np.uint8) for size in [(20, 30), (64, 17), (16, 16), (9, 8)]]


def load(folder, pooling="pooler", **options):
    if (folder / TOKENIZER).exists():
        return load_text_encoder(resolve_encoder(EncoderSource(folder=str(folder), tokens=16)))
    source = EncoderSource(folder=str(folder), pooling=pooling, modality="images")
    return load_image_encoder(resolve_encoder(source), **options)


@pytest.mark.parametrize(("kind", "pooling"), POOLING)
def test_vectors_are_what_transformers_own_model_and_preprocessor_say(folders, images, kind, pooling):
    from transformers import AutoImageProcessor, AutoModel

    processor = AutoImageProcessor.from_pretrained(folders[kind], backend="pil")
    model = AutoModel.from_pretrained(folders[kind]).eval()
    encoder = load(folders[kind], pooling)
    vectors, flops = count_flops(encoder.encode, images)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(images), encoder.width))
    for image, vector in zip(images, vectors, strict=True):
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
    with FlopCounterMode(display=False) as counter:
        np.testing.assert_allclose(encoder.encode(iter(images), batch=3), vectors, atol=1e-6)
    assert flops == counter.get_total_flops() > 0


@pytest.mark.parametrize("kind", ["vit", "bert"])
def test_loading_and_encoding_change_no_state_and_say_nothing(folders, images, kind, capfd):
    threads, before = torch.get_num_threads(), torch.random.get_rng_state()
    encoder, inputs = load(folders[kind]), images if kind == "vit" else ["a film", "the plot"]
    np.testing.assert_array_equal(encoder.encode(inputs), load(folders[kind]).encode(inputs))
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


def change(path, new):
    """A file of settings gets the `new` ones, one of weights loses a part, another is written anew or taken away."""
    from safetensors.torch import load_file, save_file

    if isinstance(new, dict):
        path.write_text(json.dumps(json.loads(path.read_text()) | new))
        (path.parent / "own.py").write_text("raise SystemExit('was run')")
    elif isinstance(new, str):
        weights = load_file(path)
        del weights[next(name for name in sorted(weights) if name.startswith(new))]
        save_file(weights, path, {"format": "pt"})
    else:
        path.write_bytes(new) if new else path.unlink()


OWN_MODEL = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
OWN_PROCESSOR = {"image_processor_type": "Own", "auto_map": {"AutoImageProcessor": "own.Own"}}
LARGER = {"size": {"height": 24, "width": 24}}
UNCUT = {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 16}, "do_center_crop": False}


@pytest.mark.parametrize(
    ("kind", "pooling", "file", "new", "said"),
    [
        # Code that comes with the files is not run.
        ("vit", "mean", ARCHITECTURE, OWN_MODEL, "wanted the files of an image encoder, came others"),
        ("bert", "mean", ARCHITECTURE, OWN_MODEL, "wanted the files of a text encoder, came others"),
        ("vit", "mean", PREPROCESSOR, OWN_PROCESSOR, "wanted the preprocessor of an image encoder"),
        # Files that are not an encoder's, or another's.
        ("bert", "mean", WEIGHTS, b"{}", "came others"),
        ("bert", "mean", ARCHITECTURE, b"{}", "came others"),
        ("vit", "mean", WEIGHTS, "layernorm.bias", r"wanted the weights .*, misses layernorm\.bias"),
        ("bert", "mean", WEIGHTS, "encoder.layer.1", r"misses encoder\.layer\.1"),
        ("vit", "pooler", WEIGHTS, "pooler", r"misses pooler\.dense\.bias\): write pooling: cls"),
        ("bert", "mean", TOKENIZER, None, "wanted an encoder that reads images .* came a bert, which reads input_ids"),
        ("vit", "mean", PREPROCESSOR, LARGER, "wanted the images that a vit reads, came others"),
        # What no vector can be made of.
        ("resnet", "mean", PREPROCESSOR, UNCUT, "wanted images brought to one size, came .* let it cut them"),
        ("resnet", "cls", PREPROCESSOR, {}, "wanted a model with tokens for pooling: cls, came a resnet"),
        ("vit_mae", "mean", PREPROCESSOR, {}, "wanted an encoder that gives an image one vector, came a vit_mae"),
    ],
)
def test_files_that_no_encoder_can_be_made_of_are_refused(folders, images, tmp_path, kind, pooling, file, new, said):
    shutil.copytree(folders[kind], tmp_path, dirs_exist_ok=True)
    change(tmp_path / file, new)
    before = torch.random.get_rng_state()
    with pytest.raises(EncoderError, match=said):
        load(tmp_path, pooling).encode(images)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_pooler_that_was_not_trained_may_be_missing_where_it_is_not_read(folders, images, tmp_path):
    shutil.copytree(folders["vit"], tmp_path, dirs_exist_ok=True)
    change(tmp_path / WEIGHTS, "pooler")
    np.testing.assert_array_equal(load(tmp_path, "cls").encode(images), load(folders["vit"], "cls").encode(images))


def test_all_is_computed_on_the_encoder_s_device(folders, images):
    """The meta device computes nothing, and refuses a tensor of another device as a GPU would."""
    encoder = load(folders["vit"], device="meta")
    pixels = _pixels(encoder.processor, images[0]).to("meta")
    assert _vectors(encoder.model, pixels, "pooler").device.type == "meta"
