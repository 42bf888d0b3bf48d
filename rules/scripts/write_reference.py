"""The reference run of the docs, from a finished study."""

from pathlib import Path

from hsokv.archive.reference import write_reference
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        write_reference(Path(params.results), Path(params.folder), params.command)
