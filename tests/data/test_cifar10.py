"""CIFAR-10's batches: the same in whatever way they are written, and hostile pickles, of which nothing is run."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from hsokv.data.cifar10 import META, TEST, TRAIN, read_cifar10
from hsokv.exceptions import DataError

NAMES = [f"class{label}" for label in range(10)]


def content(seed):
    data = np.random.default_rng(seed).integers(256, size=(20, 3072)).astype(np.uint8)
    return {"labels": [row % 10 for row in range(20)], "data": data, "filenames": ["a.png"] * 20}


def put(path, value, protocol=4):
    """Keys are bytes, as the official files have them."""
    path.write_bytes(pickle.dumps({key.encode(): part for key, part in value.items()}, protocol=protocol))


@pytest.fixture
def batches(tmp_path):
    """Contents and paths of a small copy: 20 images a file."""
    contents = {split: content(seed) for seed, split in enumerate((*TRAIN, TEST))}
    contents[META] = {"label_names": [name.encode() for name in NAMES]}
    paths = {split: tmp_path / split for split in contents}
    for split, value in contents.items():
        put(paths[split], value)
    return contents, paths


def test_images_are_the_same_in_another_order_and_written_in_another_way(batches):
    contents, paths = batches
    train, test = wanted = read_cifar10(paths)
    data, labels = (np.concatenate([contents[split][key] for split in TRAIN]) for key in ("data", "labels"))
    assert (train.inputs.shape, test.inputs.shape) == ((100, 3, 32, 32), (20, 3, 32, 32))
    assert (train.inputs.dtype, train.labels.dtype, train.names) == (np.uint8, np.int64, tuple(NAMES))
    read = {image.tobytes(): label for image, label in zip(train.inputs, train.labels, strict=True)}
    assert read == {image.tobytes(): label for image, label in zip(data, labels, strict=True)}
    shares = np.split(np.random.default_rng(9).permutation(100), [10, 30, 60, 61])
    for protocol, (split, rows) in enumerate(zip(TRAIN, shares, strict=True)):
        pixels = np.asfortranarray(data[rows]) if protocol % 2 else data[rows]
        put(paths[split], {"data": pixels, "labels": labels[rows].tolist()}, protocol)
    # The official files were written by Python 2, with an older name of the module.
    official = paths[TRAIN[2]].read_bytes()
    paths[TRAIN[2]].write_bytes(official.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"))
    assert paths[TRAIN[2]].read_bytes() != official
    paths[META].write_bytes(pickle.dumps({"label_names": NAMES}, protocol=1))
    for one, other in zip(read_cifar10(paths), wanted, strict=True):
        np.testing.assert_array_equal(one.inputs, other.inputs)
        np.testing.assert_array_equal(one.labels, other.labels)


class Runs:
    """A pickle of this asks for a function to be called."""

    def __init__(self, function, *arguments):
        self.asked = (function, arguments)

    def __reduce__(self):
        return self.asked


@pytest.mark.parametrize(("protocol", "place"), [(0, "labels"), (4, "data")])
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


@pytest.mark.parametrize("length", [0, 50, -1])
def test_a_cut_file_is_named(batches, length):
    _, paths = batches
    paths[TEST].write_bytes(paths[TEST].read_bytes()[:length])
    with pytest.raises(DataError, match=r"test_batch: .* damaged file"):
        read_cifar10(paths)


@pytest.mark.parametrize(
    ("split", "change", "said"),
    [
        (TRAIN[4], {"data": np.zeros((20, 3071), np.uint8)}, r"data_batch_5: wanted data, bytes \[n, 3072\]"),
        (TRAIN[4], {"data": np.zeros((20, 3072), np.float32)}, "data_batch_5: wanted data.* came something else .*f4"),
        (TRAIN[4], {"data": np.zeros((20, 3072), object)}, "wanted data"),
        (TRAIN[4], {"data": np.zeros((20, 32, 96), np.uint8)}, "wanted data"),
        (TRAIN[4], {"data": np.zeros((0, 3072), np.uint8)}, "wanted data"),
        (TRAIN[4], {"data": Runs(np.ndarray, (2, 3))}, "wanted data"),  # an allowed name, to another end
        (TRAIN[4], {"labels": [0] * 19}, r"data_batch_5: wanted as many labels of 0\.\.9 as images \(20\)"),
        (TRAIN[4], {"labels": [10] * 20}, "wanted as many labels"),
        (TRAIN[4], {"labels": [-1] * 20}, "wanted as many labels"),
        (TRAIN[4], {"labels": [0.0] * 20}, "wanted as many labels"),
        (TEST, {"labels": [0] * 20}, "test has no images of class1, class2"),
        (META, {"label_names": NAMES[:9] + NAMES[:1]}, r"batches\.meta: wanted label_names, 10 different ones"),
        (META, {"label_names": [1] * 10}, "wanted label_names"),
        (META, {"label_names": Runs(np.dtype, "O")}, "wanted label_names"),
    ],
)
def test_what_is_no_batch_is_named(batches, split, change, said):
    contents, paths = batches
    put(paths[split], {**contents[split], **change})
    with pytest.raises(DataError, match=said):
        read_cifar10(paths)


def test_a_missing_file_and_something_else_than_a_dictionary_are_named(batches):
    _, paths = batches
    paths[META].write_bytes(pickle.dumps([1]))
    with pytest.raises(DataError, match=r"batches\.meta: .* list"):
        read_cifar10(paths)
    paths[META].unlink()
    with pytest.raises(DataError, match=r"batches\.meta: .* No such file"):
        read_cifar10(paths)
