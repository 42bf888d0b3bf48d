"""Every table as Markdown, LaTeX and CSV, from the statistics alone."""

from pathlib import Path

from hsokv.reporting.table_files import write_tables
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        write_tables(Path(snakemake.input[0]), Path(snakemake.input[1]), map(Path, snakemake.output))
