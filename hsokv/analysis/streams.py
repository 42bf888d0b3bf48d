"""Streams of tasks: the accuracy on each task after each later one."""

from typing import Any

import numpy as np
import pandas as pd

from hsokv.analysis.runs import Runs
from hsokv.records import RunRecord

NO_MATRIX = "its records hold no accuracies by task"


def task_accuracy_of(runs: Runs) -> pd.DataFrame:
    """For every stream and arm the accuracy on task i after task t >= i, of both scenarios: a mean over the headline's
    conditions, then over seeds."""
    return runs.shares(_accuracies, _tasks, [pair for pair in runs.pairs if runs.is_stream(pair[0])], NO_MATRIX)


def _accuracies(record: RunRecord) -> dict[str, list[float]]:
    """The triangle of a record's accuracy matrices, class- and task-incremental, row by row."""
    matrices = record.instruments.get("accuracy_matrix") or {}
    return {scenario: [value for row in matrix for value in row] for scenario, matrix in matrices.items()}


def _tasks(scenario: str, points: int) -> dict[str, Any]:
    after, task = np.tril_indices(round(np.sqrt(2 * points + 0.25) - 0.5))  # of t tasks, t (t + 1) / 2 points
    return {"scenario": scenario, "after_task": after + 1, "task": task + 1}
