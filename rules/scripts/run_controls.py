"""Run the controls of a words benchmark."""

from pathlib import Path

from hsokv.study.controls import run_controls
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        run_controls(
            benchmark=params.benchmark,
            controls=params.controls,
            world=params.world,
            conditions=params.conditions,
            seeds=params.seeds,
            records=Path(params.records),
            code=params.code,
            report=print,
        )
