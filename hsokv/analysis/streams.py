"""Streams of tasks: the accuracy on each task after each later one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hsokv.analysis.contrasts import Reasons
from hsokv.analysis.frames import HEADLINE
from hsokv.analysis.intervals import interval
from hsokv.analysis.runs import Records, arms_of, is_stream
from hsokv.analysis.samples import ends_of, status_of

SCENARIOS = ("class_incremental", "task_incremental")
NO_MATRIX = "its records hold no accuracies by task"


def task_accuracy_of(records: Records, reasons: Reasons, study: Mapping[str, Any]) -> pd.DataFrame:
    """For every stream and arm the accuracy on task i after task t >= i, of both scenarios: a mean over the headline's
    conditions, then over seeds."""
    rows = []
    for name in (name for name in study["benchmarks"] if is_stream(study, name)):
        benchmark = study["benchmarks"][name]
        for arm in arms_of(study, name):
            runs = [[records.get((name, c, arm, seed)) for c in benchmark["headline"]] for seed in benchmark["seeds"]]
            reason = reasons[name, HEADLINE, arm]
            if not reason and not all(run.instruments.get("accuracy_matrix") for row in runs for run in row):
                reason = NO_MATRIX
            base = {"benchmark": name, "arm": arm, "seeds": 0 if reason else len(runs)} | status_of(reason)
            if reason:
                rows.append(base)
                continue
            for scenario in SCENARIOS:
                found = [[run.instruments["accuracy_matrix"][scenario] for run in row] for row in runs]
                for t in range(len(found[0][0])):
                    values = np.array([[matrix[t] for matrix in row] for row in found]).mean(1)  # [seeds, t + 1]
                    for task, column in enumerate(values.T, start=1):
                        row = base | {"scenario": scenario, "after_task": t + 1, "task": task}
                        rows.append(row | ends_of(interval(column, bounds=(0.0, 1.0))))
    return pd.DataFrame(rows)
