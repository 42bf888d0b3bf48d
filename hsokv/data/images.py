"""A user's own images: a folder for train and one for test, in each a folder of pictures for every class."""

import hashlib
import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hsokv.data.examples import SHAPE, Examples, as_printed, check_names, in_order
from hsokv.data.sources import DataFiles, find_own
from hsokv.exceptions import DataError
from hsokv.files import checksum

if TYPE_CHECKING:
    import PIL.Image

SPLITS = ("train", "test")
NAMED = 5  # files that a message names; how many more there are it says
NO_PICTURES = {"BUFR", "EPS", "FITS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF"}
"""Formats that Pillow knows and does not decode itself (for EPS it would run another program), and FITS, signed."""

SYSTEM_FILES = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin"}
"""What systems leave in folders beside names that begin with a dot (._00.png, .DS_Store), in lower case."""

BACKGROUND = (128, 128, 128, 255)
"""Behind transparent pixels: neither a black nor a white drawing vanishes on it."""

BRIGHTEST = "brightest"
"""What `_open` notes of deep grey: its brightest pixel, as a share of white."""


def locate_image_folder(name: str, folder: str, root: Path | None) -> DataFiles:
    """A user's own `folder` of images: relative to `root` where it is there, else to the working directory.

    `sha256` of a split is over a line for each of its images, "<class> <SHA-256 of the file>", sorted: what files are
    called changes nothing. Raises DataError where the folder, or a class's images, are not there.
    """
    place = find_own(name, "folder of images", folder, root)
    paths = {split: place / split for split in SPLITS}
    return DataFiles(name, "own file", paths, {split: _digest(path) for split, path in paths.items()})


def read_image_folder(folder: Path) -> tuple[Examples, Examples, dict[str, int]]:
    """(train, test, files left out by kind) from `folder`/train/<class>/ and `folder`/test/<class>/, sub-folders too.

    Whatever Pillow decodes is read, scaled to 8 bits and turned as its file says; of several frames the first. Images
    become RGB, their short side 32 pixels, and are cut to 32 x 32 around the centre (`originals` are whole). Classes
    are numbered by name. Raises DataError naming what is wrong: a folder or all images of a class missing, a class that
    only one of train and test has, a single class, mostly other files in a class, images that cannot be read or have
    no right 8-bit form.

    >>> read_image_folder(Path("/nowhere"))
    Traceback (most recent call last):
    hsokv.exceptions.DataError: cannot read /nowhere/train: No such file or directory
    """
    (train, others), (test, more) = (list_files(Path(folder) / split) for split in SPLITS)
    if alone := sorted(train.keys() ^ test.keys()):
        raise DataError(f"{folder}: {_some(alone)} is a class of train or of test alone: both need images of it")
    if len({name.casefold() for name in check_names(train, str(folder))}) < len(train):
        raise DataError(f"{folder}: {_some(train)}: names that differ in case alone are one folder on other systems")
    problems: dict[str, list[Path]] = defaultdict(list)
    examples = [_read_all(classes, problems) for classes in (train, test)]
    if problems:
        raise DataError("; ".join(f"{_some(paths)}: {reason}" for reason, paths in sorted(problems.items())))
    others += more
    beside = (path for path in Path(folder).rglob("*") if path.relative_to(folder).parts[0] not in SPLITS)
    others["files beside train and test"] = sum(path.is_file() and not _is_system(path.name) for path in beside)
    return in_order(examples[0]), in_order(examples[1]), dict(sorted((+others).items()))


def originals(examples: Examples) -> Iterator[np.ndarray]:
    """The images of `examples` one by one, uint8 [height, width, 3], RGB: whole from their files, where they have some.

    >>> examples = Examples(np.zeros((1, *SHAPE), np.uint8), np.zeros(1, np.int64), ("a",))
    >>> [image.shape for image in originals(examples)]
    [(32, 32, 3)]
    """
    if not examples.files:
        yield from examples.inputs.transpose(0, 2, 3, 1)
    for file in examples.files:
        yield np.asarray(_open(file))


def list_files(folder: Path) -> tuple[dict[str, list[Path]], Counter[str]]:
    """(the image files below a folder of classes by class, both by name, how many others there are by kind).

    Raises DataError where there are none, where a class has mostly others, and for links that lead nowhere.
    """
    classes, others, wrong, lost = {}, Counter(), Counter(), []
    for base, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        here, inside = Path(base).resolve(), Path(base).relative_to(folder).parts
        for name in [name for name in folders if Path(base, name).resolve() in (here, *here.parents)]:
            folders.remove(name)  # a link that leads back
        system = any(map(_is_system, inside))
        if not inside:
            classes = {_class_name(folder, name): [] for name in folders if not _is_system(name)}
        for path in (Path(base, name) for name in names):
            known = path.suffix.lower() in _suffixes() and path.is_file()
            if system or _is_system(path.name):
                others["hidden and system files"] += 1
            elif not path.exists():
                lost.append(path)
            elif known and inside:
                classes[_class_name(folder, inside[0])].append(path)
            else:
                kind = "images outside the folders of classes" if known else f"{path.suffix.lower() or 'other'} files"
                others[kind] += 1
                wrong[_class_name(folder, inside[0]) if inside else None] += 1
    if lost:
        raise DataError(f"links that lead nowhere: {_some(sorted(lost))}: mend them or take them away")
    if not classes:
        raise DataError(f"{folder} holds no folders of classes")
    for name, files in classes.items():
        if wrong[name] > len(files) or not files:
            raise DataError(
                f"{folder / name}: {len(files)} images and {wrong[name]} other files; wanted mostly images, in a "
                "format that Pillow reads, as .png or .jpg"
            )
    if wrong[None] > sum(map(len, classes.values())):
        raise DataError(f"{folder}: most files, {wrong[None]}, are in no folder of a class: move them into one")
    return {name: sorted(classes[name]) for name in sorted(classes)}, others


def _refuse(error: OSError) -> None:
    raise DataError(f"cannot read {error.filename}: {error.strerror}")


@cache
def _suffixes() -> frozenset[str]:
    from PIL import Image

    known = Image.registered_extensions().items()
    return frozenset(suffix for suffix, name in known if name in Image.OPEN and name not in NO_PICTURES)


def _is_system(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_FILES


def _class_name(folder: Path, name: str) -> str:
    """As people see it, whichever system wrote it."""
    if os.fsencode(name).decode(errors="replace") != name:
        raise DataError(f"{folder}: the folder {name!r} has a name that is no UTF-8; rename it")
    return as_printed(name)


def _digest(folder: Path) -> str:
    lines = sorted(f"{name} {checksum(file)}\n" for name, files in list_files(folder)[0].items() for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _read_all(classes: dict[str, list[Path]], problems: dict[str, list[Path]]) -> Examples:
    """The images cut to size; those that cannot be read are noted in `problems`, by reason."""
    from PIL import Image, ImageOps

    paths = tuple(path for files in classes.values() for path in files)
    pixels = np.zeros((len(paths), *SHAPE), np.uint8)
    deep: dict[Path, float] = {}
    for row, path in enumerate(paths):
        try:
            image = _open(path)
            if BRIGHTEST in image.info:
                deep[path] = image.info[BRIGHTEST]
            image = ImageOps.fit(image, SHAPE[1:], Image.Resampling.BILINEAR)
            pixels[row] = np.asarray(image).transpose(2, 0, 1)
        except Image.DecompressionBombError:
            limit = 2 * Image.MAX_IMAGE_PIXELS
            problems[f"larger than the limit of {limit:,} pixels: save them smaller"].append(path)
        except DataError as error:
            problems[str(error)].append(path)
        except Exception:  # a damaged file makes decoders raise nearly anything
            problems["not whole images, they cannot be read: take them away or save them anew"].append(path)
    if 0 < max(deep.values(), default=1) < 1 / 16:  # 10 or 12 bits in a file of 16, as cameras and microscopes write
        problems["16-bit grey that uses 12 bits at most would be nearly black: scale it up to 65535"] += deep
    labels = np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()])
    return Examples(pixels, labels, tuple(classes), paths)


def _open(path: Path) -> "PIL.Image.Image":
    """The whole image, RGB with 8 bits a colour, turned as its file says; DataError where white is not known."""
    from PIL import Image, ImageOps

    _suffixes()  # registers all formats
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # there is a limit, this is below it
        with Image.open(path, formats=[name for name in Image.OPEN if name not in NO_PICTURES]) as opened:
            tags = getattr(opened, "tag_v2", {})
            wide = opened.mode.startswith("I;16") or (opened.mode == "I" and opened.format in ("PNG", "PPM"))
            image = ImageOps.exif_transpose(opened)
    if wide:  # convert("RGB") would cut every value above 255 off
        white = 2 ** tags.get(258, (16,))[0] - 1  # the TIFF tag BitsPerSample
        pixels = np.asarray(image)
        grey = np.rint(pixels.astype(float) * (255 / white)).clip(0, 255).astype(np.uint8)
        grey = 255 - grey if tags.get(262) == 0 else grey  # 0: white is zero
        grey[pixels == image.info.get("transparency", -1)] = BACKGROUND[0]
        image = Image.fromarray(grey).convert("RGB")
        image.info[BRIGHTEST] = pixels.max() / white
        return image
    if image.mode in ("I", "F"):
        raise DataError(f"pixels of mode {image.mode} have no known white: save them with 8 or 16 bits a colour")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUND), image)
    return image.convert("RGB")


def _some(items: Iterable[object]) -> str:
    items = list(map(str, items))
    more = len(items) - NAMED
    return ", ".join(items[:NAMED]) + (f" and {more} more" if more > 0 else "")
