"""The checks of data that the rules fetch_data and check_data make, without Snakemake."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hsokv.study.benchmarks import manifest_of, source_of
from hsokv.study.data_manifest import check_contents, describe_source
from hsokv.study.encoders import encoders_of


def check_data(configuration: Mapping[str, Any], root: Path | None) -> dict[str, Any]:
    """The checksums of every source and encoder of a study, by name; raises as the rules do."""
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
