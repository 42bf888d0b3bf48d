"""Feature files: what the encoders left for the arms, one .npz per seed, with its provenance inside.

A condition whose encoder is its own (it was tuned for it) has a folder of its own under that of its benchmark, and its
files hold the test too. A file holds arrays by name and one JSON text, its `Provenance`.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict
from zipfile import BadZipFile

import numpy as np

from hsokv.data.catalogue import DataSource
from hsokv.exceptions import DataError, HsokvError
from hsokv.files import write_arrays

if TYPE_CHECKING:
    from pydantic import JsonValue

    from hsokv.data.episode import Episode
    from hsokv.definitions import Condition, Manifest
    from hsokv.encoders.files import EncoderSource

SAW = {"mnli": ("all-MiniLM-L6-v2", "all-mpnet-base-v2")}
"""Encoders that saw a source in their own training, as their authors say; of others it is not known here."""


class Provenance(TypedDict):
    """What a feature file was made of, and what that cost; `stamp` stands for all of it.

    `status`: "done" or "not run", and then the `reason`. `classes`: number of them. `shared_test`: whether every seed
    is tested on the same examples.
    """

    status: str
    reason: str | None
    stamp: str
    classes: int
    shared_test: bool
    data: "dict[str, JsonValue]"
    encoder: "dict[str, JsonValue]"


def write_features(path: Path, provenance: Provenance, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays and their provenance atomically; the same content gives the same bytes."""
    write_arrays(path, {**arrays, "provenance": np.array(json.dumps(provenance, sort_keys=True))})


@contextmanager
def opened(path: Path) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of a feature file, for as long as the block reads them; a damaged file is a DataError naming it."""
    try:
        # Opened here: np.load leaves a file it cannot read open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            yield arrays
    except HsokvError:  # what the block has to say of the arrays
        raise
    except (OSError, ValueError, TypeError, KeyError, EOFError, BadZipFile, zlib.error, NotImplementedError) as error:
        raise DataError(f"{path}: not a whole feature file ({error}): delete it and run again") from error


def read_provenance(path: Path) -> Provenance:
    """The provenance of a feature file; raises DataError naming a file that is damaged."""
    with opened(path) as arrays:
        return json.loads(str(arrays["provenance"]))


def is_current(path: Path, stamp: str) -> bool:
    """Whether the file is there, whole, done and made by what `stamp` stands for."""
    try:
        provenance = read_provenance(path)
    except DataError:
        return False
    return provenance["status"] == "done" and provenance["stamp"] == stamp


def done(
    stamp: str, classes: int, shared_test: bool, data: "dict[str, JsonValue]", encoder: "dict[str, JsonValue]"
) -> Provenance:
    """The provenance of features that were made, by what `stamp` stands for."""
    made = {"stamp": stamp, "classes": classes, "shared_test": shared_test, "data": data, "encoder": encoder}
    return {"status": "done", "reason": None, **made}


def not_run(reason: str, data: "dict[str, JsonValue]", encoder: "dict[str, JsonValue] | None" = None) -> Provenance:
    """The provenance of features that could not be made, with the name of their `encoder` where it has one."""
    return {**done("", 0, False, data, encoder or {}), "status": "not run", "reason": reason}


class Request(NamedTuple):
    """The feature files that a job is asked for, one a seed in `folder`, and what it makes them of.

    `stamp` stands for all of that. `conditions`, by name, say what to draw from the `split` of `source`, its name and,
    of a user's own data, its files, below `root`. `manifests` tell what was found of the data and of the `encoder`,
    which computes on `device`.
    """

    seeds: Sequence[int]
    folder: Path
    stamp: str
    report: Callable[[str], None]
    conditions: Mapping[str, "Condition"] = {}
    source: DataSource | None = None
    root: Path | None = None
    split: str = "generated"
    manifests: "Sequence[Manifest]" = ()
    encoder: "EncoderSource | None" = None
    device: str = "cpu"


class Made(NamedTuple):
    """What goes into a feature file: arrays, what it says of its encoder, the number of classes, a line for the log."""

    arrays: Mapping[str, np.ndarray]
    encoder: "dict[str, JsonValue]"
    classes: int
    said: str


def write_missing(
    request: Request,
    prepare: Callable[[], Callable[[int | str], Made]],
    shared: str | None = None,
    shared_test: bool = True,
) -> None:
    """Write the feature file of every seed, and the one named `shared`, where it is not there yet.

    `prepare` reads what all files need and gives what makes one, of a seed or of that name. It is called only where
    there is something to do; where data or encoder were not found, the files say `not run` and why.
    """
    paths = {name: request.folder / f"{name}.npz" for name in filter(None, [shared])}
    paths |= {seed: request.folder / f"seed{seed}.npz" for seed in request.seeds}
    missing = {key: path for key, path in paths.items() if not is_current(path, request.stamp)}
    if not missing:
        return
    told, encoder = describe_data(request), request.encoder
    if reason := next((manifest["reason"] for manifest in request.manifests if manifest["reason"]), None):
        named = {"name": encoder.name, "revision": encoder.revision} if encoder else {}
        for path in paths.values():
            write_features(path, not_run(reason, told, named), {})
        request.report(f"not run: {reason}")
        return
    import torch

    torch.set_num_threads(1)  # the last digits differ between thread counts
    make = prepare()
    for key, path in missing.items():
        made = make(key)
        write_features(path, done(request.stamp, made.classes, shared_test, told, made.encoder), made.arrays)
        request.report(f"{path.stem}: {made.said}")


def describe_data(request: Request) -> "dict[str, JsonValue]":
    """What feature files say of the data they are made from: what their manifest, the first, does."""
    data, encoder = request.manifests[0], request.encoder
    told = {key: data[key] for key in ("name", "kind", "synthetic", "files", "texts", "images") if key in data}
    if encoder and encoder.name in SAW.get(request.source["source"], ()):
        told["note"] = f"{encoder.name} saw SNLI and MultiNLI in its own training"
    return told | {"split": request.split}


def read_texts(folder: Path, seed: int, condition: str) -> list[str]:
    """What the arms learn from, of one seed and condition, as people would read it and in its order."""
    with opened(folder / f"seed{seed}.npz") as arrays:
        parts = [f"{condition}/{part}/text" for part in ("descriptions", "pseudo", "train", "test/support")]
        return [text for part in parts if part in arrays for text in arrays[part].tolist()]


def load_episode(folder: Path, seed: int, condition: str, classes: int, folds: int | None) -> "Episode":
    """The episode of one seed and condition, from the feature files in `folder`.

    A task with shots has one test set for all seeds, in evaluation.npz where it is not in the file itself; `folds` of
    its train shots rank, or the dev shots where `folds` is None. A task with words has its own words to rank, to
    calibrate and to test.
    """
    import torch

    from hsokv.data.episode import Background, Fold, Shots, shots_episode, words_episode

    def shots(arrays: Mapping[str, np.ndarray], part: str) -> Shots:
        return Shots(torch.from_numpy(arrays[f"{part}/x"]), torch.from_numpy(arrays[f"{part}/y"]))

    with opened(folder / f"seed{seed}.npz") as arrays:
        if f"{condition}/train/x" in arrays:
            with nullcontext(arrays) if "test/x" in arrays else opened(folder / "evaluation.npz") as evaluation:
                test = shots(evaluation, "test")
            train, dev = (shots(arrays, f"{condition}/{part}") for part in ("train", "dev"))
            before = (f"{condition}/{part}" for part in ("descriptions", "pseudo"))
            described, pseudo = (shots(arrays, part) if f"{part}/x" in arrays else None for part in before)
            return shots_episode(train, dev, test, classes, folds, described, pseudo)
        fold, dev, test = (
            Fold(shots(arrays, f"{condition}/{split}/support"), shots(arrays, f"{condition}/{split}/query"))
            for split in ("fold", "dev", "test")
        )
        parts = {name: torch.from_numpy(arrays[f"background/{name}"]) for name in Background._fields}
        counts = {name: int(parts[name]) for name in ("degrees", "map_flops")}
        return words_episode(fold, dev, test, classes, Background(**parts | counts))
