"""A user's own images from their folder to features and records, as docs/own-data.md says; what is checked first."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from hsokv.arms.registry import METHODS
from hsokv.data.catalogue import SOURCES
from hsokv.data.images import locate_image_folder
from hsokv.data.synthetic import generate_split_cifar10_synthetic
from hsokv.exceptions import DataError
from hsokv.study import data_manifest
from hsokv.study.benchmarks import module_of, source_of, task_of
from hsokv.study.data_manifest import describe_contents
from hsokv.study.features import Request
from hsokv.study.images import encode_stream
from hsokv.study.runs import run_arm
from tests.runs import read_run

from .data_checks import check_data

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """The benchmark of examples/own-images.yaml, on a copy of its images in the working directory."""
    shutil.copytree(ROOT / "examples/own-images", tmp_path / "examples/own-images")
    monkeypatch.chdir(tmp_path)
    return yaml.safe_load((ROOT / "examples/own-images.yaml").read_text())["benchmarks"]["shapes"]


def study(benchmark, split="validation"):
    return {
        "split": split,
        "data": {"validation_rows": 1, "validation_images": 1},
        "encoder": "minilm",
        "benchmarks": {"shapes": benchmark},
    }


def found(benchmark, root=None, split="validation"):
    return check_data(study(benchmark, split), root)["files_shapes"]


def test_the_example_goes_from_its_images_to_records(shapes, tmp_path):
    source = source_of(shapes)
    files = locate_image_folder("shapes", source["folder"], None)
    data = {"name": "shapes", "kind": files.kind, "synthetic": False, "reason": None, "files": dict(files.sha256)}
    found = [data | describe_contents(source, None)]
    folder = tmp_path / "features/default"
    asked = Request([1], folder, "stamp", lambda _: None, source=source, split="test", manifests=found)
    encode_stream(asked, tasks=3, num_patches=8, validation_images=4)
    settings = yaml.safe_load((ROOT / "config.yaml").read_text())["methods"]
    run_arm(
        benchmark="shapes",
        arm="ridge",
        module=module_of("ridge"),
        settings={name: settings[name] for name in METHODS["ridge"].settings},
        task=task_of(shapes, "ridge"),
        seeds=[1],
        features=tmp_path / "features",
        records=tmp_path / "records",
        code="code",
        report=lambda _: None,
    )
    record = read_run("shapes", "three_tasks", "ridge", 1, tmp_path / "records")
    assert (record.status, record.data["kind"], len(record.outcomes)) == ("done", "own file", 30)
    assert record.data["images"]["train"] == dict.fromkeys(
        ["cross", "disc", "frame", "grid", "stripes", "triangle"], 12
    )


def test_images_are_known_by_class_and_content_and_not_by_name_or_place(shapes, tmp_path):
    before = found(shapes)
    assert set(before) == {"train", "test"}
    shutil.copytree(tmp_path / "examples/own-images", tmp_path / "root/examples/own-images")
    file = tmp_path / "root/examples/own-images/train/disc/00.png"
    file.rename(file.with_name("another.PNG"))
    assert found(shapes, tmp_path / "root") == before
    (tmp_path / "root/examples/own-images/train/disc").rename(tmp_path / "root/examples/own-images/train/dot")
    (tmp_path / "root/examples/own-images/test/disc").rename(tmp_path / "root/examples/own-images/test/dot")
    assert found(shapes, tmp_path / "root") != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conditions": {"four": {"tasks": 4, "passes": 1}}}, "4 tasks in four"),
        ({"validation_images": 11}, "11 validation images and 2 .* the smallest, cross, has 12 "),
        ({"capacity": 11}, "11 entries .* 12 "),
        ({"folder": "elsewhere"}, "shapes: .* folder of images at .*elsewhere"),
    ],
)
def test_what_images_cannot_give_is_refused_before_any_work(shapes, change, message):
    with pytest.raises(DataError, match=message):
        found(shapes | change)


def test_the_final_test_needs_no_validation_images(shapes):
    found(shapes | {"validation_images": 100}, split="test")


def test_broken_images_are_named_before_any_work(shapes):
    Path(shapes["folder"], "test/grid/00.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"test/grid/00\.png: .* cannot be read"):
        found(shapes)


def test_a_damaged_cifar_is_named_before_any_work(shapes, tmp_path, monkeypatch):
    for member in SOURCES["cifar10"].members:
        (tmp_path / member.path).parent.mkdir(exist_ok=True)
        (tmp_path / member.path).write_bytes(b"no batch")
    monkeypatch.setenv("HSOKV_CACHE_DIR", str(tmp_path / "cache"))
    cifar = {key: value for key, value in shapes.items() if key != "folder"} | {"source": "cifar10"}
    with pytest.raises(DataError, match="wanted a batch of CIFAR-10, came a damaged file"):
        check_data(study(cifar), tmp_path)


def test_a_stand_in_is_described_like_the_rest(monkeypatch):
    small = generate_split_cifar10_synthetic(train=20, test=10)
    monkeypatch.setitem(data_manifest.GENERATORS, "split_cifar10_synthetic", lambda: small)
    described = describe_contents({"source": "split_cifar10_synthetic"}, None)["images"]
    assert list(described["test"].values()) == [1] * 10
    assert sum(described["train"].values()) == len(small[0].labels)
    assert tuple(described["labels"]) == small[0].names
    assert np.array_equal(list(described["train"].values()), np.bincount(small[0].labels))
