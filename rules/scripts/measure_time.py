"""How long the study took up to its last record."""

from pathlib import Path

from hsokv.study.job import job
from hsokv.study.wall_time import measure

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        measure(params.start, params.cores, params.digest, Path(snakemake.output[0]))
