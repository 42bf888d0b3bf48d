"""Find the data or the encoder of one name; what cannot be had is written down as `not run` with its reason."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hsokv.data.catalogue import OWN, SYNTHETIC
from hsokv.data.sources import cache_folder, fetch, locate
from hsokv.exceptions import DataUnavailableError
from hsokv.files import write_json
from hsokv.model.encoder_files import resolve_encoder
from hsokv.study.contents import describe_contents, locate_own_data
from hsokv.study.encoders import encoder_source
from hsokv.study.job import job


def describe(name: str, source: Mapping[str, Any], root: Path | None, encoder_folder: str | None) -> dict[str, Any]:
    """What a record may say of a source: the same on every machine that holds the same files."""
    if "encoder" in source:
        encoder = resolve_encoder(encoder_source(source["encoder"], encoder_folder))
        return {"name": encoder.source.name, "revision": encoder.source.revision, "files": dict(encoder.sha256)}
    if name in SYNTHETIC:
        described = {"name": f"{name}/1", "kind": "synthetic stand-in", "synthetic": True, "files": {}}
    else:
        if source["source"] == OWN:
            found = locate_own_data(name.removeprefix(f"{OWN}_"), source, root)
        else:
            found = locate(name, root, cache_folder()) if root else fetch(name, cache_folder(), progress=True)
        described = {"name": found.name, "kind": found.kind, "synthetic": False, "files": dict(found.sha256)}
    return described | describe_contents(source, root)


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
        manifest = {"status": "done", "reason": None, **describe(name, source, root, encoder_folder)}
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
