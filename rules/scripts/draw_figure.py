"""One figure as PDF and PNG, from the statistics alone."""

from pathlib import Path

from hsokv.reporting.document import read_statistics
from hsokv.reporting.figures import draw
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        statistics = read_statistics(Path(snakemake.input.statistics))
        draw(snakemake.params.name, statistics, Path(snakemake.output.pdf), Path(snakemake.output.png))
