"""Every table as Markdown, LaTeX and CSV, from the frames alone."""

from pathlib import Path

from hsokv.report.document import write_tables
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        write_tables(Path(snakemake.input[0]).parent, map(Path, snakemake.output))
