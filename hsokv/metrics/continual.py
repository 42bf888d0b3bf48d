"""What learning new tasks does to old ones, from accuracy matrices.

R[t, i] is the accuracy on task i after training on task t, both from 0 to T - 1; row t is a list of R[t, 0..t].
Class-incremental: among all classes seen so far. Task-incremental: among the classes of the example's own task.
"""

from collections.abc import Sequence

import numpy as np


def bwt(matrix: Sequence[Sequence[float]]) -> float:
    """Backward transfer, mean over i < T - 1 of R[T-1, i] - R[i, i], in [-1, 1] (Lopez-Paz and Ranzato 2017).

    Negative where later tasks harmed earlier ones; 0 for a single task. Class-incrementally it falls as classes are
    added even if nothing is forgotten: compare with an arm that is retrained on all data.

    >>> bwt([[0.9], [0.7, 0.8]])
    -0.20000000000000007
    """
    rows = _checked(matrix)
    return _mean([rows[-1][i] - rows[i][i] for i in range(len(rows) - 1)])


def forgetting(matrix: Sequence[Sequence[float]]) -> float:
    """Mean over i < T - 1 of max over t < T - 1 of R[t, i], minus R[T-1, i], in [-1, 1] (Chaudhry et al. 2018).

    The last row is excluded from the maximum, so a task that is best at the end has negative forgetting; where the
    maximum includes it, as elsewhere, forgetting is never below 0. 0 for a single task.

    >>> round(forgetting([[0.5], [0.9, 0.8], [0.6, 0.9, 0.7]]), 3)  # (0.9 - 0.6 + 0.8 - 0.9) / 2
    0.1
    """
    rows = _checked(matrix)
    last = len(rows) - 1
    return _mean([max(rows[t][i] for t in range(i, last)) - rows[last][i] for i in range(last)])


def retention(matrix: Sequence[Sequence[float]]) -> float:
    """Accuracy at the end on the tasks before the last, mean over i < T - 1 of R[T-1, i], in [0, 1].

    Raises ValueError for a single task: there is nothing to retain.

    >>> retention([[0.9], [0.7, 0.8]])
    0.7
    """
    rows = _checked(matrix)
    if len(rows) < 2:
        raise ValueError("One task has no earlier one that could be retained. Give two tasks or more.")
    return _mean(rows[-1][:-1])


def _checked(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    rows = [list(map(float, row)) for row in matrix]
    if not rows or any(len(row) != t + 1 for t, row in enumerate(rows)):
        raise ValueError(f"Row t holds the t + 1 accuracies R[t, 0..t]; these rows have {[len(row) for row in rows]}.")
    if not all(0 <= value <= 1 for row in rows for value in row):
        raise ValueError("Accuracies lie in [0, 1]. Divide percentages by 100.")
    return rows


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0
