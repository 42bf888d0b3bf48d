"""The report in Markdown and LaTeX."""

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hsokv.records import read_record
from hsokv.reporting.render import render_report, report_context
from hsokv.reporting.scaling import scaling_tables
from hsokv.reporting.tables import all_tables
from hsokv.study.job import job


def main(
    records: list[str],
    documents: dict[str, list[str]],
    study: dict[str, Any],
    digest: str,
    templates: Path,
    output: Path,
) -> None:
    """Render every page from the statistics; records are read for the provenance of their data alone.

    `documents` are the paths of `statistics` and criteria, and of what was measured and projected of the distributed
    swarm, `scaling`, if anything.
    """
    numbers, verdicts = (json.loads(Path(path).read_text()) for path in documents["statistics"])
    scaling = [json.loads(Path(path).read_text()) for path in documents["scaling"]]
    tables = all_tables(numbers, verdicts) | (scaling_tables(*scaling) if scaling else {})
    versions = {name: version(name) for name in ("hsokv", "torch", "numpy", "snakemake", "transformers")}
    context = report_context(
        study,
        [read_record(path) for path in records],
        digest=digest,
        versions={"Python": platform.python_version(), **versions},
    )
    render_report(numbers, verdicts, tables, context, templates, output)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            list(snakemake.input.records),
            {
                "statistics": [snakemake.input.statistics, snakemake.input.criteria],
                "scaling": list(snakemake.input.scaling),
            },
            snakemake.params.study,
            snakemake.params.digest,
            Path(snakemake.params.templates),
            Path(snakemake.output[0]).parent,
        )
