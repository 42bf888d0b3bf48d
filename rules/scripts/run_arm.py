"""Run one arm on every condition and seed of a benchmark."""

from pathlib import Path

from hsokv.study.job import job
from hsokv.study.runs import run_arm

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        run_arm(
            benchmark=params.benchmark,
            arm=params.arm,
            module=params.module,
            settings=params.settings,
            task=params.task,
            seeds=params.seeds,
            features=Path(params.results) / "features" / params.benchmark,
            records=Path(params.results) / "records",
            code=params.code,
            report=print,
        )
