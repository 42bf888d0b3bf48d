"""CIFAR-10 (Krizhevsky 2009) from its python batches, which are pickles, without running anything that they say.

A pickle may name any function and have it called. Here the few names that arrays are written with stand for a recorder,
which keeps what it was given and does nothing, and any other name is refused. The pixels are then read off the records.
"""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hsokv.data.examples import SHAPE, Examples, in_order
from hsokv.exceptions import DataError

TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST, META = "test_batch", "batches.meta"
CLASSES = 10
PIXELS = 3072  # 1024 of red, then of green, then of blue, row by row
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


def read_cifar10(paths: Mapping[str, Path]) -> tuple[Examples, Examples]:
    """(train, test) from the files data_batch_1 .. 5, test_batch and batches.meta, given by those names.

    In the order of their pixels' digests. Subsets of the official files will do, of any number of rows. Raises
    DataError naming the file and what is wrong with it, or a class that train or test has no images of.
    """
    names = _names(paths[META])
    batches = [_read_batch(paths[split]) for split in TRAIN]
    train = Examples(*(np.concatenate(parts) for parts in zip(*batches, strict=True)), names)
    test = Examples(*_read_batch(paths[TEST]), names)
    for part, examples in (("train", train), ("test", test)):
        if missing := [name for name, count in examples.counts().items() if not count]:
            raise DataError(f"{paths[TEST].parent}: {part} has no images of {', '.join(missing)}")
    return in_order(train), in_order(test)


def _read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 [n, 3, 32, 32] and labels int64 [n]."""
    content = _unpickle(path)
    images, labels = _pixels(path, content.get("data")), content.get("labels")
    right = isinstance(labels, list) and all(type(label) is int and 0 <= label < CLASSES for label in labels)
    if not right or len(labels) != len(images):
        raise DataError(f"{path}: wanted as many labels of 0..{CLASSES - 1} as images ({len(images)}), came others")
    return images, np.array(labels, dtype=np.int64)


def _names(path: Path) -> tuple[str, ...]:
    names = _unpickle(path).get("label_names")
    names = [_text(name) for name in names] if isinstance(names, list) else []
    if len(names) != CLASSES or len(set(names)) != CLASSES or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path}: wanted label_names, {CLASSES} different ones, came {names}")
    return tuple(names)


def _pixels(path: Path, array: object) -> np.ndarray:
    """The array [n, 3072] of bytes that a recorder's state (version, shape, type, by column, content) tells of."""
    try:
        _, (rows, columns), kind, by_column, content = array.state
        if _text(kind.given[0]) != "u1" or columns != PIXELS or len(content) != rows * columns or rows < 1:
            raise ValueError(f"{rows} x {columns} of type {_text(kind.given[0])} in {len(content)} bytes")
        flat = np.frombuffer(content, np.uint8).reshape(rows, columns, order="F" if by_column else "C")
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path}: wanted data, bytes [n, {PIXELS}], came something else ({error})") from error
    return flat.reshape(rows, *SHAPE)


def _unpickle(path: Path) -> dict[str, object]:
    """The dictionary in a pickle, keys as text, arrays as recorders."""

    class Recorder:  # made anew for every file: what a pickle sets on it ends with that file
        def __init__(self, *given: object) -> None:
            self.given = given

        def __setstate__(self, state: object) -> None:
            self.state = state

    def encode(text: str, encoding: str) -> bytes:  # bytes, as Python 3 writes them for Python 2
        return text.encode("latin1")

    class Restricted(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> object:
            if (module, name) not in _ALLOWED:
                raise DataError(
                    f"{path}: wanted numbers and names alone, but the file asks for {module}.{name}, "
                    "which could run code: nothing was run; get the file from its official address"
                )
            return encode if name == "encode" else Recorder

    try:
        content = Restricted(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: wanted a readable file, came {error.strerror}") from error
    except Exception as error:  # a broken pickle raises nearly anything
        raise DataError(f"{path}: wanted a batch of CIFAR-10, came a damaged file ({error}): get it again") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: wanted a dictionary, came {type(content).__name__}")
    return {_text(key): value for key, value in content.items()}


def _text(value: object) -> object:
    return value.decode("latin1") if isinstance(value, bytes) else value
