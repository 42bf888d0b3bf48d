"""From every record, and what was measured beside, to the statistics and the verdicts."""

from pathlib import Path

from hsokv.reporting.statistics import write_statistics
from hsokv.study.job import job
from hsokv.study.wall_time import measure

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, output = snakemake.params, snakemake.output
        time = [Path(path) for path in snakemake.output[2:]]  # kept: only where there is none is it measured
        for path in time:
            if not path.exists():
                measure(params.start, params.cores, params.study["digest"], path)
        write_statistics(
            map(Path, snakemake.input.records),
            params.study,
            Path(output.statistics),
            Path(output.criteria),
            map(Path, snakemake.input.scaling),
            time,
        )
