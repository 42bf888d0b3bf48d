"""What a study asks for: the arms of each benchmark, its runs, and whether the records at hand are of those runs."""

from collections.abc import Iterable, Mapping
from typing import Any

from hsokv.exceptions import ConfigurationError, RecordError
from hsokv.records import RunRecord

Run = tuple[str, str, str, int]  # benchmark, condition, arm and seed
Runs = Mapping[Run, RunRecord]


def arms_of(configuration: Mapping[str, Any], benchmark: str) -> list[str]:
    """The study's arms that run on a benchmark, in the study's order.

    Raises:
        ConfigurationError: the benchmark does not say which, or names one that is not the study's.
    """
    here = configuration["benchmarks"][benchmark].get("arms")
    if here is None or set(here) - set(configuration["arms"]):
        raise ConfigurationError(
            f"benchmarks.{benchmark}.arms: wanted some of {', '.join(configuration['arms'])}, came {here}: name them"
        )
    return [arm for arm in configuration["arms"] if arm in here]


def is_stream(configuration: Mapping[str, Any], benchmark: str) -> bool:
    """Whether the arms of a benchmark learn task after task; False too where it is no benchmark of this study."""
    return configuration["benchmarks"].get(benchmark, {}).get("protocol") == "stream"


def runs_asked(configuration: Mapping[str, Any]) -> list[Run]:
    """Every run of the study, in the order of its configuration."""
    return [
        (name, condition, arm, seed)
        for name, slice_ in configuration["benchmarks"].items()
        for condition in slice_["conditions"]
        for arm in (*arms_of(configuration, name), *slice_.get("controls", ()))
        for seed in slice_["seeds"]
    ]


def by_run(records: Iterable[RunRecord], configuration: Mapping[str, Any]) -> dict[Run, RunRecord]:
    """The records by the run that each is of, in the order of the configuration whatever theirs is.

    Raises:
        RecordError: a record of no run of this configuration, of another test set, twice, or not paired with others.
    """
    asked, runs, tests = set(runs_asked(configuration)), {}, {}
    for record in records:
        run = (record.benchmark, record.condition, record.arm, record.seed)
        name = "/".join(map(str, run))
        if run not in asked:
            raise RecordError(f"{name} is no run of this configuration: hand over the records it asks for, no others")
        if run in runs:
            raise RecordError(f"two records of {name} were handed over: hand over each once")
        runs[run] = record
        if record.status != "done":
            continue
        if record.data["evaluate_on"] not in (configuration["evaluate_on"], "generated"):
            raise RecordError(
                f"{name} was evaluated on {record.data['evaluate_on']!r}, the configuration wants "
                f"{configuration['evaluate_on']!r}: delete the file and run `snakemake --cores 4 report` again"
            )
        if record.outcomes:
            test = (record.benchmark, record.condition) + (() if record.shared_test else (record.seed,))
            size = tests.setdefault(test, len(record.outcomes))
            if size != len(record.outcomes):
                raise RecordError(
                    f"{name} has {len(record.outcomes)} test examples, its pairs have {size}: delete the records of "
                    f"{record.benchmark}/{record.condition} and run `snakemake --cores 4 report` again"
                )
    return {run: runs[run] for run in runs_asked(configuration) if run in runs}
