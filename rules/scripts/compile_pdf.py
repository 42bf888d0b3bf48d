"""The report's PDF."""

from pathlib import Path

from hsokv.report.pdf import compile_pdf
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        compile_pdf(Path(snakemake.output[0]).with_suffix(".tex"))
