"""The features of text benchmarks: shots drawn from the pool of every seed, one evaluation set for all of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hsokv.data.glue import TASKS, LabelledTexts, deduplicate, development_split, draw_shots, read_split
from hsokv.data.sources import SYNTHETIC, cache_folder, fetch, locate
from hsokv.data.synthetic_text import generate_sst2_synthetic
from hsokv.exceptions import DataError
from hsokv.study.features import done, is_current, not_run, write_features


def read_texts(source: str, root: Path | None) -> tuple[LabelledTexts, LabelledTexts]:
    """(unique, final): the train file without repeated or contradicting texts and texts of the final test; the latter.

    Raises DataError where a file is missing or damaged.
    """
    if source in SYNTHETIC:
        train, final = generate_sst2_synthetic()
    else:
        files = locate(source, root, cache_folder()) if root else fetch(source, cache_folder())
        train, final = (read_split(files.paths[split], TASKS[source]) for split in ("train", "dev"))
    final_texts = set(final.texts)
    unique = deduplicate(train).examples
    return unique.take(row for row, text in enumerate(unique.texts) if text not in final_texts), final


def check_shots(unique: LabelledTexts, shots: int, development_rows: int, name: str) -> None:
    """Raise DataError where a class has fewer texts than the development set and the train and dev shots need."""
    counts = np.bincount(unique.labels)
    if counts.min() < 2 * shots + development_rows:
        raise DataError(
            f"{name}: wanted {development_rows} development rows, {shots} train and {shots} dev shots of every class, "
            f"class {counts.argmin()} has {counts.min()} different texts; ask for fewer shots or development rows"
        )


def load_texts(
    source: str, root: Path | None, evaluate_on: str, development_rows: int
) -> tuple[LabelledTexts, LabelledTexts]:
    """(pool, evaluation): the texts that shots are drawn from and those that are scored, disjoint by text.

    Evaluation is the development set, carved out of the train file, or, where `evaluate_on` is "final", the final test.
    """
    unique, final = read_texts(source, root)
    pool, development = development_split(unique, development_rows)
    return pool, final if evaluate_on == "final" else development


def encode_shots(
    seeds: list[int],
    conditions: Mapping[str, Mapping[str, Any]],
    source: str,
    root: Path | None,
    evaluate_on: str,
    development_rows: int,
    encoder_folder: Path | None,
    manifests: tuple[Mapping[str, Any], Mapping[str, Any]],
    folder: Path,
    stamp: str,
    report: Callable[[str], None],
) -> None:
    """Write evaluation.npz and the feature file of every seed that is not there yet.

    `conditions`, by name, say how many `shots` to draw and, where there are any, the `descriptions` of the labels.

    `manifests` tell what was found of the data and of the encoder; where one was not, the files say `not run` and why.
    """
    paths = {"evaluation": folder / "evaluation.npz"} | {seed: folder / f"seed{seed}.npz" for seed in seeds}
    missing = [key for key, path in paths.items() if not is_current(path, stamp)]
    if not missing:
        return
    data, found_encoder = manifests
    described = {key: data[key] for key in ("name", "kind", "synthetic", "files")} | {"evaluate_on": evaluate_on}
    if reason := data["reason"] or found_encoder["reason"]:
        for path in paths.values():
            write_features(path, not_run(reason, described), {})
        report(f"not run: {reason}")
        return
    from hsokv.model.text_encoder import encoder_flops, load_text_encoder, resolve_text_encoder

    files = resolve_text_encoder(encoder_folder)
    pool, evaluation = load_texts(source, root, evaluate_on, development_rows)
    classes = int(pool.labels.max()) + 1
    encoder = load_text_encoder(files)
    described_encoder = {"name": "all-MiniLM-L6-v2", "revision": files.revision, "sha256": dict(files.sha256)}

    def write(path: Path, parts: Mapping[str, LabelledTexts]) -> None:
        texts = [text for part in parts.values() for text in part.texts]
        vectors = np.split(encoder.encode(texts), np.cumsum([len(part) for part in parts.values()])[:-1])
        arrays = {f"{name}/x": x for name, x in zip(parts, vectors, strict=True)}
        arrays |= {f"{name}/y": part.labels for name, part in parts.items()}
        arrays |= {f"{name}/text": np.array(part.texts) for name, part in parts.items() if not name.endswith("dev")}
        spent = {**described_encoder, "flops": encoder_flops(encoder.lengths(texts))}
        write_features(path, done(stamp, classes, True, described, spent), arrays)
        report(f"{path.stem}: {len(texts)} texts encoded")

    for key in missing:
        if key == "evaluation":
            write(paths[key], {"test": evaluation})
        else:
            write(paths[key], dict(_draw(pool, conditions, key, classes)))


def describe(templates: Iterable[str], words: Sequence[Sequence[str]]) -> LabelledTexts:
    """Texts that describe the labels: every word of a class, `words[class]`, in every template.

    >>> describe(["a {} film"], [["bad"], ["good"]]).texts
    ('a bad film', 'a good film')
    """
    described = [
        (template.format(word), label) for label, own in enumerate(words) for word in own for template in templates
    ]
    texts, labels = zip(*described, strict=True)
    return LabelledTexts(texts, np.array(labels))


def _draw(
    pool: LabelledTexts, conditions: Mapping[str, Mapping[str, Any]], seed: int, classes: int
) -> Iterable[tuple[str, LabelledTexts]]:
    for name, condition in conditions.items():
        train, dev = draw_shots(pool, condition["shots"], seed, classes)
        yield from ((f"{name}/train", train), (f"{name}/dev", dev))
        if "descriptions" in condition:
            yield f"{name}/descriptions", describe(**condition["descriptions"])
