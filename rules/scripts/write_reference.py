"""The reference run of the docs, from a finished study."""

from pathlib import Path

import hsokv
from hsokv.archive.reference import write_reference
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        folder = Path(hsokv.__file__).parents[1] / "docs" / "reference"
        write_reference(Path(snakemake.input[0]).parents[1], folder, snakemake.params.command)
