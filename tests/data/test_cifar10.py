import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from hsokv.data.cifar10 import META, TEST, TRAIN, read_cifar10
from hsokv.exceptions import DataError

NAMES = [f"class{label}" for label in range(10)]


def content(rows, seed):
    data = np.random.default_rng(seed).integers(256, size=(rows, 3072)).astype(np.uint8)
    labels = [row % 10 for row in range(rows)]
    return {"batch_label": "b", "labels": labels, "data": data, "filenames": [f"{row}.png" for row in range(rows)]}


def put(path, value, protocol=4, as_bytes=True):
    if as_bytes:
        value = {key.encode(): part for key, part in value.items()}
    path.write_bytes(pickle.dumps(value, protocol=protocol))


@pytest.fixture
def batches(tmp_path):
    """Contents and paths of a small copy: 20 images a file, bytes as keys as the official files have them."""
    contents = {split: content(20, seed) for seed, split in enumerate((*TRAIN, TEST))}
    paths = {split: tmp_path / split for split in (*TRAIN, TEST, META)}
    for split, value in contents.items():
        put(paths[split], value)
    put(paths[META], {"label_names": [name.encode() for name in NAMES], "num_vis": 3072})
    return contents, paths


def same(one, other):
    return np.array_equal(one.inputs, other.inputs) and np.array_equal(one.labels, other.labels)


def test_images_come_with_their_labels_and_names(batches):
    contents, paths = batches
    train, test = read_cifar10(paths)
    assert (train.inputs.shape, test.inputs.shape) == ((100, 3, 32, 32), (20, 3, 32, 32))
    assert (train.inputs.dtype, train.labels.dtype, train.names) == (np.uint8, np.int64, tuple(NAMES))
    wanted = {
        image.tobytes(): label
        for split in TRAIN
        for image, label in zip(contents[split]["data"], contents[split]["labels"], strict=True)
    }
    assert {image.tobytes(): label for image, label in zip(train.inputs, train.labels, strict=True)} == wanted


def test_files_written_in_another_way_give_the_same(batches):
    contents, paths = batches
    wanted = read_cifar10(paths)
    put(paths[TRAIN[0]], contents[TRAIN[0]], protocol=0)
    put(paths[TRAIN[1]], contents[TRAIN[1]], protocol=2, as_bytes=False)
    by_column = {**contents[TRAIN[2]], "data": np.asfortranarray(contents[TRAIN[2]]["data"])}
    put(paths[TRAIN[2]], by_column)
    # The official files were written by Python 2, with an older name for the module.
    renamed = paths[TRAIN[3]].read_bytes().replace(b"\x16numpy._core.multiarray", b"\x15numpy.core.multiarray")
    assert renamed != paths[TRAIN[3]].read_bytes()
    old = pickle.dumps({b"label_names": NAMES}, protocol=1)
    paths[META].write_bytes(old)
    for one, other in zip(read_cifar10(paths), wanted, strict=True):
        assert same(one, other)


def test_rows_in_another_order_and_shared_out_otherwise_give_the_same(batches):
    contents, paths = batches
    wanted = read_cifar10(paths)
    data = np.concatenate([contents[split]["data"] for split in TRAIN])
    labels = np.concatenate([contents[split]["labels"] for split in TRAIN])
    for split, rows in zip(TRAIN, np.split(np.random.default_rng(9).permutation(100), [10, 30, 60, 61]), strict=True):
        put(paths[split], {"data": data[rows], "labels": labels[rows].tolist()})
    for one, other in zip(read_cifar10(paths), wanted, strict=True):
        assert same(one, other)


class Runs:
    """A pickle of this asks for a function to be called."""

    def __init__(self, function, *arguments):
        self.asked = (function, arguments)

    def __reduce__(self):
        return self.asked


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("place", ["labels", "data"])
def test_a_payload_is_refused_by_name_and_does_not_run(batches, tmp_path, protocol, place):
    contents, paths = batches
    trace = tmp_path / "trace"
    put(paths[TRAIN[2]], {**contents[TRAIN[2]], place: Runs(os.system, f"touch {trace}")}, protocol)
    with pytest.raises(DataError, match=r"data_batch_3: .* asks for (posix|nt)\.system.* nothing was run"):
        read_cifar10(paths)
    assert not trace.exists()
    # The same file through pickle itself does run, so the check above is one.
    code = f"import pickle; pickle.load(open({str(paths[TRAIN[2]])!r}, 'rb'))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert trace.exists()


@pytest.mark.parametrize("function", [eval, np.load, np.frombuffer, getattr, type, bytearray])
def test_whatever_else_a_pickle_asks_for_is_refused(batches, function):
    _, paths = batches
    put(paths[META], {"label_names": Runs(function, "1")})
    with pytest.raises(DataError, match=rf"batches\.meta: .* asks for \S*\.{function.__name__}"):
        read_cifar10(paths)


def test_allowed_names_used_to_other_ends_do_nothing(batches):
    _, paths = batches
    for split, value in ((META, {"label_names": Runs(np.dtype, "O")}), (TRAIN[0], {"data": Runs(np.ndarray, (2, 3))})):
        before = paths[split].read_bytes()
        put(paths[split], value)
        with pytest.raises(DataError, match=f"{split}: wanted (label_names|data)"):
            read_cifar10(paths)
        paths[split].write_bytes(before)


@pytest.mark.parametrize("kept", [0, 1, 50, 3000, -1])
def test_a_cut_file_is_named(batches, kept):
    _, paths = batches
    paths[TEST].write_bytes(paths[TEST].read_bytes()[:kept])
    with pytest.raises(DataError, match=r"test_batch: .* damaged file"):
        read_cifar10(paths)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.zeros((20, 3071), np.uint8)}, r"wanted data, bytes \[n, 3072\]"),
        ({"data": np.zeros((20, 3072), np.float32)}, r"wanted data.* came something else .*f4"),
        ({"data": np.zeros((20, 32, 96), np.uint8)}, "wanted data"),
        ({"data": np.zeros((0, 3072), np.uint8)}, "wanted data"),
        ({"data": [1, 2]}, "wanted data"),
        ({"data": np.zeros((20, 3072), object)}, "wanted data"),
        ({"labels": [0] * 19}, "wanted as many labels"),
        ({"labels": [10] * 20}, r"wanted as many labels of 0\.\.9 as images \(20\), came others"),
        ({"labels": [-1] * 20}, "wanted as many labels"),
        ({"labels": [0.0] * 20}, "wanted as many labels"),
        ({"labels": "0" * 20}, "wanted as many labels"),
    ],
)
def test_a_batch_that_is_no_batch_is_named(batches, change, message):
    contents, paths = batches
    put(paths[TRAIN[4]], {**contents[TRAIN[4]], **change})
    with pytest.raises(DataError, match=f"data_batch_5: {message}"):
        read_cifar10(paths)


@pytest.mark.parametrize("names", [NAMES[:9], NAMES[:9] + NAMES[:1], [1] * 10, None])
def test_names_that_are_no_ten_names_are_refused(batches, names):
    _, paths = batches
    put(paths[META], {"label_names": names})
    with pytest.raises(DataError, match=r"batches\.meta: wanted label_names, 10 different ones"):
        read_cifar10(paths)


def test_a_missing_file_and_something_else_than_a_dictionary_are_named(batches):
    _, paths = batches
    paths[META].write_bytes(pickle.dumps([1]))
    with pytest.raises(DataError, match=r"batches\.meta: .* list"):
        read_cifar10(paths)
    paths[META].unlink()
    with pytest.raises(DataError, match=r"batches\.meta: .* No such file"):
        read_cifar10(paths)


def test_a_class_without_images_is_named(batches):
    contents, paths = batches
    put(paths[TEST], {**contents[TEST], "labels": [0] * 20})
    with pytest.raises(DataError, match=r"test has no images of class1, class2"):
        read_cifar10(paths)
