"""How often, and how surely, predicted labels are right."""

import numpy as np
from numpy.typing import ArrayLike

FLOOR = 1e-12  # the least probability that log_loss believes: one sure mistake costs 27.6 nats, not infinity


def outcomes(predictions: ArrayLike, labels: ArrayLike) -> str:
    """One character a test example, "1" where the predicted label is the true one: what a record keeps.

    >>> outcomes([0, 1, 1], [0, 1, 0])
    '110'
    """
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    if predictions.shape != labels.shape or labels.ndim != 1 or labels.size == 0:
        raise ValueError(f"Give one prediction and one label an example, not {predictions.shape} and {labels.shape}.")
    return "".join("1" if right else "0" for right in predictions == labels)


def accuracy(predictions: ArrayLike, labels: ArrayLike) -> float:
    """The share of examples whose predicted label is the true one, 1/N sum_i [y'_i = y_i], in [0, 1].

    Raises ValueError where the two are not vectors of the same length, at least 1.

    >>> accuracy([0, 1, 1, 0], [0, 1, 0, 0])
    0.75
    """
    right = outcomes(predictions, labels)
    return right.count("1") / len(right)


def balanced_accuracy(predictions: ArrayLike, labels: ArrayLike) -> float:
    """The mean over classes of the share of their examples that are right (recall), in [0, 1].

    Classes without a test example do not count. Equals accuracy where all classes are of one size.
    Source: K. H. Brodersen et al. (2010), doi:10.1109/ICPR.2010.764.

    >>> balanced_accuracy([0, 0, 0, 0], [0, 0, 0, 1])
    0.5
    """
    counts = _counts(predictions, labels)
    present = counts.sum(1) > 0
    return float((counts.diagonal()[present] / counts.sum(1)[present]).mean())


def macro_f1(predictions: ArrayLike, labels: ArrayLike) -> float:
    """The mean over classes of F1 = 2 TP / (2 TP + FP + FN), in [0, 1].

    Classes that are neither true nor predicted anywhere do not count.

    >>> round(macro_f1([0, 0, 0, 0], [0, 0, 0, 1]), 4)
    0.4286
    """
    counts = _counts(predictions, labels)
    both = counts.sum(0) + counts.sum(1)
    return float((2 * counts.diagonal()[both > 0] / both[both > 0]).mean())


def log_loss(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """The mean surprise at the true label, -1/N sum_i log max(p_i[y_i], 1e-12), in nats.

    Args:
        probabilities: [examples, classes], each row non-negative with sum 1 (within 1e-3).
        labels: [examples], integers in 0..classes - 1.

    >>> round(log_loss([[0.5, 0.5], [0.25, 0.75]], [0, 1]), 4)
    0.4904
    """
    p, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if p.ndim != 2 or labels.shape != p.shape[:1] or labels.size == 0:
        raise ValueError(f"Give [examples, classes] and [examples], not {p.shape} and {labels.shape}.")
    if not ((p >= 0).all() and np.allclose(p.sum(axis=1), 1.0, atol=1e-3)):
        raise ValueError("A row of probabilities does not sum to 1. Pass a softmax, not logits.")
    if labels.min() < 0 or labels.max() >= p.shape[1]:
        raise ValueError(f"Labels {labels.min()}..{labels.max()} do not lie in 0..{p.shape[1] - 1}.")
    return float(-np.log(np.maximum(p[np.arange(labels.size), labels], FLOOR)).mean())


def auroc(outside: ArrayLike, inside: ArrayLike) -> float:
    """The probability that a query from `outside` [n] scores higher than one from `inside` [m], half for ties.

    >>> auroc([0.9, 0.5], [0.1, 0.5])
    0.875
    """
    outside, inside = np.asarray(outside, np.float64), np.sort(np.asarray(inside, np.float64))
    above = sum(np.searchsorted(inside, outside, side).sum() for side in ("left", "right")) / 2
    return float(above / (outside.size * inside.size))


def _counts(predictions: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """The confusion matrix [classes, classes]: rows are true labels, columns predicted ones."""
    outcomes(predictions, labels)  # for its checks
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    size = int(max(predictions.max(), labels.max())) + 1
    return np.bincount(labels * size + predictions, minlength=size * size).reshape(size, size)
