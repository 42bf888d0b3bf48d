"""The texts of a benchmark, whatever they come from: cleaned, counted, and checked before any work."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hsokv.data.catalogue import OWN, SYNTHETIC
from hsokv.data.glue import TASKS, LabelledTexts, Task, deduplicate, read_split, task_of_files
from hsokv.data.sources import cache_folder, fetch, locate, locate_own
from hsokv.data.synthetic_pairs import generate_mnli_synthetic
from hsokv.data.synthetic_text import generate_sst2_synthetic
from hsokv.exceptions import DataError
from hsokv.study.conditions import descriptions_of

GENERATORS: Mapping[str, Callable[[], tuple[LabelledTexts, LabelledTexts]]] = {
    "sst2_synthetic": generate_sst2_synthetic,
    "mnli_synthetic": generate_mnli_synthetic,
}


class Texts(NamedTuple):
    """`train`: each text once, none with two labels, none of the test's; `test`: whole; `labels` as written.

    `dropped`: the rows that were left out of train, by reason.
    """

    train: LabelledTexts
    test: LabelledTexts
    labels: tuple[str, ...]
    dropped: Mapping[str, int]


def holds_texts(source: Mapping[str, Any]) -> bool:
    """Whether a source is one of texts."""
    return source["source"] in {*TASKS, *GENERATORS} or "columns" in source


def read_texts(source: Mapping[str, Any], root: Path | None) -> Texts:
    """The texts of `source` (its name and, of own files, `files` and `columns`), downloaded where there is no `root`.

    Raises DataError where a file is missing or damaged, or where own files do not fit each other.
    """
    train, test, labels = _read(source, root)
    unique = deduplicate(train)
    in_test = set(test.texts)
    kept = [row for row, text in enumerate(unique.examples.texts) if text not in in_test]
    dropped = {
        "repeated": unique.repeated_rows,
        "with two labels": unique.conflicting_texts,
        "also in the test": len(unique.examples) - len(kept),
    }
    return Texts(unique.examples.take(kept), test, labels, dropped)


def describe_texts(texts: Texts) -> dict[str, Any]:
    """What a manifest may say of texts: `labels`, texts of each label in `train` and `test`, what was `dropped`."""
    train, test = (
        dict(zip(texts.labels, np.bincount(part.labels, minlength=len(texts.labels)).tolist(), strict=True))
        for part in (texts.train, texts.test)
    )
    return {"labels": list(texts.labels), "train": train, "test": test, "dropped": dict(texts.dropped)}


def check_texts(name: str, described: Mapping[str, Any], conditions: Mapping[str, Any], development_rows: int) -> None:
    """Raise DataError where a benchmark asks for more texts of a label than there are, or describes other labels."""
    shots = max(condition["shots"] for condition in conditions.values())
    label, fewest = min(described["train"].items(), key=lambda item: item[1])
    if fewest < development_rows + 2 * shots:
        dropped = ", ".join(f"{count} {reason}" for reason, count in described["dropped"].items())
        raise DataError(
            f"{name}: wanted {development_rows} development rows, {shots} train and {shots} dev shots of every class, "
            f"but the smallest, {label}, has {fewest} different texts (left out of all classes: {dropped}); "
            "ask for fewer shots or fewer development rows"
        )
    labels = described["labels"]
    for condition_name, condition in conditions.items():
        words = (descriptions_of(condition) or {}).get("words", labels)
        if len(words) != len(labels):
            raise DataError(
                f"{name}: wanted descriptions of {len(labels)} classes, {labels}, "
                f"came {len(words)} lists of words in {condition_name}"
            )
        left = sum(described["train"].values()) - len(labels) * (development_rows + 2 * condition["shots"])
        if (wanted := condition.get("tuning", {}).get("unlabelled", 0)) > left:
            raise DataError(
                f"{name}: wanted {wanted} texts without labels in {condition_name}, {left} are left beside development "
                "rows and shots; ask for fewer"
            )


def _read(source: Mapping[str, Any], root: Path | None) -> tuple[LabelledTexts, LabelledTexts, tuple[str, ...]]:
    name = source["source"]
    if name in SYNTHETIC:
        return *GENERATORS[name](), TASKS[name.removesuffix("_synthetic")].labels
    if name == OWN:
        files = locate_own(name, source["files"], root).paths
        task = task_of_files(name, files["train"], source["columns"]["text"], source["columns"]["label"])
        train, test = (read_split(files[split], task) for split in ("train", "test"))
        _check_test(test, files["test"], task)
        return train, test, task.labels
    files = (locate(name, root, cache_folder()) if root else fetch(name, cache_folder())).paths
    train, test = (read_split(files[split], TASKS[name]) for split in ("train", "dev"))
    return train, test, TASKS[name].labels


def _check_test(test: LabelledTexts, file: Path, task: Task) -> None:
    missing = [label for place, label in enumerate(task.labels) if place not in test.labels]
    if missing:
        raise DataError(
            f"{file}: wanted rows of every label of the train file, came none of {missing}; add some, or take the "
            "label out of the train file"
        )
