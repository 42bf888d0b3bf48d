"""The statistics of a study as they are kept, read back."""

from pathlib import Path
from typing import Any

from hsokv.files import read_json


def read_statistics(path: Path) -> dict[str, Any]:
    """The statistics at `path`, benchmarks in the order of the configuration; HsokvError where they cannot be read.

    Names of a JSON object are sorted where it is kept; the rows of the scores, a list, still have the order.
    """
    statistics = read_json(path)
    study = statistics["study"]
    names = dict.fromkeys([*(row["benchmark"] for row in statistics["scores"]), *study["benchmarks"]])
    study["benchmarks"] = {name: study["benchmarks"][name] for name in names}
    return statistics
