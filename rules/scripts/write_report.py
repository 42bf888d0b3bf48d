"""The report in Markdown, LaTeX and HTML, and where its numbers are from."""

import platform
from importlib.metadata import version
from pathlib import Path

import hsokv
from hsokv.report.document import write_report
from hsokv.report.provenance import Context
from hsokv.study.job import job

PROGRAMS = ("hsokv", "torch", "numpy", "pandas", "snakemake", "transformers")

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        versions = {"Python": platform.python_version(), **{name: version(name) for name in PROGRAMS}}
        write_report(
            statistics=Path(snakemake.input.statistics[0]).parent,
            records=list(snakemake.input.records),
            templates=Path(hsokv.__file__).parents[1] / "report",
            figures=Path(snakemake.input[0]).parent,
            output=Path(snakemake.output[0]).parent,
            context=Context(params.study, params.paper, params.digest, params.overlays, versions),
            measured=list(snakemake.input.measured),
        )
