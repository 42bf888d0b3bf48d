"""What the seeds of a cell found, and the estimates made of it: means, intervals, paired differences."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hsokv.analysis.intervals import Interval, interval
from hsokv.analysis.runs import CELL
from hsokv.analysis.scores import score_range


class Sample(NamedTuple):
    """A score of a cell: `values` [seeds] and, where seeds share a test set, `examples` [seeds, examples]."""

    values: np.ndarray
    examples: np.ndarray | None = None

    def estimate(self, score: str) -> Interval:
        """Its mean with the interval."""
        return interval(self.values, self.examples, score_range(score))

    def minus(self, other: "Sample", score: str) -> Interval:
        """The mean paired difference with its interval."""
        apart = None if self.examples is None or other.examples is None else self.examples - other.examples
        return interval(self.values - other.values, apart, score_range(score, difference=True))


Samples = Mapping[tuple[str, str, str, str], Sample]  # by benchmark, condition or headline, arm and score


def samples_of(values: pd.DataFrame) -> dict[tuple[str, str, str, str], Sample]:
    """The samples of a long frame, seeds in its order."""
    samples, value, by_example = {}, values["value"].to_numpy(), values["examples"].to_numpy()
    for key, rows in values.groupby([*CELL, "score"], sort=False).indices.items():
        examples = list(by_example[rows])
        shared = not any(outcomes is None for outcomes in examples)
        samples[key] = Sample(value[rows], np.array(examples) if shared else None)
    return samples


def ends_of(found: Interval | None, *names: str) -> dict[str, float | None]:
    """The mean and the ends of an interval under these names (mean, low and high without), None where there is none."""
    return dict(zip(names or Interval._fields, found or (None, None, None), strict=True))


def status_of(reason: str | None) -> dict[str, Any]:
    """The columns `status` and `reason` of a row."""
    return {"status": "not run" if reason else "done", "reason": reason}
