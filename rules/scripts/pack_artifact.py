"""The research artifact of a study."""

from pathlib import Path

import hsokv
from hsokv.archive.artifact import pack_artifact
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, output, base = snakemake.params, Path(snakemake.output[0]), Path(hsokv.__file__).parents[1]
        pack_artifact(base, output.parents[1], params.configuration, params.version, output)
