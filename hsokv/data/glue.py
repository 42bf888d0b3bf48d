"""Labelled texts as in GLUE: tasks, reading of their files, de-duplication, development split, few-shot draws.

Every choice is made by SHA-256 of the text, so a reordered copy of a file gives the same examples in the same order.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hsokv.data.shots import draw_rows
from hsokv.data.text_files import join, read_rows
from hsokv.exceptions import ConfigurationError, DataError

DEVELOPMENT_SALT = "hsokv development split"  # another salt is another development set


class Task(NamedTuple):
    """Columns of a task's files, one text or two, and its labels as written there.

    A label's class is its place in `labels`.
    """

    name: str
    texts: tuple[str, ...]
    label: str
    labels: tuple[str, ...]


TASKS = {
    "sst2": Task("sst2", texts=("sentence",), label="label", labels=("0", "1")),
    "mnli": Task(
        "mnli",
        texts=("sentence1", "sentence2"),
        label="gold_label",
        labels=("entailment", "neutral", "contradiction"),
    ),
}


@dataclass(frozen=True, eq=False)
class LabelledTexts:
    """Texts and their classes: `texts` of length n, a pair with a tab between its two, `labels` int64 [n].

    >>> examples = LabelledTexts(("good", "bad"), np.array([1, 0]))
    >>> len(examples), examples.take([1]).texts
    (2, ('bad',))
    """

    texts: tuple[str, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Iterable[int]) -> "LabelledTexts":
        """The examples at `rows`, in that order."""
        rows = list(rows)
        return LabelledTexts(tuple(self.texts[row] for row in rows), self.labels[rows])


class Deduplicated(NamedTuple):
    """One row per text, with the rows that repeated a text and the texts dropped because they carry two labels."""

    examples: LabelledTexts
    repeated_rows: int
    conflicting_texts: int


def read_split(path: Path, task: Task) -> LabelledTexts:
    """Read a file of the task: tabs and no quoting, or a .csv; blanks around texts and labels are dropped.

    Raises DataError naming the file and the line for an unknown label and for all that `read_rows` refuses.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "train.tsv"
    >>> _ = path.write_text('sentence\\tlabel\\nso " good \\t1\\n')
    >>> read_split(path, TASKS["sst2"])
    LabelledTexts(texts=('so " good',), labels=array([1]))
    """
    classes = {label: number for number, label in enumerate(task.labels)}
    texts, labels = [], []
    for line, (*row, label) in read_rows(path, [*task.texts, task.label]):
        if label not in classes:
            raise DataError(f"{path}, line {line}: wanted a label of {list(task.labels)}, came {label!r}")
        texts.append(join(row))
        labels.append(classes[label])
    return LabelledTexts(tuple(texts), np.array(labels, dtype=np.int64))


def task_of_files(name: str, train: Path, texts: Sequence[str], label: str) -> Task:
    """The task of a user's own files: its labels are those of the train file, sorted.

    Raises DataError where the file has one label only, and for all that `read_rows` refuses.
    """
    labels = sorted({found for _, (found,) in read_rows(train, [label])})
    if len(labels) < 2:
        raise DataError(f"{train}: wanted at least two labels in the column {label}, came {labels} alone")
    return Task(name, tuple(texts), label, tuple(labels))


def deduplicate(examples: LabelledTexts) -> Deduplicated:
    """Keep the first row of each text, and none of a text that carries two labels.

    >>> result = deduplicate(LabelledTexts(("a", "b", "a", "b"), np.array([0, 0, 0, 1])))
    >>> result.examples.texts, result.repeated_rows, result.conflicting_texts
    (('a',), 2, 1)
    """
    first: dict[str, int] = {}
    conflicting = set()
    for row, text in enumerate(examples.texts):
        if examples.labels[first.setdefault(text, row)] != examples.labels[row]:
            conflicting.add(text)
    kept = [row for text, row in first.items() if text not in conflicting]
    return Deduplicated(examples.take(kept), len(examples) - len(first), len(conflicting))


def development_split(examples: LabelledTexts, rows_per_class: int = 500) -> tuple[LabelledTexts, LabelledTexts]:
    """Carve a development set out of train data: per class the rows with the lowest SHA-256 of salt and text.

    Returns (pool, development), disjoint by text, both in the order of that digest. Raises DataError where texts
    repeat or a class would have no row left, ConfigurationError where rows_per_class is under 1.

    >>> examples = LabelledTexts(("a", "b", "c", "d"), np.array([0, 0, 1, 1]))
    >>> pool, development = development_split(examples, rows_per_class=1)
    >>> pool.texts, development.texts
    (('a', 'c'), ('b', 'd'))
    """
    if rows_per_class < 1:
        raise ConfigurationError(f"development rows per class: wanted at least 1, came {rows_per_class}")
    order = _order(examples, lambda text: f"{DEVELOPMENT_SALT}\t{text}")
    taken: set[int] = set()
    for label in np.unique(examples.labels):
        rows = [row for row in order if examples.labels[row] == label]
        if len(rows) <= rows_per_class:
            raise DataError(
                f"wanted {rows_per_class} development rows of class {label} and one more to learn from, "
                f"came {len(rows)}"
            )
        taken.update(rows[:rows_per_class])
    return (
        examples.take(row for row in order if row not in taken),
        examples.take(row for row in order if row in taken),
    )


def draw_shots(pool: LabelledTexts, shots: int, seed: int, classes: int) -> tuple[LabelledTexts, LabelledTexts]:
    """Draw K train and K dev examples per class: the first and the next K by SHA-256 of "{seed}<tab>{text}".

    Returns (train, dev), K = shots, each [classes * K] class by class. Raises ConfigurationError where shots is under
    1, DataError where a class has fewer than 2 K texts or texts repeat.

    >>> pool = LabelledTexts(("a", "b", "c", "d"), np.array([0, 0, 1, 1]))
    >>> train, dev = draw_shots(pool, shots=1, seed=13, classes=2)
    >>> train.labels.tolist(), sorted(train.texts + dev.texts)
    ([0, 1], ['a', 'b', 'c', 'd'])
    """
    order = _order(pool, lambda text: f"{seed}\t{text}")
    train, dev = draw_rows(order, pool.labels, shots, [f"texts of class {label}" for label in range(classes)])
    return pool.take(train), pool.take(dev)


def draw_unlabelled(pool: LabelledTexts, count: int, seed: int, without: set[str]) -> LabelledTexts:
    """Draw `count` texts to be read without their labels: the first by SHA-256, those of `without` left out.

    The labels come along, so that it can be said afterwards how many were guessed; nothing may learn from them. Raises
    DataError where the pool has fewer.
    """
    order = _order(pool, lambda text: f"{seed}\tunlabelled\t{text}")
    rows = [row for row in order if pool.texts[row] not in without][:count]
    if len(rows) < count:
        raise DataError(f"wanted {count} texts without labels, came {len(rows)} beside the shots: ask for fewer")
    return pool.take(rows)


def _order(examples: LabelledTexts, key: Callable[[str], str]) -> list[int]:
    """Rows by SHA-256 of key(text); with repeated texts the order would not follow from the texts alone."""
    repeats = len(examples) - len(set(examples.texts))
    if repeats:
        raise DataError(f"wanted each text once, came {repeats} repeats: deduplicate first")
    digests = [hashlib.sha256(key(text).encode()).digest() for text in examples.texts]
    return sorted(range(len(examples)), key=digests.__getitem__)
