import numpy as np
import pytest
import torch

from hsokv.data.examples import digests
from hsokv.data.synthetic import generate_split_cifar10_synthetic
from hsokv.encoders.patches import PatchDictionary
from hsokv.exceptions import DataError
from hsokv.study import data_manifest
from hsokv.study.features import Request, is_current, read_provenance
from hsokv.study.images import class_order, encode_stream, load_images

DATA = {"name": "small/1", "kind": "synthetic stand-in", "synthetic": True, "files": {}, "reason": None}
SOURCE = {"source": "split_cifar10_synthetic"}
SMALL = generate_split_cifar10_synthetic(train=80, test=30)


@pytest.fixture(scope="module", autouse=True)
def _small_data():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(data_manifest.GENERATORS, SOURCE["source"], lambda: SMALL)
        yield


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(folder, arrays) of a seed, with a dictionary that was learnt."""
    folder = tmp_path_factory.mktemp("written")
    return folder, write(folder)


def write(folder, seed=13, tasks=5, split="test", data=DATA):
    asked = Request([seed], folder, "s", lambda text: None, source=SOURCE, split=split, manifests=[data])
    encode_stream(asked, tasks, num_patches=4, development_images=3)
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


def test_the_file_holds_what_the_contract_says(written):
    folder, arrays = written
    found = read_provenance(folder / "seed13.npz")
    shown = arrays.keys() - {"names", "provenance"}
    assert {name: (arrays[name].shape, str(arrays[name].dtype)) for name in shown} == {
        "train/x": ((80, 16), "float16"),
        "train/y": ((80,), "int64"),
        "test/x": ((30, 16), "float16"),
        "test/y": ((30,), "int64"),
        "order": ((10,), "int64"),
        "dictionary/whitening": ((108, 108), "float32"),
        "dictionary/offset": ((108,), "float32"),
        "dictionary/centroids": ((4, 108), "float32"),
    }
    assert all(np.isfinite(arrays[name]).all() for name in ("train/x", "test/x"))
    assert (found["status"], found["classes"], found["shared_test"]) == ("done", 10, True)
    assert found["data"] == {"name": "small/1", "kind": "synthetic stand-in", "synthetic": True, "files": {}} | {
        "split": "test"
    }
    assert found["encoder"]["name"] == "patch dictionary"
    assert found["encoder"]["settings"] == {"num_patches": 4, "patches": 50_000, "steps": 20, "first_classes": 2}
    assert found["encoder"]["flops"] == 110 * 27**2 * 2 * (108**2 + 110 * 4)
    assert found["encoder"]["training_flops"] > 0
    assert is_current(folder / "seed13.npz", "s")


def test_labels_are_numbered_in_order_of_arrival_and_rows_keep_their_place(tmp_path, learnt_on):
    for seed in (13, 21):
        arrays = write(tmp_path, seed)
        order = arrays["order"]
        assert order.tolist() == class_order(seed, 10).tolist()
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


def test_development_never_reads_the_final_test(tmp_path, monkeypatch, learnt_on):
    final = {digest: row for row, digest in enumerate(digests(SMALL[1]))}
    train, development = load_images(SOURCE, None, "validation", 3)
    assert np.bincount(development.labels).tolist() == [3] * 10
    assert len(train.labels) == 50
    assert not final.keys() & set(digests(train) + digests(development))
    arrays = write(tmp_path, split="validation")
    assert (len(arrays["train/y"]), len(arrays["test/y"])) == (50, 30)
    assert np.array_equal(arrays["test/x"], development.inputs.reshape(-1, 3072)[:, :16])
    assert read_provenance(tmp_path / "seed13.npz")["data"]["split"] == "validation"


def test_the_same_seed_gives_the_same_bytes_and_another_one_another_order(written, tmp_path):
    write(tmp_path)
    for file in ("seed13.npz", "images.npz"):
        assert (written[0] / file).read_bytes() == (tmp_path / file).read_bytes()
    assert len({tuple(class_order(seed, 10)) for seed in range(20)}) == 20
    assert all(sorted(class_order(seed, 10)) == list(range(10)) for seed in range(20))


def test_data_that_are_not_there_give_a_file_that_says_why(tmp_path):
    arrays = write(tmp_path, data={**DATA, "reason": "not on this machine"})
    assert arrays.keys() == {"provenance"}
    found = read_provenance(tmp_path / "seed13.npz")
    assert (found["status"], found["reason"], found["data"]["name"]) == ("not run", "not on this machine", "small/1")


def test_tasks_that_cannot_share_the_classes_out_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"4 tasks .* 10 classes"):
        write(tmp_path, tasks=4)
    assert not list(tmp_path.iterdir())
