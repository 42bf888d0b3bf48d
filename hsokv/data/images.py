"""Labelled images of one size, without repeats, and a development set carved out of them.

Every choice is made by SHA-256 of the pixels, so a reordered copy of the data gives the same images in the same order.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hsokv.data.shots import draw_rows
from hsokv.exceptions import ConfigurationError, DataError

SHAPE = (3, 32, 32)
SALT = b"hsokv images\t"  # another salt is another order and another development set


class LabelledImages(NamedTuple):
    """`images` uint8 [n, 3, 32, 32], colours red, green, blue; `labels` int64 [n]; `names` of the classes.

    `files` [n]: where each was read from, of images that are files of their own; of others there are none.
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    files: tuple[Path, ...] = ()

    def take(self, rows: Iterable[int]) -> "LabelledImages":
        """The examples at `rows`, in that order."""
        rows = list(rows)
        files = tuple(self.files[row] for row in rows) if self.files else ()
        return LabelledImages(self.images[rows], self.labels[rows], self.names, files)


def digests(images: np.ndarray) -> list[bytes]:
    """SHA-256 of the salt and the pixels of each image: equal where the pixels are."""
    return [hashlib.sha256(SALT + image.tobytes()).digest() for image in images]


def tidy(train: LabelledImages, test: LabelledImages) -> tuple[LabelledImages, LabelledImages]:
    """(train, test) in the order of their digests; of train, what is not in test, once, unless it has two labels.

    Test is kept whole.

    >>> images = np.arange(4, dtype=np.uint8)[:, None, None, None] + np.zeros((1, *SHAPE), np.uint8)
    >>> train = LabelledImages(images[[0, 0, 1, 2, 2, 3]], np.array([0, 0, 1, 0, 1, 1]), ("a", "b"))
    >>> kept, _ = tidy(train, LabelledImages(images[3:], np.array([1]), ("a", "b")))
    >>> sorted(kept.images[:, 0, 0, 0].tolist())  # 2 has two labels, 3 is in test
    [0, 1]
    """
    tested = digests(test.images)
    rows = defaultdict(list)
    for row, digest in enumerate(digests(train.images)):
        rows[digest].append(row)
    for digest in tested:
        rows.pop(digest, None)
    kept = [same[0] for _, same in sorted(rows.items()) if len(set(train.labels[same])) == 1]
    in_order = sorted(range(len(tested)), key=lambda row: (tested[row], test.labels[row]))
    return train.take(kept), test.take(in_order)


def development_split(train: LabelledImages, per_class: int) -> tuple[LabelledImages, LabelledImages]:
    """Carve a development set out of train data: of each class the `per_class` images with the lowest digests.

    Returns (the others, development), both in the order of their digests. `train` holds no image twice (`tidy`).
    Raises ConfigurationError where per_class is under 1, DataError where a class would keep fewer than 2 images.
    """
    if per_class < 1:
        raise ConfigurationError(f"development images per class: wanted at least 1, came {per_class}")
    counts = np.bincount(train.labels, minlength=len(train.names))
    if counts.min() < per_class + 2:
        raise DataError(
            f"wanted {per_class} development images of every class and 2 more to learn from, "
            f"{train.names[counts.argmin()]} has {counts.min()}; ask for fewer"
        )
    order = np.array(sorted(range(len(train.labels)), key=digests(train.images).__getitem__))
    labels = train.labels[order]
    taken = np.zeros(len(order), bool)
    for label in range(len(train.names)):
        taken[np.flatnonzero(labels == label)[:per_class]] = True
    return train.take(order[~taken]), train.take(order[taken])


def draw_shots(pool: LabelledImages, shots: int, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Draw K train and K dev examples per class: the first and the next K by SHA-256 of "{seed}<tab>" and the pixels.

    Returns (train, dev), K = shots, each [classes * K] class by class. `pool` holds no image twice (`tidy`). Raises
    ConfigurationError where shots is under 1, DataError where a class has fewer than 2 K images.

    >>> images = np.arange(4, dtype=np.uint8)[:, None, None, None] + np.zeros((1, *SHAPE), np.uint8)
    >>> train, dev = draw_shots(LabelledImages(images, np.array([0, 0, 1, 1]), ("a", "b")), shots=1, seed=13)
    >>> train.labels.tolist(), sorted([*train.images[:, 0, 0, 0].tolist(), *dev.images[:, 0, 0, 0].tolist()])
    ([0, 1], [0, 1, 2, 3])
    """
    salt = f"{seed}\t".encode()
    keys = [hashlib.sha256(salt + image.tobytes()).digest() for image in pool.images]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    train, dev = draw_rows(order, pool.labels, shots, [f"images of {name}" for name in pool.names])
    return pool.take(train), pool.take(dev)
