"""Texts and labels in the shapes that people have them, checked before any work."""

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from hsokv.exceptions import ConfigurationError, DataError

Text = str | tuple[str, str]
"""A text, or a pair of them for a model of pairs."""


def as_list(values: Iterable[Any], name: str) -> list[Any]:
    """The values of a list, generator, array, pandas Series or datasets column; the rows of a table.

    Raises DataError for a single string, a set, a mapping, and what has no length at all.

    >>> as_list((letter for letter in "ab"), "texts")
    ['a', 'b']
    """
    rows = values
    for method in ("to_numpy", "tolist"):  # a table of pandas would yield its columns, an array numpy's own types
        rows = getattr(rows, method)() if hasattr(rows, method) else rows
    is_sequence = hasattr(rows, "__iter__") or hasattr(rows, "__getitem__")
    if not is_sequence or isinstance(rows, str | bytes | Mapping | set | frozenset):
        raise DataError(f"{name} must be a list, an array or a column, got {values!r:.80}: put a single one in a list")
    return list(rows)


def check_strings(values: Iterable[Any], name: str) -> list[str]:
    """The values as plain strings; raises DataError naming the first that is none or that UTF-8 cannot hold."""
    return [_string(value, f"{name}[{i}]") for i, value in enumerate(as_list(values, name))]


def check_texts(texts: Iterable[Any], pair: bool = False) -> list[Text]:
    """Texts, or pairs of them, as plain strings; raises DataError naming the first row that is none."""
    if not pair:
        return check_strings(texts, "texts")
    rows = as_list(texts, "texts")
    for i, row in enumerate(rows):
        if not isinstance(row, list | tuple) or len(row) != 2:
            raise DataError(f"texts[{i}] must be a pair of strings, got {row!r:.80}: this model was made for pairs")
    return [tuple(_string(text, f"texts[{i}]") for text in row) for i, row in enumerate(rows)]


def check_class_names(labels: Iterable[Any]) -> list[str]:
    """Names of classes; raises DataError for one that is no string, or that stands twice."""
    names = check_strings(labels, "labels")
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(f"labels: {twice[0]!r} stands twice: give every class a name of its own")
    return names


def check_count(value: Any, name: str) -> int:
    """A whole number of at least 1; raises ConfigurationError."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of at least 1, got {value!r}")
    return int(value)


def _string(value: Any, name: str) -> str:
    try:
        if isinstance(value, str) and (value.isascii() or value.encode()):
            return str(value)
        raise DataError(f"{name} must be a string, got {value!r:.80}: leave it out, or convert it with str()")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{name}: {value!r:.80} cannot be stored as UTF-8 ({error.reason}): remove the character"
        ) from error
