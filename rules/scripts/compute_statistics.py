"""From every record, and what was measured beside, to the statistics and the verdicts."""

from pathlib import Path

from hsokv.reporting.statistics import write_statistics
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        write_statistics(
            map(Path, snakemake.input.records),
            snakemake.params.study,
            Path(snakemake.output.statistics),
            Path(snakemake.output.criteria),
            map(Path, snakemake.input.scaling),
            map(Path, snakemake.input.time),
        )
