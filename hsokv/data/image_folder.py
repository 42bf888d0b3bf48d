"""A user's own images: a folder for train and one for test, in each a folder of .png or .jpeg files for every class."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hsokv.data.images import SHAPE, LabelledImages, digests, tidy
from hsokv.data.sources import DataFiles, find_own
from hsokv.exceptions import DataError
from hsokv.files import checksum

if TYPE_CHECKING:
    import PIL.Image

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
SPLITS = ("train", "test")
NAMED = 5  # files that a message names; how many more there are it says


def locate_image_folder(name: str, folder: str, root: Path | None) -> DataFiles:
    """A user's own `folder` of images: relative to `root` where it is there, else to the working directory.

    `sha256` of a split is over a line for each of its images, "<class> <SHA-256 of the file>", sorted: what files are
    called changes nothing. Raises DataError where the folder, or a class's images, are not there.
    """
    place = find_own(name, "folder of images", folder, root)
    paths = {split: place / split for split in SPLITS}
    return DataFiles(name, "own file", paths, {split: _digest(path) for split, path in paths.items()})


def read_image_folder(folder: Path) -> tuple[LabelledImages, LabelledImages]:
    """(train, test) from `folder`/train/<class>/<file> and `folder`/test/<class>/<file>, in the order of their digests.

    Images become RGB, their short side 32 pixels, and are cut to 32 x 32 around the centre (`originals` are whole);
    classes are numbered by name. Train keeps of equal images one, the first by name. Raises DataError naming what is
    wrong: a folder or all files of a class missing, a class that only one of train and test has, files that are no
    images, equal images in train and test or in two classes of train.

    >>> read_image_folder(Path("/nowhere"))
    Traceback (most recent call last):
    hsokv.exceptions.DataError: /nowhere/train: wanted a folder of classes, came none
    """
    files = {split: _files(Path(folder) / split) for split in SPLITS}
    alone = files["train"].keys() ^ files["test"].keys()
    if alone:
        raise DataError(
            f"{folder}: wanted the same classes in train and in test, {_some(sorted(alone))} "
            "in one of them alone: add images of it to the other, or take it away"
        )
    names = tuple(sorted(files["train"]))
    paths = {split: [path for name in names for path in found[name]] for split, found in files.items()}
    pixels, broken = {}, []
    for split, listed in paths.items():
        read = [_read(path) for path in listed]
        broken += [str(path) for path, image in zip(listed, read, strict=True) if image is None]
        pixels[split] = read
    if broken:
        raise DataError(f"wanted whole images, {_some(broken)} cannot be read: take them away or save them anew")
    labels = {
        split: np.repeat(np.arange(len(names)), [len(found[name]) for name in names]) for split, found in files.items()
    }
    train, test = (
        LabelledImages(np.stack(pixels[split]), labels[split], names, tuple(paths[split])) for split in SPLITS
    )
    _check_repeats(train, test, paths["train"], paths["test"])
    return tidy(train, test)


def originals(examples: LabelledImages) -> Iterator[np.ndarray]:
    """The images of `examples` one by one, uint8 [height, width, 3], RGB: whole from their files, where they have some.

    >>> examples = LabelledImages(np.zeros((1, *SHAPE), np.uint8), np.zeros(1, np.int64), ("a",))
    >>> [image.shape for image in originals(examples)]
    [(32, 32, 3)]
    """
    if not examples.files:
        yield from examples.images.transpose(0, 2, 3, 1)
    for file in examples.files:
        yield np.asarray(_upright(file))


def _digest(folder: Path) -> str:
    lines = sorted(f"{name} {checksum(file)}\n" for name, files in _files(folder).items() for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(folder: Path) -> dict[str, list[Path]]:
    """The image files of every class, both in the order of their names."""
    inside = folder.iterdir() if folder.is_dir() else ()
    classes = sorted(path for path in inside if path.is_dir() and not path.name.startswith("."))
    if not classes:
        raise DataError(f"{folder}: wanted a folder of classes, came none")
    found = {
        path.name: sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
        for path in classes
    }
    empty = [str(folder / name) for name, files in found.items() if not files]
    if empty:
        raise DataError(f"wanted {', '.join(sorted(SUFFIXES))} files in every class, {_some(empty)} has none")
    return found


def _read(path: Path) -> np.ndarray | None:
    """Pixels uint8 [3, 32, 32], or None where the file holds no image."""
    from PIL import Image, ImageOps

    try:
        return np.asarray(ImageOps.fit(_upright(path), SHAPE[1:], Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    except Exception:  # a damaged file makes decoders raise nearly anything
        return None


def _upright(path: Path) -> "PIL.Image.Image":
    """The whole image, RGB, turned as its file says."""
    from PIL import Image, ImageOps

    with Image.open(path, formats=("PNG", "JPEG")) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def _check_repeats(
    train: LabelledImages, test: LabelledImages, train_paths: list[Path], test_paths: list[Path]
) -> None:
    first: dict[bytes, int] = {}
    twice = []
    for row, digest in enumerate(digests(train.images)):
        if train.labels[first.setdefault(digest, row)] != train.labels[row]:
            twice.append(f"{train_paths[first[digest]]} = {train_paths[row]}")
    if twice:
        raise DataError(f"wanted every image in one class, the same pixels stand in two: {_some(twice)}")
    both = [
        f"{train_paths[first[digest]]} = {test_paths[row]}"
        for row, digest in enumerate(digests(test.images))
        if digest in first
    ]
    if both:
        raise DataError(f"wanted test images that train does not hold, the same pixels stand in both: {_some(both)}")


def _some(items: list[str]) -> str:
    more = len(items) - NAMED
    return ", ".join(items[:NAMED]) + (f" and {more} more" if more > 0 else "")
