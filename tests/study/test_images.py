"""Streams of images: the features of a generated one, a user's own images (docs/own-data.md), what is checked first."""

import shutil

import numpy as np
import pytest
import torch
import yaml

from hsokv.data.catalogue import SOURCES
from hsokv.data.examples import digests
from hsokv.data.synthetic import generate_split_cifar10_synthetic
from hsokv.encoders.patches import PatchDictionary
from hsokv.exceptions import DataError
from hsokv.study import data_manifest
from hsokv.study.features import Request, is_current, read_provenance
from hsokv.study.images import class_order, encode_stream, load_images

from .helpers import ROOT, check_data

DATA = {"name": "small/1", "kind": "synthetic stand-in", "synthetic": True, "files": {}}
SOURCE = {"source": "split_cifar10_synthetic"}
SMALL = generate_split_cifar10_synthetic(train=80, test=30)


@pytest.fixture(scope="module", autouse=True)
def _small_data():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(data_manifest.GENERATORS, SOURCE["source"], lambda: SMALL)
        yield


def write(folder, seed=13, tasks=5, split="test", reason=None, source=SOURCE, data=DATA):
    data = data | {"reason": reason}
    asked = Request([seed], folder, "s", lambda text: None, source=source, split=split, manifests=[data])
    encode_stream(asked, tasks, num_patches=4, validation_images=3)
    with np.load(folder / f"seed{seed}.npz") as stored:
        return dict(stored)


@pytest.fixture
def learnt_on(monkeypatch):
    """The images that dictionaries were learnt on, in place of one; pixels stand for the features."""
    seen = []

    def learn(given, num_patches, generator):
        seen.append(given)
        return PatchDictionary(torch.eye(108), torch.zeros(108), torch.zeros(num_patches, 108))

    monkeypatch.setattr("hsokv.encoders.patches.learn_dictionary", learn)
    monkeypatch.setattr(
        "hsokv.encoders.patches.encode", lambda part, dictionary, batch: part.flatten(1)[:, :16].float()
    )
    return seen


def test_the_file_holds_what_the_contract_says_and_the_same_seed_gives_the_same_bytes(tmp_path):
    arrays = write(tmp_path / "one")
    found = read_provenance(tmp_path / "one/seed13.npz")
    kinds = {name: str(array.dtype) for name, array in arrays.items() if name.endswith("/x")}
    assert kinds == dict.fromkeys(["train/x", "test/x"], "float16")
    assert all(np.isfinite(arrays[name]).all() for name in ("train/x", "test/x"))
    assert (found["status"], found["classes"], found["shared_test"]) == ("done", 10, True)
    assert found["data"] == DATA | {"split": "test"}
    assert found["encoder"]["settings"] == {"num_patches": 4, "patches": 50_000, "steps": 20, "first_classes": 2}
    assert found["encoder"]["flops"] == 110 * 27**2 * 2 * (108**2 + 110 * 4)
    assert found["encoder"]["training_flops"] > 0
    assert is_current(tmp_path / "one/seed13.npz", "s")
    write(tmp_path / "other")
    for file in ("seed13.npz", "images.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_labels_are_numbered_in_order_of_arrival_and_rows_keep_their_place(tmp_path, learnt_on):
    orders = {tuple(class_order(seed, 10)) for seed in range(20)}
    assert len(orders) == 20
    assert all(sorted(order) == list(range(10)) for order in orders)
    arrays = write(tmp_path, 21)
    order = arrays["order"]
    assert order.tolist() == class_order(21, 10).tolist()
    assert arrays["names"].tolist() == [SMALL[0].names[label] for label in order]
    for part, examples in zip(("train", "test"), SMALL, strict=True):
        assert np.array_equal(order[arrays[f"{part}/y"]], examples.labels)
        assert np.array_equal(arrays[f"{part}/x"], examples.inputs.reshape(-1, 3072)[:, :16])


def test_the_dictionary_sees_the_first_task_alone(tmp_path, learnt_on):
    train = SMALL[0]
    for tasks, classes in ((5, 2), (2, 5)):
        order = write(tmp_path / str(tasks), tasks=tasks)["order"]
        wanted = train.inputs[np.isin(train.labels, order[:classes])]
        assert np.array_equal(learnt_on.pop().numpy(), wanted)


def test_development_never_reads_the_final_test(tmp_path, learnt_on):
    train, development = load_images(SOURCE, None, "validation", 3)
    assert np.bincount(development.labels).tolist() == [3] * 10
    assert len(train.labels) == 50
    assert not {*digests(SMALL[1])} & {*digests(train), *digests(development)}
    arrays = write(tmp_path, split="validation")
    assert (len(arrays["train/y"]), len(arrays["test/y"])) == (50, 30)
    assert np.array_equal(arrays["test/x"], development.inputs.reshape(-1, 3072)[:, :16])
    assert read_provenance(tmp_path / "seed13.npz")["data"]["split"] == "validation"


def test_data_that_are_not_there_give_a_file_that_says_why(tmp_path):
    assert write(tmp_path, reason="not on this machine").keys() == {"provenance"}
    found = read_provenance(tmp_path / "seed13.npz")
    assert (found["status"], found["reason"], found["data"]["name"]) == ("not run", "not on this machine", "small/1")


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """The benchmark of examples/own-images.yaml, on a copy of its images in the working directory."""
    shutil.copytree(ROOT / "examples/own-images", tmp_path / "examples/own-images")
    monkeypatch.chdir(tmp_path)
    return yaml.safe_load((ROOT / "examples/own-images.yaml").read_text())["benchmarks"]["shapes"]


def check(benchmark, root=None, split="validation"):
    data = {"validation_rows": 1, "validation_images": 1}
    return check_data({"split": split, "data": data, "encoder": "minilm", "benchmarks": {"shapes": benchmark}}, root)


def test_images_are_known_by_class_and_content_and_not_by_name_or_place(shapes, tmp_path):
    before, copied = check(shapes)["files_shapes"], tmp_path / "root/examples/own-images"
    assert set(before) == {"train", "test"}
    shutil.copytree(tmp_path / "examples/own-images", copied)
    (copied / "train/disc/00.png").rename(copied / "train/disc/another.PNG")
    assert check(shapes, tmp_path / "root")["files_shapes"] == before
    for part in ("train", "test"):
        (copied / part / "disc").rename(copied / part / "dot")
    assert check(shapes, tmp_path / "root")["files_shapes"] != before


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
        check(shapes | change)
    if "validation_images" in change:
        check(shapes | change, split="test")  # which sets none aside


def test_a_damaged_cifar_is_named_before_any_work(shapes, tmp_path, monkeypatch):
    for member in SOURCES["cifar10"].members:
        (tmp_path / member.path).parent.mkdir(exist_ok=True)
        (tmp_path / member.path).write_bytes(b"no batch")
    monkeypatch.setenv("HSOKV_CACHE_DIR", str(tmp_path / "cache"))
    cifar = {key: value for key, value in shapes.items() if key != "folder"} | {"source": "cifar10"}
    with pytest.raises(DataError, match="wanted a batch of CIFAR-10, came a damaged file"):
        check(cifar, tmp_path)
