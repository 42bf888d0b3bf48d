"""What data and encoders hold, whatever their kind: read through once, described in a manifest, checked against a
benchmark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hsokv.data.catalogue import OWN, SYNTHETIC
from hsokv.data.image_folder import locate_image_folder
from hsokv.data.sources import DataFiles, cache_folder, fetch, locate, locate_own
from hsokv.model.encoder_files import resolve_encoder
from hsokv.study.encoders import encoder_source
from hsokv.study.image_data import check_images, describe_images, read_images
from hsokv.study.text_data import check_texts, describe_texts, holds_texts, read_texts

KEYS = ("texts", "images")
"""Under which of them a manifest describes what it tells of."""


def locate_own_data(name: str, source: Mapping[str, Any], root: Path | None) -> DataFiles:
    """A user's own tables (`files`) or images (`folder`), of the benchmark `name`; DataError where they are missing."""
    if "folder" in source:
        return locate_image_folder(name, source["folder"], root)
    return locate_own(name, source["files"], root)


def describe_source(
    name: str, source: Mapping[str, Any], root: Path | None, encoder_folder: str | None
) -> dict[str, Any]:
    """What a record may say of the data or encoder of one name: the same on every machine that holds the same files.

    What is not on this machine is downloaded. Raises DataUnavailableError where it cannot be had.
    """
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


def describe_contents(source: Mapping[str, Any], root: Path | None) -> dict[str, Any]:
    """`texts` or `images`, and what a manifest may say of them; raises DataError where they are damaged."""
    if holds_texts(source):
        return {"texts": describe_texts(read_texts(source, root))}
    return {"images": describe_images(*read_images(source, root))}


def check_contents(
    name: str, described: Mapping[str, Any], benchmark: Mapping[str, Any], configuration: Mapping[str, Any]
) -> None:
    """Raise DataError where a benchmark asks for more than the data have that `described` tells of."""
    defaults = configuration["data"]
    if "texts" in described:
        rows = benchmark.get("development_rows", defaults["development_rows"])
        check_texts(name, described["texts"], benchmark["conditions"], rows)
    if "images" in described:
        images = benchmark.get("development_images", defaults["development_images"])
        aside = images if configuration["evaluate_on"] == "development" else 0
        check_images(name, described["images"], benchmark, aside)
