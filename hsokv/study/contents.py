"""What data hold, whatever their kind: read through once, described in a manifest, checked against a benchmark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hsokv.data.image_folder import locate_image_folder
from hsokv.data.sources import DataFiles, locate_own
from hsokv.study.image_data import check_images, describe_images, read_images
from hsokv.study.text_data import check_texts, describe_texts, holds_texts, read_texts

KEYS = ("texts", "images")
"""Under which of them a manifest describes what it tells of."""


def locate_own_data(name: str, source: Mapping[str, Any], root: Path | None) -> DataFiles:
    """A user's own tables (`files`) or images (`folder`), of the benchmark `name`; DataError where they are missing."""
    if "folder" in source:
        return locate_image_folder(name, source["folder"], root)
    return locate_own(name, source["files"], root)


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
