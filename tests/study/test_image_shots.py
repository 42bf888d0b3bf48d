"""Few-shot tasks of a user's own images: the example of docs/own-data.md, from its pixels to records and a model."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from hsokv.arms.registry import METHODS
from hsokv.data.images import read_image_folder
from hsokv.exceptions import DataError
from hsokv.hub import HSOKVForSequenceClassification
from hsokv.study import image_shots
from hsokv.study.benchmarks import module_of, source_of, task_of
from hsokv.study.data_manifest import check_contents, describe_contents
from hsokv.study.export import export_model
from hsokv.study.features import Request
from hsokv.study.runs import run_arm
from tests.runs import read_run

ROOT = Path(__file__).resolve().parents[2]
SHAPES = yaml.safe_load((ROOT / "examples/own-image-shots.yaml").read_text())["benchmarks"]["shapes"] | {
    "num_patches": 8
}
FOLDER = ROOT / SHAPES["folder"]


def encode(folder, stamp="stamp", reason=None, **changes):
    source = source_of(SHAPES) | {"folder": str(FOLDER)}
    data = ({"name": "shapes", "kind": "own file", "synthetic": False, "reason": reason, "files": {}},)
    asked = Request([1, 2], folder, stamp, lambda line: None, SHAPES["conditions"], source, None, "test", data)
    image_shots.encode_shots(asked._replace(**changes), SHAPES["num_patches"], validation_images=4)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    encode(folder / "default")
    return folder


def run(features, arm, settings):
    """The record of an arm of the example's headline, seed 1."""
    records, groups = features / "records", {name: settings[name] for name in METHODS[arm].settings}
    task, quiet = task_of(SHAPES, arm), lambda line: None
    run_arm("shapes", arm, module_of(arm), groups, task, [1], features, records, "code", quiet)
    return read_run("shapes", SHAPES["headline"][0], arm, 1, records)


def test_the_same_images_give_the_same_bytes_and_what_is_there_is_not_made_again(features, tmp_path, monkeypatch):
    files = encode(tmp_path)
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
    encode(tmp_path, seeds=[1], conditions={"all": {"shots": 6}})
    with np.load(tmp_path / "seed1.npz") as arrays:  # 6 train and 6 dev shots a class are the whole pool
        x = np.concatenate([arrays["all/train/x"], arrays["all/dev/x"]])
    assert np.abs(x.mean(0)).max() < 1e-3
    assert x.std(0, ddof=1).max() < 1 + 1e-3


@pytest.mark.parametrize("arm", ["ridge", "full"])
def test_a_model_answers_pixels_as_the_record_of_its_run_says(features, settings, tmp_path, arm):
    record = run(features, arm, settings)
    assert (record.status, record.data["kind"], len(record.outcomes)) == ("done", "own file", 30)
    export_model(record, SHAPES, features, {1: record.scores}).save_pretrained(tmp_path)
    model = HSOKVForSequenceClassification.from_pretrained(tmp_path)
    test = read_image_folder(FOLDER)[1]
    with torch.no_grad():
        said = model(pixel_values=torch.from_numpy(test.inputs)).logits.argmax(-1).numpy()
    assert "".join("01"[right] for right in (said == test.labels).astype(int)) == record.outcomes
    assert model.labels == list(test.names)


def test_what_was_not_found_is_not_run_and_says_why(settings, tmp_path):
    encode(tmp_path / "default", reason="no such images")
    record = run(tmp_path, "knn", settings)
    assert (record.status, record.reason, record.outcomes) == ("not run", "no such images", "")


def test_more_shots_than_a_class_has_images_are_refused_before_any_work():
    described = describe_contents(source_of(SHAPES) | {"folder": str(FOLDER)}, None)
    study = {"split": "validation", "data": {"validation_rows": 1, "validation_images": 4}}
    check_contents("shapes", described, SHAPES, study)
    with pytest.raises(DataError, match=r"4 validation images and 10 .* the smallest, cross, has 12"):
        check_contents("shapes", described, SHAPES | {"conditions": {"shots5": {"shots": 5}}}, study)
