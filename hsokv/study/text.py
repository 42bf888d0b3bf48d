"""The features of text benchmarks: shots drawn from the pool of every seed, one evaluation set for all of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hsokv.data.examples import PAIR, Examples, development_split, draw_shots
from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.study.data_manifest import OWN_VALIDATION, read_dataset
from hsokv.study.encoders import describe_encoder, load_encoder
from hsokv.study.features import done, is_current, write_features, write_not_run

SAW = {"mnli": ("all-MiniLM-L6-v2", "all-mpnet-base-v2")}
"""Encoders that saw a source in their own training, as their authors say; of others it is not known here."""


def load_texts(
    source: Mapping[str, Any], root: Path | None, split: str, development_rows: int
) -> tuple[Examples, Examples]:
    """(pool, evaluation): the texts that shots are drawn from and those that are scored, disjoint by text.

    Evaluation is the final test where `split` is "test", else the development set: the source's own, or carved out of
    the train file.
    """
    if (part := OWN_VALIDATION.get(source["source"])) is not None:
        return read_dataset(source, root, "test" if split == "test" else part)[:2]
    train, final, _ = read_dataset(source, root)
    pool, development = development_split(train, development_rows)
    return pool, final if split == "test" else development


def encode_shots(
    seeds: list[int],
    conditions: Mapping[str, Mapping[str, Any]],
    source: Mapping[str, Any],
    root: Path | None,
    split: str,
    development_rows: int,
    encoder: EncoderSource,
    manifests: tuple[Mapping[str, Any], Mapping[str, Any]],
    folder: Path,
    stamp: str,
    report: Callable[[str], None],
    device: str = "cpu",
) -> None:
    """Write evaluation.npz and the feature file of every seed that is not there yet.

    `source` names the data and, of own files, `files` and `columns`; `conditions`, by name, say how many `shots` to
    draw and, where there are any, the `descriptions` of the labels.

    `manifests` tell what was found of the data and of the encoder; where one was not, the files say `not run` and why.
    The encoder computes on `device`.
    """
    paths = {"evaluation": folder / "evaluation.npz"} | {seed: folder / f"seed{seed}.npz" for seed in seeds}
    missing = [key for key, path in paths.items() if not is_current(path, stamp)]
    if not missing:
        return
    data = manifests[0]
    described = describe_data(data, source, split, encoder.name)
    if write_not_run(paths.values(), manifests, described, encoder, report):
        return
    import torch

    from hsokv.encoders.texts import encoder_flops, pair_features

    files = resolve_encoder(encoder)
    pool, evaluation = load_texts(source, root, split, development_rows)
    classes = len(pool.names)
    dropped = ", ".join(f"{count} {reason}" for reason, count in data["texts"]["dropped"].items())
    report(f"left out of the train file: {dropped}")
    condition = next(iter(conditions.values()))  # of one encoding all have the same layer
    loaded, told = load_encoder(files, condition, device), describe_encoder(files, device, condition)

    def write(path: Path, parts: Mapping[str, Examples]) -> None:
        rows = [text.split(PAIR) for part in parts.values() for text in part.inputs]
        texts = list(dict.fromkeys(text for row in rows for text in row))
        vectors, number = torch.from_numpy(loaded.encode(texts)), {text: n for n, text in enumerate(texts)}
        columns = [vectors[[number[text] for text in column]] for column in zip(*rows, strict=True)]
        x = (pair_features(*columns) if len(columns) == 2 else columns[0]).numpy()
        split = np.split(x, np.cumsum([len(part) for part in parts.values()])[:-1])
        arrays = arrays_of(parts, split)
        spent = {**told, "flops": encoder_flops(loaded.lengths(texts), loaded.size)}
        write_features(path, done(stamp, classes, True, described, spent), arrays)
        report(f"{path.stem}: {len(rows)} examples, {len(texts)} texts encoded")

    for key in missing:
        if key == "evaluation":
            write(paths[key], {"test": evaluation})
        else:
            write(paths[key], dict(_draw(pool, conditions, key)))


def describe_data(data: Mapping[str, Any], source: Mapping[str, Any], split: str, encoder: str) -> dict[str, Any]:
    """What feature files say of the data they were made from; `data` is the manifest of `source`."""
    told = {key: data[key] for key in ("name", "kind", "synthetic", "files", "texts") if key in data}
    if encoder in SAW.get(source["source"], ()):
        told["note"] = f"{encoder} saw SNLI and MultiNLI in its own training"
    return told | {"split": split}


def arrays_of(parts: Mapping[str, Examples], features: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a feature file: of every part its features and labels, and the texts of what is learnt from."""
    arrays = {f"{name}/x": x for name, x in zip(parts, features, strict=True)}
    for name, part in parts.items():
        arrays[f"{name}/y"] = part.labels
        if name.endswith(("train", "descriptions", "pseudo")):  # is shown to people
            arrays[f"{name}/text"] = np.array([text.replace(PAIR, " | ") for text in part.inputs])
    return arrays


def describe(templates: Iterable[str], words: Sequence[Sequence[str]]) -> Examples:
    """Texts that describe the labels: every word of a class, `words[class]`, in every template.

    >>> describe(["a {} film"], [["bad"], ["good"]]).inputs
    ('a bad film', 'a good film')
    """
    described = [
        (template.format(word), label) for label, own in enumerate(words) for word in own for template in templates
    ]
    texts, labels = zip(*described, strict=True)
    return Examples(texts, np.array(labels), tuple(map(str, range(len(words)))))


def _draw(pool: Examples, conditions: Mapping[str, Mapping[str, Any]], seed: int) -> Iterable[tuple[str, Examples]]:
    for name, condition in conditions.items():
        train, dev = draw_shots(pool, condition["shots"], seed)
        yield from ((f"{name}/train", train), (f"{name}/dev", dev))
        if "descriptions" in condition:
            yield f"{name}/descriptions", describe(**condition["descriptions"])
