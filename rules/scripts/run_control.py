"""Run one control on every condition and seed of a words benchmark."""

from pathlib import Path

from hsokv.study.controls import run_control
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        run_control(
            benchmark=snakemake.wildcards.benchmark,
            control=snakemake.wildcards.control,
            world=params.world,
            conditions=params.conditions,
            seeds=params.seeds,
            records=Path(snakemake.output[0]).parents[1],
            code=params.code,
            report=print,
        )
