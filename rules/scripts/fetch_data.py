"""Find the data or the encoder of one name; what cannot be had is written down as `not run` with its reason."""

from pathlib import Path
from typing import Any

from hsokv.data.sources import SYNTHETIC, cache_folder, fetch, locate
from hsokv.exceptions import DataUnavailableError
from hsokv.files import write_json
from hsokv.model.text_encoder import resolve_text_encoder
from hsokv.study.job import job


def describe(source: str, root: Path | None, encoder_folder: Path | None) -> dict[str, Any]:
    """What a record may say of a source: the same on every machine that holds the same files."""
    if source == "text_encoder":
        files = resolve_text_encoder(encoder_folder)
        return {"name": source, "revision": files.revision, "files": dict(files.sha256)}
    if source in SYNTHETIC:
        return {"name": f"{source}/1", "kind": "synthetic stand-in", "synthetic": True, "files": {}}
    found = locate(source, root, cache_folder()) if root else fetch(source, cache_folder(), progress=True)
    return {"name": source, "kind": found.kind, "synthetic": False, "files": dict(found.sha256)}


def main(source: str, root: Path | None, encoder_folder: Path | None, found: Any, attempt: int, output: Path) -> None:
    """Write what was found, how often it was looked for, and why it was not found where it was not."""
    try:
        manifest = {"status": "done", "reason": None, **describe(source, root, encoder_folder)}
    except DataUnavailableError as error:
        print(f"not run: {error} ({error.__cause__})")
        manifest = {"status": "not run", "reason": str(error), "name": source, "kind": "none", "files": {}}
        manifest["synthetic"] = source in SYNTHETIC
    write_json(output, {**manifest, "found": found, "attempts": attempt + 1})


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.wildcards.source,
            Path(snakemake.params.root) if snakemake.params.root else None,
            Path(snakemake.params.encoder_folder) if snakemake.params.encoder_folder else None,
            snakemake.params.found,
            snakemake.params.attempt,
            Path(snakemake.output[0]),
        )
