"""The report in Markdown and LaTeX, and where its numbers are from."""

import platform
from importlib.metadata import version
from pathlib import Path

from hsokv.reporting.pages import write_report
from hsokv.study.job import job

PROGRAMS = ("hsokv", "torch", "numpy", "snakemake", "transformers")

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        versions = {"Python": platform.python_version(), **{name: version(name) for name in PROGRAMS}}
        write_report(
            records=list(snakemake.input.records),
            statistics=Path(snakemake.input.statistics),
            criteria=Path(snakemake.input.criteria),
            context={name: params[name] for name in ("study", "paper", "digest", "overlays")} | {"versions": versions},
            templates=Path(params.templates),
            output=Path(snakemake.output[0]).parent,
            scaling=list(snakemake.input.scaling),
            time=list(snakemake.input.time),
        )
