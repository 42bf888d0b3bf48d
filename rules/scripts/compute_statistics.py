"""From every record, and what was measured beside, to the frames of the study."""

from pathlib import Path

from hsokv.analysis.statistics import compute
from hsokv.study.job import job
from hsokv.study.wall_time import measure

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, output = snakemake.params, snakemake.output
        time = [Path(path) for path in output.time]  # kept: only where there is none is it measured
        for path in time:
            if not path.exists():
                measure(params.study["digest"], path)
        compute(
            records=map(Path, snakemake.input.records),
            study=params.study,
            output_folder=Path(output.statistics[0]).parent,
            scaling=map(Path, snakemake.input.scaling),
            time=time,
        )
