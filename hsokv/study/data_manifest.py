"""What data and encoders hold, whatever their kind: read through once, described in a manifest, checked against a
benchmark."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hsokv.data.catalogue import OWN, SOURCES, SYNTHETIC, DataSource, find_source
from hsokv.data.cifar10 import read_cifar10
from hsokv.data.events import KINDS, read_events, read_queries
from hsokv.data.examples import Dataset, deduplicate
from hsokv.data.images import locate_image_folder, read_image_folder
from hsokv.data.sources import DataFiles, fetch, locate, locate_own, own_paths
from hsokv.data.synthetic import GENERATORS
from hsokv.data.texts import TASKS, Task, read_clinc150, read_texts
from hsokv.encoders.files import MODALITIES, resolve_encoder
from hsokv.exceptions import DataError
from hsokv.machine import cache_folder, data_root
from hsokv.study.encoders import encoder_source

if TYPE_CHECKING:
    from hsokv.definitions import Configuration, Definition, Manifest, Sought

OWN_VALIDATION = {"clinc150": "val"}
"""Sources with a part for validation, by name: nothing is carved out of their train texts."""

FEWEST = 2
"""Train examples of a class: one to learn from and one held out."""


def locate_data(name: str, source: DataSource, root: Path | None, progress: bool = False) -> DataFiles:
    """The files of `source` for the benchmark `name`, downloaded where there is no `root`.

    `source` has its name and, of a user's own data, `files` and `columns` of tables, or a `folder` of images. Raises
    DataError where a file is missing or damaged, DataUnavailableError where it cannot be downloaded.
    """
    if "folder" in source:
        return locate_image_folder(name, source["folder"], root)
    if "files" in source:
        return locate_own(name, source["files"], root)
    if root is None:
        return fetch(find_source(source["source"]), cache_folder(), progress)
    return locate(find_source(source["source"]), root, cache_folder())


def own_files(source: "Sought", encoder_folder: str | None) -> list[str]:
    """The files of a user's own that a source or an encoder is made of, sorted; those that are not there are left out.

    Nothing is read of them: who reads them says what is missing or damaged.
    """
    folder = data_root()
    if "encoder" in source:
        kind = MODALITIES[source["encoder"].get("modality", "texts")]
        paths = [Path(encoder_folder).expanduser() / name for name in kind.files] if encoder_folder else []
    elif "folder" in source:
        paths = [path for own in own_paths(source["folder"], folder) for path in own.rglob("*")]
    elif "files" in source:
        paths = [path for file in source["files"].values() for path in own_paths(file, folder)]
    else:
        members = SOURCES[source["source"]].members if source["source"] in SOURCES else ()
        paths = [folder / member.path for member in members] if folder else []
    return sorted(str(path) for path in paths if path.is_file())


def read_dataset(source: DataSource, root: Path | None, part: str = "test") -> Dataset:
    """The examples of `source`, deduplicated; of CLINC150 with its `part` as the test.

    Raises what `locate_data` does, and DataError where they do not fit.
    """
    name, others = source["source"], {}
    if name in SYNTHETIC:
        return deduplicate(*GENERATORS[name]())
    paths = locate_data(name, source, root).paths
    if "folder" in source:
        train, test, others = read_image_folder(paths["train"].parent)
    elif "columns" in source:
        columns = source["columns"]
        train, test = read_texts(paths["train"], paths["test"], Task(tuple(columns["text"]), columns["label"]))
    elif name == "clinc150":
        train, test = read_clinc150(paths["all"], part)
    elif name in TASKS:
        train, test = read_texts(*paths.values(), TASKS[name])
    else:
        train, test = read_cifar10(paths)
    dataset = deduplicate(train, test)
    return dataset._replace(dropped=dataset.dropped | others)


def describe_source(name: str, source: "Sought", root: Path | None, encoder_folder: str | None) -> "Manifest":
    """What a record may say of the data or encoder of one name: the same on every machine that holds the same files.

    What is not on this machine is downloaded. Raises DataUnavailableError where it cannot be had.
    """
    if "encoder" in source:
        encoder = resolve_encoder(encoder_source(source["encoder"], encoder_folder))
        return {"name": encoder.source.name, "revision": encoder.source.revision, "files": dict(encoder.sha256)}
    if name in SYNTHETIC:
        described = {"name": f"{name}/1", "kind": "synthetic stand-in", "synthetic": True, "files": {}}
    else:
        files = locate_data(name.removeprefix(f"{OWN}_"), source, root, progress=True)
        described = {"name": files.name, "kind": files.kind, "synthetic": False, "files": dict(files.sha256)}
    return described | describe_contents(source, root)


def describe_contents(source: DataSource, root: Path | None) -> "Manifest":
    """`texts` or `images`: the `labels`, examples of each in `train` and `test`, what was `dropped` and why.

    Of a user's own `events` the number of each kind.

    Raises DataError where the data are damaged, or events do not fit each other.
    """
    if "events" in source.get("files", {}):
        paths = locate_data(source["source"], source, root).paths
        events = read_events(paths["events"])
        for split in ("validation", "test"):
            read_queries(paths[split], events)
        counts = np.bincount(events.kind, minlength=len(KINDS)).tolist()
        return {"events": dict(zip(KINDS, counts, strict=True))}
    train, test, dropped = read_dataset(source, root)
    kind = "images" if train.are_images else "texts"
    return {kind: {"labels": list(train.names), "train": train.counts(), "test": test.counts(), "dropped": dropped}}


def check_contents(name: str, described: "Manifest", benchmark: "Definition", configuration: "Configuration") -> None:
    """Raise DataError where a benchmark asks for more than the data have that `described` tells of."""
    kind, options, conditions = benchmark["kind"], configuration["data"] | benchmark, benchmark["conditions"]
    what, contents = next(((key, described[key]) for key in ("texts", "images") if key in described), (None, None))
    if contents is None:  # own events, which were read through, or an encoder
        return
    labels = contents["labels"]
    for condition_name, condition in conditions.items():
        if len(labels) % condition.get("tasks", 1):
            tasks = f"{condition['tasks']} tasks in {condition_name}"
            raise DataError(f"{name}: {tasks} do not divide the {len(labels)} labels evenly")
    if kind == "texts":
        aside = 0 if benchmark["source"] in OWN_VALIDATION else options["validation_rows"]
    else:
        aside = options["validation_images"] if kind != "events" and configuration["split"] == "validation" else 0
    needed = max(FEWEST, *(2 * condition.get("shots", 0) for condition in conditions.values()))
    label, fewest = min(contents["train"].items(), key=lambda item: item[1])
    if fewest < aside + needed:
        dropped = ", ".join(f"{count} {reason}" for reason, count in contents["dropped"].items())
        raise DataError(
            f"{name}: every class needs {aside} validation {what} and {needed} to learn from; the smallest, {label}, "
            f"has {fewest} different ones (left out of all classes: {dropped}); add some, or ask for fewer"
        )
    if (capacity := benchmark.get("capacity", 2 * len(labels))) < 2 * len(labels):
        raise DataError(f"{name}: {capacity} entries are too few, {2 * len(labels)} are needed, two a class")
    for condition_name, condition in conditions.items():
        tuning = condition.get("tuning", {})
        words = condition.get("descriptions", tuning.get("descriptions", {})).get("words", labels)
        if len(words) != len(labels):
            raise DataError(
                f"{name}: {condition_name} has {len(words)} lists of words, the {len(labels)} classes are {labels}"
            )
        left = sum(contents["train"].values()) - len(labels) * (aside + 2 * condition.get("shots", 0))
        if (wanted := tuning.get("unlabelled", 0)) > left:
            raise DataError(
                f"{name}: {condition_name} asks for {wanted} texts without labels, {left} are left beside validation "
                "rows and shots; ask for fewer"
            )
