"""The images of a benchmark, whatever they come from: read, counted, and checked before any work."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hsokv.data.catalogue import OWN, SYNTHETIC
from hsokv.data.cifar10 import read_cifar10
from hsokv.data.image_folder import locate_image_folder, read_image_folder
from hsokv.data.images import LabelledImages
from hsokv.data.sources import cache_folder, fetch, locate
from hsokv.data.synthetic_images import generate_split_cifar10_synthetic
from hsokv.exceptions import DataError

FEWEST = 2
"""Train images of a class: one to learn from and one held out."""


def read_images(source: Mapping[str, Any], root: Path | None) -> tuple[LabelledImages, LabelledImages]:
    """(train, final) of `source` (its name and, of own images, their `folder`), downloaded where there is no `root`.

    Train comes without repeats and without those of the final test. Raises DataError where a file is missing or
    damaged, or where own images do not fit each other.
    """
    name = source["source"]
    if name in SYNTHETIC:
        return generate_split_cifar10_synthetic()
    if name == OWN:
        return read_image_folder(locate_image_folder(name, source["folder"], root).paths["train"].parent)
    files = locate(name, root, cache_folder()) if root else fetch(name, cache_folder())
    return read_cifar10(files.paths)


def describe_images(train: LabelledImages, test: LabelledImages) -> dict[str, Any]:
    """What a manifest may say of images: `labels`, and how many of each there are in `train` and in `test`."""
    counts = {
        split: dict(zip(part.names, np.bincount(part.labels, minlength=len(part.names)).tolist(), strict=True))
        for split, part in (("train", train), ("test", test))
    }
    return {"labels": list(train.names), **counts}


def check_images(
    name: str, described: Mapping[str, Any], benchmark: Mapping[str, Any], development_images: int
) -> None:
    """Raise DataError where the conditions of a benchmark ask for what its images do not give.

    That is `development_images` of every class (0 where the final test is read) and beside them FEWEST, or train and
    dev shots; and of a stream tasks that divide the classes, and room for two entries of every class.
    """
    classes, needed = len(described["labels"]), FEWEST
    for condition_name, condition in benchmark["conditions"].items():
        needed = max(needed, 2 * condition.get("shots", 0))
        if classes % condition.get("tasks", 1):
            raise DataError(
                f"{name}: wanted a number of tasks that divides its {classes} classes, came {condition['tasks']} in "
                f"{condition_name}"
            )
    label, fewest = min(described["train"].items(), key=lambda item: item[1])
    if fewest < development_images + needed:
        aside = f"{development_images} development images and " if development_images else ""
        raise DataError(
            f"{name}: wanted {aside}{needed} images to learn from of every class, but the smallest, {label}, has "
            f"{fewest} different ones; add some{', or ask for fewer development images' if development_images else ''}"
        )
    if benchmark.get("entries", 2 * classes) < 2 * classes:
        raise DataError(f"{name}: wanted at least {2 * classes} entries, two a class, came {benchmark['entries']}")
