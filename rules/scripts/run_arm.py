"""Run one arm on every condition and seed of a benchmark."""

from pathlib import Path

from hsokv.study.job import job
from hsokv.study.runs import run_arm

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, results = snakemake.params, Path(snakemake.output[0]).parents[2]
        run_arm(
            benchmark=snakemake.wildcards.benchmark,
            arm=snakemake.wildcards.arm,
            module=params.module,
            settings=params.settings,
            task=params.task,
            seeds=params.seeds,
            features=results / "features" / snakemake.wildcards.benchmark,
            records=results / "records",
            code=params.code,
            report=print,
        )
