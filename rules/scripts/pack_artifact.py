"""The research artifact of a study."""

from pathlib import Path

from hsokv.archive.artifact import pack_artifact
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        pack_artifact(
            Path(params.base),
            Path(params.results),
            params.configuration,
            params.version,
            Path(snakemake.output[0]),
        )
