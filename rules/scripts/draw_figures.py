"""Every figure in every format, from the frames alone."""

from pathlib import Path

from hsokv.report.figures import draw
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        draw(Path(snakemake.input[0]).parent, map(Path, snakemake.output), snakemake.threads)
