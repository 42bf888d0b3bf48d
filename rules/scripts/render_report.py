"""The report in Markdown and LaTeX."""

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hsokv.records import read_record
from hsokv.reporting.render import render_report, report_context
from hsokv.reporting.tables import all_tables
from hsokv.study.job import job


def main(records: list[str], statistics: Path, criteria: Path, study: dict[str, Any], digest: str, paths: dict) -> None:
    """Render every page from the statistics; records are read for the provenance of their data alone."""
    numbers, verdicts = json.loads(statistics.read_text()), json.loads(criteria.read_text())
    versions = {name: version(name) for name in ("hsokv", "torch", "numpy", "snakemake", "transformers")}
    context = report_context(
        study,
        [read_record(path) for path in records],
        digest=digest,
        versions={"Python": platform.python_version(), **versions},
    )
    render_report(numbers, verdicts, all_tables(numbers, verdicts), context, paths["templates"], paths["output"])


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            list(snakemake.input.records),
            Path(snakemake.input.statistics),
            Path(snakemake.input.criteria),
            snakemake.params.study,
            snakemake.params.digest,
            {"templates": Path(snakemake.params.templates), "output": Path(snakemake.output[0]).parent},
        )
