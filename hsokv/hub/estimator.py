"""The key-value memory as a scikit-learn classifier: for pipelines, cross-validation and learning one by one."""

from collections.abc import Callable, Iterable
from numbers import Number
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from hsokv.exceptions import ConfigurationError, DataError, check_count
from hsokv.hub.inputs import check_texts
from hsokv.memory import KeyValueMemory

Samples = ArrayLike | Iterable[str]
"""X: vectors [n, dim], or n texts where there is an encoder."""


class Encoder(Protocol):
    """Anything that makes vectors of texts."""

    def encode(self, texts: list[str], /) -> ArrayLike | torch.Tensor:
        """Vectors [n, dim] of n texts."""
        ...


class MemoryClassifier(ClassifierMixin, BaseEstimator):
    """Classify by the nearest remembered examples, cosine similarity weighing each; learning is writing.

    p(c | x) ∝ e^{-b} + sum_{j: y_j = c} n_j e^{-b (1 - cos(x, x_j))}, j among the `n_neighbors` nearest entries.

    Args:
        encoder: makes vectors [n, dim] of a list of texts: a function, or an object with the method `encode` (a model
            of hsokv.hub, a TextEncoder, a SentenceTransformer). None: X are vectors.
        n_neighbors: how many of the nearest entries are read.
        inverse_temperature: the inverse temperature b > 0.
        capacity: entries at most; where there are more, a quota per class stays and the rest is averaged into it.

    Attributes:
        classes_: the labels, sorted.
        memory_: the KeyValueMemory; its labels are places in `classes_`.

    >>> model = MemoryClassifier().fit([[1.0, 0.1], [0.1, 1.0]], ["east", "north"])
    >>> model.partial_fit([[-1.0, 0.0]], ["west"]).predict([[3.0, 0.5], [-2.0, 0.1]]).tolist()
    ['east', 'west']
    """

    def __init__(
        self,
        encoder: Callable[[list[str]], ArrayLike | torch.Tensor] | Encoder | None = None,
        n_neighbors: int = 16,
        inverse_temperature: float = 16.0,
        capacity: int = 1000,
    ) -> None:
        self.encoder = encoder
        self.n_neighbors = n_neighbors
        self.inverse_temperature = inverse_temperature
        self.capacity = capacity

    def fit(self, X: Samples, y: Iterable[object]) -> Self:
        """Remember examples and nothing else: X [n, dim], or n texts; y [n] of any labels.

        Raises DataError (a ValueError) for strings without an encoder.
        """
        return self._remember(X, y, None, None)

    def partial_fit(self, X: Samples, y: Iterable[object], classes: Iterable[object] | None = None) -> Self:
        """Remember more examples, one or many; labels may be new. `classes`: further labels that will come.

        The estimator's parameters count from the next `fit` on.
        """
        return self._remember(X, y, classes, getattr(self, "memory_", None))

    def _remember(
        self,
        X: Samples,
        y: Iterable[object],
        classes: Iterable[object] | None,
        held: KeyValueMemory | None,
    ) -> Self:
        given = np.asarray(y)
        odd = [label for label in given.flat if not isinstance(label, str | Number)] if given.dtype == object else []
        if y is not None and odd:
            raise DataError(f"labels: got {odd[0]!r}: give a string or a number to each example")
        X, y = self._checked(X, y, reset=held is None)
        check_classification_targets(y)
        vectors = _directions(X)
        parts = [part for part in (y, classes, None if held is None else self.classes_) if part is not None]
        if len({np.asarray(part).dtype.kind in "biuf" for part in parts}) > 1:
            raise DataError("labels: got numbers beside strings, which cannot be sorted: convert them to strings")
        labels = np.unique(np.concatenate(parts))
        if held is None or len(labels) > held.classes:
            capacity, k = check_count(self.capacity, "capacity"), check_count(self.n_neighbors, "n_neighbors")
            memory = KeyValueMemory(vectors.shape[1], len(labels), capacity, k, self.inverse_temperature)
            memory.to(vectors.dtype if held is None else held.keys.dtype)
            if held is not None:
                moved = torch.from_numpy(np.searchsorted(labels, self.classes_))
                renumbered = torch.where(held.state.occupied, moved[held.labels], 0)
                memory.load_state_dict(held.state_dict() | {"labels": renumbered, "label_set": memory.label_set})
            self.memory_, self.classes_ = memory, labels
        self.memory_.write(vectors, torch.from_numpy(np.searchsorted(labels, y)))
        return self

    def predict_proba(self, X: Samples) -> np.ndarray:
        """The probability of every label, [n, classes], in the order of `classes_`."""
        check_is_fitted(self)
        with torch.no_grad():
            return self.memory_(_directions(self._checked(X))).exp().numpy()

    def predict(self, X: Samples) -> np.ndarray:
        """The most likely label of each row, [n]."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def kneighbors(
        self, X: Samples, n_neighbors: int | None = None, return_distance: bool = True
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """The nearest entries of the memory to each row, nearest first.

        Args:
            X: vectors or texts, n of them.
            n_neighbors: k, at most the entries held (default: the estimator's own, or as many as there are).
            return_distance: whether to return distances, too.

        Returns:
            (distances, indices), [n, k] each, or indices alone: the distance is 1 - cosine, in [0, 1]; an index is the
            place of an entry in `memory_`, for `forget`.
        """
        check_is_fitted(self)
        k = min(self.n_neighbors, len(self.memory_)) if n_neighbors is None else check_count(n_neighbors, "n_neighbors")
        with torch.no_grad():
            read = self.memory_.read(_directions(self._checked(X)), k)
        return (1 - read.similarity.numpy(), read.slots.numpy()) if return_distance else read.slots.numpy()

    def forget(self, indices: ArrayLike | None = None, *, label: object = None) -> Self:
        """Remove the entries at `indices`, as `kneighbors` gives them, or all those of a label.

        The entries that stay move up, so that indices found before name others then. Raises DataError for a label that
        there is not, ConfigurationError unless one of both is given.
        """
        check_is_fitted(self)
        if label is not None and label not in self.classes_.tolist():
            raise DataError(f"unknown label {label!r}: give one of {self.classes_.tolist()}")
        slots = np.asarray([] if indices is None else indices)
        if slots.size and slots.dtype.kind not in "iu":
            raise DataError(f"indices must be whole numbers, as kneighbors gives them, got {slots.dtype}")
        slots = None if indices is None else torch.from_numpy(slots.astype(np.int64))
        self.memory_.forget(slots, label=None if label is None else self.classes_.tolist().index(label))
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = self.encoder is not None, self.encoder is None
        return tags

    def _checked(
        self, X: Samples, y: ArrayLike = "no_validation", reset: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """X as vectors [n, dim], with y where there are labels."""
        vectors = X
        if self.encoder is not None:
            encode = getattr(self.encoder, "encode", self.encoder)
            if isinstance(self.encoder, str) or not callable(encode):
                raise ConfigurationError(
                    f"encoder must be a function of texts, or have the method encode, got {self.encoder!r}: load one"
                )
            vectors = torch.as_tensor(encode(check_texts(X))).detach().cpu().numpy()
        try:
            return validate_data(self, vectors, y, reset=reset, dtype=[np.float64, np.float32])
        except ValueError as error:
            if self.encoder is None and any(isinstance(part, str) for part in np.ravel(np.asarray(X, dtype=object))):
                raise DataError(
                    "X holds strings, and there is no encoder: give one, MemoryClassifier(encoder=...)"
                ) from error
            raise


def _directions(X: np.ndarray) -> torch.Tensor:
    """X with a further axis for rows of zeros, which have no direction: such rows are near each other alone."""
    return torch.from_numpy(np.column_stack([X, ~X.any(1)]))
