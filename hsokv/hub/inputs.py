"""Texts and labels in the shapes that people have them, checked before any work."""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from hsokv.exceptions import DataError
from hsokv.memory.storage import is_dense, told

Text = str | tuple[str, str]
"""A text, or a pair of them for a model of pairs."""


def as_list(values: Iterable[object], name: str) -> list[object]:
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


def check_strings(values: Iterable[object], name: str) -> list[str]:
    """The values as plain strings; raises DataError naming the first that is none or that UTF-8 cannot hold."""
    return [_string(value, f"{name}[{i}]") for i, value in enumerate(as_list(values, name))]


def check_texts(texts: Iterable[object], pair: bool = False) -> list[Text]:
    """Texts, or pairs of them, as plain strings; raises DataError naming the first row that is none."""
    if not pair:
        return check_strings(texts, "texts")
    rows = as_list(texts, "texts")
    for i, row in enumerate(rows):
        if not isinstance(row, list | tuple) or len(row) != 2:
            raise DataError(f"texts[{i}] must be a pair of strings, got {row!r:.80}: this model was made for pairs")
    return [tuple(_string(text, f"texts[{i}]") for text in row) for i, row in enumerate(rows)]


def check_class_names(labels: Iterable[object]) -> list[str]:
    """Names of classes; raises DataError for one that is no string, or that stands twice."""
    names = check_strings(labels, "labels")
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(f"labels: {twice[0]!r} stands twice: give every class a name of its own")
    return names


def check_ids(ids: object, pair: bool, tokens: int, length: float = math.inf) -> Tensor:
    """Tokens [n, length], of pairs [n, 2, length]; raises DataError for other shapes and types, and unknown tokens."""
    good = isinstance(ids, Tensor) and ids.ndim == 2 + pair and (not pair or ids.shape[1] == 2)
    if not good or ids.dtype not in (torch.int64, torch.int32) or ids.shape[-1] > length:
        shape = "[n, 2, length], the two texts of a pair apart" if pair else "[n, length]"
        raise DataError(f"input_ids must be whole numbers {shape}, length at most {length}, got {told(ids)}")
    if not torch.compiler.is_compiling() and ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < tokens:
        raise DataError(f"input_ids must be in 0..{tokens - 1}, got others: make them with the tokenizer of this model")
    return ids


def check_features(features: object, width: int | None) -> Tensor:
    """Features [n, width], of any `width` where that is None; raises DataError for other shapes, and for NaN."""
    good = is_dense(features) and features.ndim == 2
    if not good or (width and (features.shape[1] != width or not features.is_floating_point())):
        raise DataError(f"features must be floats [n, {width or 'dim'}], got {told(features)}: give one vector a row")
    if not torch.compiler.is_compiling() and not features.isfinite().all():
        raise DataError("features must be finite, got NaN or infinity: leave these rows out")
    return features


def _string(value: object, name: str) -> str:
    try:
        if isinstance(value, str) and (value.isascii() or value.encode()):
            return str(value)
        raise DataError(f"{name} must be a string, got {value!r:.80}: leave it out, or convert it with str()")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{name}: {value!r:.80} cannot be stored as UTF-8 ({error.reason}): remove the character"
        ) from error
