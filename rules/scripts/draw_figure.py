"""One figure as PDF and PNG, from the statistics alone."""

import json
from pathlib import Path

from hsokv.reporting.figures import draw
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        statistics = json.loads(Path(snakemake.input.statistics).read_text())
        draw(snakemake.params.name, statistics, Path(snakemake.output.pdf), Path(snakemake.output.png))
