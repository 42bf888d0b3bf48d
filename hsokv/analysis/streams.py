"""Streams of tasks: the accuracy on each task after each later one."""

import numpy as np
import pandas as pd

from hsokv.analysis.frames import HEADLINE
from hsokv.analysis.intervals import interval
from hsokv.analysis.runs import Runs, exploded, named, status_of
from hsokv.analysis.scores import Run

SCENARIOS = ("class_incremental", "task_incremental")
NO_MATRIX = "its records hold no accuracies by task"


def task_accuracy_of(runs: Runs) -> pd.DataFrame:
    """For every stream and arm the accuracy on task i after task t >= i, of both scenarios: a mean over the headline's
    conditions, then over seeds."""
    rows, matrices = [], runs.measure(_accuracies)
    for name, arm in (pair for pair in runs.pairs if runs.is_stream(pair[0])):
        base = {"benchmark": name, "arm": arm}
        for scenario in SCENARIOS:
            values = matrices.get((name, HEADLINE, arm, scenario))
            if values is None:
                rows.append(base | {"seeds": 0} | status_of(runs.why_not(name, arm, NO_MATRIX)))
                break
            tasks = round(np.sqrt(2 * values.shape[1] + 0.25) - 0.5)  # t (t + 1) / 2 values
            after, task = np.tril_indices(tasks)
            row = base | {"scenario": scenario, "after_task": after + 1, "task": task + 1, "seeds": len(values)}
            rows.append(row | status_of("") | named(interval(values, bounds=(0.0, 1.0))))
    return exploded("task_accuracy", rows, "after_task", "task")


def _accuracies(run: Run) -> dict[str, list[float]]:
    """The triangle of a record's accuracy matrices, row by row."""
    matrices = run.record.instruments.get("accuracy_matrix") or {}
    return {scenario: [value for row in matrix for value in row] for scenario, matrix in matrices.items()}
