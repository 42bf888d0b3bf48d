"""What tests of several modules do: the checks of data without Snakemake, and one run of an arm."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hsokv.arms.registry import METHODS
from hsokv.records import RunRecord
from hsokv.study.benchmarks import manifest_of, module_of, source_of, task_of
from hsokv.study.data_manifest import check_contents, describe_source
from hsokv.study.encoders import encoders_of
from hsokv.study.runs import run_arm
from tests.runs import read_run

ROOT = Path(__file__).resolve().parents[2]


def check_data(configuration: Mapping[str, Any], root: Path | None) -> dict[str, Any]:
    """The checksums of every source and encoder of a study, by name; raises as the rules fetch_data and check_data."""
    found = {
        f"encoder_{name}": describe_source("", {"encoder": described}, root, described.get("folder"))["files"]
        for name, described in encoders_of(configuration).items()
        if "folder" in described
    }
    for name, benchmark in configuration["benchmarks"].items():
        if manifest := manifest_of(name, benchmark):
            described = describe_source(manifest, source_of(benchmark), root, None)
            check_contents(name, described, benchmark, configuration)
            found[manifest] = described["files"]
    return found


def run_once(arm, benchmark, settings, features, records, seed=1, name="b") -> RunRecord:
    """The record of an arm on the first condition of a benchmark."""
    groups, task = {name: settings[name] for name in METHODS[arm].settings}, task_of(benchmark, arm)
    run_arm(name, arm, module_of(arm), groups, task, [seed], features, records, "code", lambda line: None)
    return read_run(name, next(iter(benchmark["conditions"])), arm, seed, records)
