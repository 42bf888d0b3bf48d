"""Find the data or the encoder of one name; what cannot be had is written down as `not run` with its reason."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hsokv.exceptions import DataUnavailableError
from hsokv.files import write_json
from hsokv.study.data_manifest import describe_source
from hsokv.study.job import job


def main(
    name: str,
    source: Mapping[str, Any],
    root: Path | None,
    encoder_folder: str | None,
    found: Any,
    attempt: int,
    output: Path,
) -> None:
    """Write what was found, how often it was looked for, and why it was not found where it was not."""
    try:
        manifest = {"status": "done", "reason": None, **describe_source(name, source, root, encoder_folder)}
    except DataUnavailableError as error:
        print(f"not run: {error} ({error.__cause__})")
        manifest = {"status": "not run", "reason": str(error), "name": name, "kind": "none", "files": {}}
    write_json(output, {"synthetic": False, **manifest, "found": found, "attempts": attempt + 1})


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.wildcards.source,
            snakemake.params.source,
            Path(snakemake.params.root) if snakemake.params.root else None,
            snakemake.params.encoder_folder,
            snakemake.params.found,
            snakemake.params.attempt,
            Path(snakemake.output[0]),
        )
