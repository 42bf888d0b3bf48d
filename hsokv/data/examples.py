"""Labelled examples, texts or images: de-duplication, the development split, few-shot draws.

Every choice is made by SHA-256 of the text or of the pixels, so a reordered copy of the data gives the same examples in
the same order.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hsokv.exceptions import DataError

PAIR = "\t"
"""Stands between the two texts of a pair."""

SHAPE = (3, 32, 32)
"""Of an image: colours, rows, columns."""

JOINERS = "\u200c\u200d"
"""Invisible characters that say how letters and emoji join."""

_SALTS = {True: "hsokv images", False: "hsokv development split"}  # another salt is another development set


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples and their classes.

    Args:
        inputs: texts [n], those of a pair with PAIR between, or images uint8 [n, 3, 32, 32], red, green, blue.
        labels: int64 [n], places in `names`.
        names: of the classes.
        files: [n], where each was read from, of images that are files of their own.

    >>> examples = Examples(("good", "bad"), np.array([1, 0]), ("-", "+"))
    >>> len(examples), examples.take([1]).inputs
    (2, ('bad',))
    """

    inputs: tuple[str, ...] | np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    files: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def are_images(self) -> bool:
        """Whether the inputs are images."""
        return isinstance(self.inputs, np.ndarray)

    def take(self, rows: Iterable[int]) -> "Examples":
        """The examples at `rows`, in that order."""
        rows = list(rows)
        inputs = self.inputs[rows] if self.are_images else tuple(self.inputs[row] for row in rows)
        files = tuple(self.files[row] for row in rows) if self.files else ()
        return Examples(inputs, self.labels[rows], self.names, files)

    def counts(self) -> dict[str, int]:
        """How many examples each class has, by its name."""
        return dict(zip(self.names, np.bincount(self.labels, minlength=len(self.names)).tolist(), strict=True))


class Dataset(NamedTuple):
    """`train`: each input once, none with two labels, none of the test's; `test`: whole.

    `dropped`: what was left out, by reason: train examples, and files that hold no image.
    """

    train: Examples
    test: Examples
    dropped: dict[str, int]


def as_printed(label: str) -> str:
    """A label as people see it: NFC, white space collapsed, no invisible characters but those that join letters.

    >>> as_printed(" cafe\\u0301\\u00a0 au\\ufefflait ")
    'caf\u00e9 aulait'
    """
    label = " ".join(unicodedata.normalize("NFC", label).split())
    if label.isprintable():  # true of most, and fast
        return label
    shown = "".join(one for one in label if one in JOINERS or unicodedata.category(one) not in ("Cc", "Cf"))
    return " ".join(unicodedata.normalize("NFC", shown).split())


def canonical(text: str) -> str:
    """What a reader and the encoder see of a text, or of a pair: each part `as_printed`, without joiners.

    >>> canonical("cafe\\u0301  au\\u00a0lait") == canonical("caf\\u00e9 au lait")
    True
    """
    without = text.replace(JOINERS[0], "").replace(JOINERS[1], "")
    return PAIR.join(map(as_printed, without.split(PAIR)))


def check_names(labels: Iterable[str], where: str) -> tuple[str, ...]:
    """The classes that labels name, sorted; raises DataError for a single one, and for one number written in two ways
    (1 and 1.0)."""
    names, seen = tuple(sorted(set(labels))), {}
    if len(names) < 2:
        raise DataError(f"{where}: {names[0]!r} is the only class, at least two are needed")
    for name in names:
        number = Decimal(name) if re.fullmatch(r"-?[0-9]{1,300}(\.[0-9]*)?", name) else name
        if (other := seen.setdefault(number, name)) != name:
            raise DataError(f"{where}: {other!r} and {name!r} are one number; write it in one way")
    return names


def deduplicate(train: Examples, test: Examples) -> Dataset:
    """Take out of `train` what repeats, what carries two labels, and what is in `test`; the order stays.

    Texts are the same where they are in their `canonical` form, images where their pixels are. Of texts that are
    written in several ways the first in the alphabet is kept, of images the first.

    >>> train = Examples(("a", "b", "a ", "b", "c"), np.array([0, 0, 0, 1, 1]), ("-", "+"))
    >>> data = deduplicate(train, Examples(("c",), np.array([1]), ("-", "+")))
    >>> data.train.inputs, data.dropped
    (('a',), {'repeated': 2, 'with two labels': 1, 'also in the test': 1})
    """
    rows = defaultdict(list)
    for row, identity in enumerate(_identities(train)):
        rows[identity].append(row)
    single = {identity: same for identity, same in rows.items() if len(set(train.labels[same])) == 1}
    tested = set(_identities(test))
    kept = [
        same[0] if train.are_images else min(same, key=train.inputs.__getitem__)
        for identity, same in single.items()
        if identity not in tested
    ]
    dropped = {
        "repeated": len(train) - len(rows),
        "with two labels": len(rows) - len(single),
        "also in the test": len(single) - len(kept),
    }
    return Dataset(train.take(kept), test, dropped)


def digests(examples: Examples, salt: str | None = None) -> list[bytes]:
    """SHA-256 of the salt, a tab, and the text or the pixels of each; without a salt that of the development split."""
    start = f"{_SALTS[examples.are_images] if salt is None else salt}\t".encode()
    contents = (one.tobytes() if examples.are_images else one.encode() for one in examples.inputs)
    return [hashlib.sha256(start + content).digest() for content in contents]


def in_order(examples: Examples) -> Examples:
    """The examples in the order of their digests, equal ones by label."""
    keys = list(zip(digests(examples), examples.labels.tolist(), strict=True))
    return examples.take(sorted(range(len(keys)), key=keys.__getitem__))


def development_split(train: Examples, per_class: int) -> tuple[Examples, Examples]:
    """Carve a development set out of train data: of each class the `per_class` examples with the lowest digests.

    Returns (the others, development), disjoint, both in the order of their digests. Raises DataError where examples
    repeat or a class would keep fewer than 2.

    >>> examples = Examples(tuple("abcdef"), np.array([0, 0, 0, 1, 1, 1]), ("-", "+"))
    >>> pool, development = development_split(examples, per_class=1)
    >>> development.inputs, sorted(pool.inputs)
    (('e', 'b'), ['a', 'c', 'd', 'f'])
    """
    order = _order(train, None)
    first = [rows[:per_class] for rows in _by_class(train, order, per_class + 2)]
    taken = np.isin(order, np.concatenate(first))
    return train.take(order[~taken]), train.take(order[taken])


def draw_shots(pool: Examples, shots: int, seed: int) -> tuple[Examples, Examples]:
    """Draw K train and K dev examples per class: the first and the next K by SHA-256 of the seed and the input.

    Returns (train, dev), K = shots, each [classes * K] class by class. Raises DataError where a class has fewer than
    2 K examples or examples repeat.

    >>> pool = Examples(("a", "b", "c", "d"), np.array([0, 0, 1, 1]), ("-", "+"))
    >>> train, dev = draw_shots(pool, shots=1, seed=13)
    >>> train.labels.tolist(), sorted(train.inputs + dev.inputs)
    ([0, 1], ['a', 'b', 'c', 'd'])
    """
    classes = _by_class(pool, _order(pool, str(seed)), 2 * shots)
    train, dev = (np.concatenate([rows[start : start + shots] for rows in classes]) for start in (0, shots))
    return pool.take(train), pool.take(dev)


def draw_unlabelled(pool: Examples, count: int) -> Examples:
    """Draw `count` texts to be read without their labels, the same for every seed: the first by SHA-256.

    The labels come along, so that it can be said afterwards how many were guessed; nothing may learn from them. Raises
    DataError where the pool has fewer.
    """
    if len(pool) < count:
        raise DataError(f"expected {count} texts without labels and shots, got {len(pool)}: ask for fewer")
    return pool.take(_order(pool, "unlabelled")[:count])


def _identities(examples: Examples) -> list[str]:
    return digests(examples) if examples.are_images else [canonical(text) for text in examples.inputs]


def _order(examples: Examples, salt: str | None) -> np.ndarray:
    """Rows by digest; with repeated examples the order would not follow from the examples alone."""
    keys = digests(examples, salt)
    if repeats := len(keys) - len(set(keys)):
        raise DataError(f"wanted each example once, got {repeats} repeats: deduplicate first")
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=int)


def _by_class(examples: Examples, order: np.ndarray, fewest: int) -> list[np.ndarray]:
    """The rows of each class, in this order; refused where one has too few."""
    classes = [order[examples.labels[order] == label] for label in range(len(examples.names))]
    for name, rows in zip(examples.names, classes, strict=True):
        if len(rows) < fewest:
            raise DataError(f"wanted {fewest} different examples of every class, {name} has {len(rows)}: ask for fewer")
    return classes
