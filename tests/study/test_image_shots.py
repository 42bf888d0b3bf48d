"""Few-shot tasks of own images (docs/own-data.md), by the dictionary of patches and by an encoder of images."""

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from hsokv.data.examples import draw_shots
from hsokv.data.images import read_image_folder
from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.encoders.images import load_image_encoder
from hsokv.exceptions import DataError, RecordError
from hsokv.hub import HSOKVForSequenceClassification
from hsokv.study import image_shots
from hsokv.study.benchmarks import source_of
from hsokv.study.data_manifest import check_contents, describe_contents
from hsokv.study.export import export_model
from hsokv.study.features import Request, read_provenance
from tests.encoders.made import save_image_encoder

from .helpers import ROOT, run_once

EXAMPLE = yaml.safe_load((ROOT / "examples/own-image-shots.yaml").read_text())["benchmarks"]["shapes"]
SHAPES = EXAMPLE | {"num_patches": 8}
FOLDER = ROOT / SHAPES["folder"]
DATA = {"name": "shapes", "kind": "own file", "synthetic": False, "files": {}}


def encode(folder, reason=None, images=FOLDER, encoder=None, **changes):
    source = {"source": "files", "folder": str(images)}
    data = [DATA | {"reason": reason}, *([{"name": "tiny", "reason": None, "files": {}}] if encoder else [])]
    asked = Request([1, 2], folder, "stamp", lambda line: None, SHAPES["conditions"], source, None, "test", data)
    few = 1 if encoder or images != FOLDER else 4
    image_shots.encode_shots(asked._replace(encoder=encoder, **changes), SHAPES["num_patches"], validation_images=few)
    arrays = {}
    for path in sorted(folder.glob("*.npz"), reverse=True):
        with np.load(path) as stored:
            arrays = dict(stored) | arrays
    return arrays


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    encode(folder / "default")
    return folder


def test_the_same_images_give_the_same_bytes_and_what_is_there_is_not_made_again(features, tmp_path, monkeypatch):
    encode(tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(files) == ["evaluation.npz", "seed1.npz", "seed2.npz"]
    assert all((features / "default" / name).read_bytes() == content for name, content in files.items())
    monkeypatch.setattr(image_shots, "load_images", None)
    encode(tmp_path)
    with pytest.raises(TypeError):
        encode(tmp_path, stamp="another")


def test_shots_are_as_many_as_asked_and_seeds_share_dictionary_and_test(features):
    with np.load(features / "default" / "seed1.npz") as one, np.load(features / "default" / "seed2.npz") as other:
        for name, condition in SHAPES["conditions"].items():
            for part in ("train", "dev"):
                assert np.bincount(one[f"{name}/{part}/y"]).tolist() == [condition["shots"]] * 6
            assert not np.array_equal(one[f"{name}/train/x"], other[f"{name}/train/x"])
        assert np.array_equal(one["dictionary/centroids"], other["dictionary/centroids"])
        assert "test/x" not in one
    with np.load(features / "default" / "evaluation.npz") as evaluation:
        assert np.bincount(evaluation["test/y"]).tolist() == [5] * 6


def test_features_are_standard_scores_by_the_pool(tmp_path):
    arrays = encode(tmp_path, seeds=[1], conditions={"all": {"shots": 6}})
    x = np.concatenate([arrays["all/train/x"], arrays["all/dev/x"]])  # 6 train and 6 dev shots are the whole pool
    assert np.abs(x.mean(0)).max() < 1e-3
    assert x.std(0, ddof=1).max() < 1 + 1e-3


@pytest.mark.parametrize("arm", ["ridge", "full"])
def test_a_model_answers_pixels_as_the_record_of_its_run_says(features, settings, tmp_path, arm):
    headline = SHAPES | {"conditions": {name: SHAPES["conditions"][name] for name in SHAPES["headline"][:1]}}
    record = run_once(arm, headline, settings, features, tmp_path)
    assert (record.status, record.data["kind"], len(record.outcomes)) == ("done", "own file", 30)
    export_model(record, SHAPES, features, {1: record.scores}).save_pretrained(tmp_path / "model")
    model = HSOKVForSequenceClassification.from_pretrained(tmp_path / "model")
    test = read_image_folder(FOLDER)[1]
    with torch.no_grad():
        said = model(pixel_values=torch.from_numpy(test.inputs)).logits.argmax(-1).numpy()
    assert "".join("01"[right] for right in (said == test.labels).astype(int)) == record.outcomes
    assert model.labels == list(test.names)


def test_more_shots_than_a_class_has_images_are_refused_before_any_work():
    described = describe_contents(source_of(SHAPES) | {"folder": str(FOLDER)}, None)
    study = {"split": "validation", "data": {"validation_rows": 1, "validation_images": 4}}
    check_contents("shapes", described, SHAPES, study)
    with pytest.raises(DataError, match=r"4 validation images and 10 .* the smallest, cross, has 12"):
        check_contents("shapes", described, SHAPES | {"conditions": {"shots5": {"shots": 5}}}, study)


TINY = {"tiny": {"shots": 2, "encoder": "tiny"}}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoders") / "tiny"
    folder.mkdir()
    save_image_encoder(folder, "vit")
    return EncoderSource(folder=str(folder), modality="images", pooling="cls")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Two classes of large images whose 32 x 32 are all but their corners."""
    folder, generator = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for split, rows in (("train", 6), ("test", 2)):
        for name in ("ant", "cat"):
            (folder / split / name).mkdir(parents=True)
            for row in range(rows):
                pixels = generator.integers(256, size=(48, 80, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{row}.png")
    return folder


def test_features_are_the_encoder_s_vectors_of_the_whole_images(tmp_path, large, encoder):
    arrays = encode(tmp_path, images=large, encoder=encoder, seeds=[7], conditions=TINY)
    train, test, _ = read_image_folder(large)
    drawn, dev = draw_shots(train, 2, 7)
    loaded = load_image_encoder(resolve_encoder(encoder))
    for name, part in (("tiny/train", drawn), ("tiny/dev", dev), ("test", test)):
        whole = [np.asarray(Image.open(file)) for file in part.files]
        np.testing.assert_allclose(arrays[f"{name}/x"], loaded.encode(whole), atol=1e-6)
        np.testing.assert_array_equal(arrays[f"{name}/y"], part.labels)
        small = loaded.encode(part.inputs.transpose(0, 2, 3, 1))
        assert np.abs(arrays[f"{name}/x"] - small).max() > 1e-3  # at 32 x 32 there is less to see
    provenance = read_provenance(tmp_path / "seed7.npz")
    told = provenance["encoder"]
    assert (told["pooling"], "tokens" in told, set(told["sha256"])) == ("cls", False, set(encoder.kind.files))
    assert told["flops"] > 0
    assert provenance["classes"] == 2


def test_the_same_images_are_drawn_by_the_dictionary_and_there_is_no_model_of_an_encoder_s_condition(
    tmp_path, large, encoder, settings
):
    one = encode(tmp_path / "tiny", images=large, encoder=encoder, seeds=[7], conditions=TINY)
    other = encode(tmp_path / "default", images=large, seeds=[7], conditions=TINY)
    assert read_provenance(tmp_path / "default/seed7.npz")["encoder"]["name"] == "patch dictionary"
    for name in ("tiny/train/y", "tiny/dev/y", "test/y", "names"):
        assert one[name].tolist() == other[name].tolist()
    shapes = {"kind": "images", "conditions": TINY, "folds": 2, "flops_allowed": 1e9}
    record = run_once("ridge", shapes, settings, tmp_path, tmp_path, seed=7)
    assert record.status == "done"
    with pytest.raises(RecordError, match="wanted a condition with the dictionary of patches, came one with tiny"):
        export_model(record, shapes, tmp_path, {})
