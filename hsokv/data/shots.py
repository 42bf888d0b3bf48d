"""Which examples of a pool are the shots: alike for texts and images, each of which brings an order of its own."""

from collections.abc import Sequence

import numpy as np

from hsokv.exceptions import ConfigurationError, DataError


def draw_rows(
    order: Sequence[int], labels: np.ndarray, shots: int, classes: Sequence[str]
) -> tuple[list[int], list[int]]:
    """(train, dev) rows, class by class: in `order`, the first K = `shots` of every class, and the next K.

    `labels` int64 [n]; `classes` are what examples of each label are called in a message, "texts of class 0". Raises
    ConfigurationError where shots is under 1, DataError where a class has fewer than 2 K rows.

    >>> draw_rows([3, 0, 2, 1], np.array([0, 0, 1, 1]), 1, ["a", "b"])
    ([0, 3], [1, 2])
    """
    if shots < 1:
        raise ConfigurationError(f"shots: wanted at least 1, came {shots}")
    train: list[int] = []
    dev: list[int] = []
    for label, called in enumerate(classes):
        rows = [row for row in order if labels[row] == label]
        if len(rows) < 2 * shots:
            raise DataError(
                f"wanted {2 * shots} {called} ({shots} train and {shots} dev shots), came {len(rows)}: "
                "ask for fewer shots"
            )
        train += rows[:shots]
        dev += rows[shots : 2 * shots]
    return train, dev
