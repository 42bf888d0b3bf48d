"""What stands in a cell, a caption or a sentence: words, and keys of numbers; a table of such cells."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase

import pandas as pd

from hsokv.analysis.numbers import Number

DASH = "\N{EN DASH}"
STAND_IN, USER_COPY = "(synthetic stand-in)", "(user copy)"
MARKS = {  # words in cells and headings, the sign that stands for them, and the note that explains the sign
    STAND_IN: ("*", "* synthetic stand-in."),
    USER_COPY: ("\N{DOUBLE DAGGER}", "\N{DOUBLE DAGGER} a user's copy of the data, not the official files."),
}
MISSING = ("not run: ", "undefined: ", "not measured: ")
INTERVALS = dict.fromkeys(("mean", "difference", "value", "throughput", "predicted"), ("low", "high"))
INTERVALS["lift"] = ("lift_low", "lift_high")
_NAMED = re.compile(r"\{([^{}]*)\}")


class Key(str):
    """A part of a cell: the key of a number, whose text is printed."""


class Verbatim(str):
    """A part of a cell that others wrote, such as an example of the data: no mark in it is shortened."""


Cell = tuple[str, ...]  # keys and words in turn


@dataclass(frozen=True)
class Table:
    """A table under its caption and above its note; each cell, heading, caption and note is a `Cell`."""

    frame: pd.DataFrame
    caption: Cell
    note: Cell

    @property
    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """Its rows, from above."""
        return self.frame.itertuples(index=False, name=None)


def interval(numbers: Mapping[str, Number], key: str) -> Cell:
    """`63.4 [61.2, 65.6]`; without an interval the number alone, without a number the reason."""
    stem, _, end = key.rpartition(".")
    keys = [Key(key), *(Key(f"{stem}.{name}") for name in INTERVALS.get(end, ()))]
    if len(keys) < 3 or any(numbers[key].status != "done" for key in keys):
        return (keys[0],)
    return (keys[0], " [", keys[1], ", ", keys[2], "]")


def fill(template: str, words: Mapping[str, Cell]) -> Cell:
    """The parts of a text whose {names} are `words`, or else keys of numbers.

    >>> fill("In all, {study.runs} runs. {headline}", {"headline": ("So.",)})
    ('In all, ', 'study.runs', ' runs. ', 'So.')
    """
    parts: list[str] = []
    for index, part in enumerate(_NAMED.split(template)):
        parts += words.get(part, (Key(part),)) if index % 2 else (part,) if part else ()
    return tuple(parts)


def texts(cell: Cell, numbers: Mapping[str, Number]) -> Iterator[tuple[str, str]]:
    """Each part of a cell with the text that is printed for it."""
    return ((part, numbers[part].text if isinstance(part, Key) else str(part)) for part in cell)


def plain(cell: Cell, numbers: Mapping[str, Number]) -> str:
    """A cell as plain text."""
    return "".join(text for _, text in texts(cell, numbers))


def add_footnotes(table: Table, numbers: Mapping[str, Number]) -> tuple[Table, Callable[[str, str], str]]:
    """The table without empty columns and with explanations as notes; and what shortens the text of one of its parts.

    A reason that is long, or that several cells share, becomes a letter; marks of stand-ins and of copies become signs.
    """
    frame, every = table.frame, [part for row in table.rows for cell in row for part in texts(cell, numbers)]
    counts: dict[str, int] = {}
    for part, text in every:
        if text.startswith(MISSING) and not isinstance(part, Verbatim):
            counts[text] = counts.get(text, 0) + 1
    long = (text for text, times in counts.items() if times > 1 or len(text) > 40)
    shared = dict(zip(long, ascii_lowercase, strict=False))
    notes = [f"({letter}) {text.split(': ', 1)[1].rstrip('.')}." for text, letter in shared.items()]
    words = [*frame.columns, *table.caption, *(text for part, text in every if not isinstance(part, Verbatim))]
    notes += [note for mark, (_, note) in MARKS.items() if any(mark in word for word in words)]

    def shorten(part: str, text: str) -> str:
        if isinstance(part, Verbatim):
            return text
        if text in shared:
            return f"{text.split(': ', 1)[0]} ({shared[text]})"
        for mark, (sign, _) in MARKS.items():
            text = text.replace(mark, sign)
        return text

    shown = [column for column in frame.columns if frame.empty or any(map(any, frame[column]))]
    note = (*table.note, *(" " + note if table.note or index else note for index, note in enumerate(notes)))
    return Table(frame[shown], table.caption, note), shorten


def listed(names: Iterable[str]) -> str:
    """Names as a list in prose.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    names = list(map(str, names))
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
