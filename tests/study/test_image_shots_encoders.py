"""Few-shot tasks of images whose features an encoder of images makes."""

import numpy as np
import pytest
from PIL import Image

from hsokv.data.examples import draw_shots
from hsokv.data.images import read_image_folder
from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.encoders.images import load_image_encoder
from hsokv.exceptions import RecordError
from hsokv.study.benchmarks import module_of, task_of
from hsokv.study.export import export_model
from hsokv.study.features import Request, read_provenance
from hsokv.study.image_shots import encode_shots
from hsokv.study.runs import run_arm
from tests.encoders.made import save_image_encoder
from tests.runs import read_run

DATA = {"name": "files_shapes", "kind": "own file", "synthetic": False, "files": {}, "reason": None}

SHOTS = {"shots2": {"shots": 2}}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoders") / "tiny"
    folder.mkdir()
    save_image_encoder(folder, "vit")
    return EncoderSource(folder=str(folder), modality="images", pooling="cls")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of large images whose 32 x 32 are all but their corners."""
    folder, generator = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for split, rows in (("train", 6), ("test", 2)):
        for name in ("ant", "cat"):
            (folder / split / name).mkdir(parents=True)
            for row in range(rows):
                pixels = generator.integers(256, size=(48, 80, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{row}.png")
    return folder


def write(out, folder, encoder, reason=None, conditions=SHOTS):
    found = {"name": "tiny", "reason": reason, "files": {}}
    source, data = {"source": "files", "folder": str(folder)}, (DATA, found) if encoder else (DATA,)
    asked = Request([7], out, "s", lambda text: None, conditions, source, None, "test", data, encoder)
    encode_shots(asked, num_patches=4, validation_images=1)
    arrays = {}
    for name in ("seed7", "evaluation"):
        with np.load(out / f"{name}.npz") as stored:
            arrays |= dict(stored)
    return arrays, read_provenance(out / "seed7.npz")


def test_features_are_the_encoder_s_vectors_of_the_whole_images(tmp_path, folder, encoder):
    arrays, provenance = write(tmp_path, folder, encoder)
    train, test, _ = read_image_folder(folder)
    drawn, dev = draw_shots(train, 2, 7)
    loaded = load_image_encoder(resolve_encoder(encoder))
    for name, part in (("shots2/train", drawn), ("shots2/dev", dev), ("test", test)):
        whole = [np.asarray(Image.open(file)) for file in part.files]
        np.testing.assert_allclose(arrays[f"{name}/x"], loaded.encode(whole), atol=1e-6)
        np.testing.assert_array_equal(arrays[f"{name}/y"], part.labels)
        small = loaded.encode(part.inputs.transpose(0, 2, 3, 1))
        assert np.abs(arrays[f"{name}/x"] - small).max() > 1e-3  # at 32 x 32 there is less to see
    told = provenance["encoder"]
    assert (told["pooling"], "tokens" in told, set(told["sha256"])) == ("cls", False, set(encoder.kind.files))
    assert told["flops"] > 0
    assert provenance["classes"] == 2


def test_the_same_images_are_drawn_whatever_encodes_them(tmp_path, folder, encoder):
    one, _ = write(tmp_path / "one", folder, encoder)
    other, provenance = write(tmp_path / "other", folder, None)
    assert provenance["encoder"]["name"] == "patch dictionary"
    train, _, _ = read_image_folder(folder)
    for arrays in (one, other):
        assert len(arrays["shots2/train/x"]) == len(arrays["shots2/dev/x"]) == 4
        assert arrays["shots2/train/y"].tolist() == draw_shots(train, 2, 7)[0].labels.tolist()
        assert arrays["names"].tolist() == ["ant", "cat"]


def test_the_same_arguments_give_the_same_bytes(tmp_path, folder, encoder):
    for name in ("one", "other"):
        write(tmp_path / name, folder, encoder)
    for file in ("seed7.npz", "evaluation.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_there_is_no_model_of_a_condition_with_an_encoder(tmp_path, folder, encoder, settings):
    shapes = {
        "kind": "images",
        "conditions": {"tiny": {"shots": 2, "encoder": "tiny"}},
        "folds": 2,
        "flops_allowed": 1e9,
    }
    write(tmp_path / "tiny", folder, encoder, conditions=shapes["conditions"])
    groups, records = {"ridge": settings["ridge"]}, tmp_path / "records"
    run_arm(
        *("shapes", "ridge", module_of("ridge"), groups, task_of(shapes, "ridge"), [7]),
        *(tmp_path, records, "code", lambda line: None),
    )
    record = read_run("shapes", "tiny", "ridge", 7, records)
    assert record.status == "done"
    with pytest.raises(RecordError, match="wanted a condition with the dictionary of patches, came one with tiny"):
        export_model(record, shapes, tmp_path, {})


def test_an_encoder_that_is_not_to_be_had_leaves_its_reason(tmp_path, folder):
    far = EncoderSource(repo_id="a/far", revision="0" * 40, modality="images", pooling="cls")
    arrays, provenance = write(tmp_path, folder, far, reason="out of reach")
    assert set(arrays) == {"provenance"}
    assert (provenance["status"], provenance["reason"]) == ("not run", "out of reach")
    assert provenance["encoder"] == {"name": "far", "revision": "0" * 40}
