"""The features of text benchmarks, by an encoder that stays as it is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hsokv.data.catalogue import DataSource
from hsokv.data.examples import PAIR, Examples, development_split
from hsokv.encoders.files import resolve_encoder
from hsokv.study.data_manifest import OWN_VALIDATION, read_dataset
from hsokv.study.encoders import describe_encoder, load_encoder
from hsokv.study.features import Request
from hsokv.study.shots import Encoding, write_shots


def load_texts(source: DataSource, root: Path | None, split: str, development_rows: int) -> tuple[Examples, Examples]:
    """(pool, evaluation): the texts that shots are drawn from and those that are scored, disjoint by text.

    Evaluation is the final test where `split` is "test", else the development set: the source's own, or carved out of
    the train file.
    """
    if (part := OWN_VALIDATION.get(source["source"])) is not None:
        return read_dataset(source, root, "test" if split == "test" else part)[:2]
    train, final, _ = read_dataset(source, root)
    pool, development = development_split(train, development_rows)
    return pool, final if split == "test" else development


def encode_shots(request: Request, development_rows: int) -> None:
    """Write evaluation.npz and the feature file of every seed that is not there yet, texts encoded once a file."""

    def prepare() -> tuple[Examples, Examples, Encoding]:
        import torch

        from hsokv.encoders.texts import encoder_flops, pair_features

        pool, evaluation = load_texts(request.source, request.root, request.split, development_rows)
        dropped = ", ".join(f"{count} {reason}" for reason, count in request.manifests[0]["texts"]["dropped"].items())
        request.report(f"left out of the train file: {dropped}")
        condition = next(iter(request.conditions.values()))  # of one encoding all have the same layer
        files = resolve_encoder(request.encoder)
        loaded = load_encoder(files, condition, request.device)

        def features(parts: Sequence[Examples]) -> tuple[Sequence[np.ndarray], int]:
            rows = [text.split(PAIR) for part in parts for text in part.inputs]
            texts = list(dict.fromkeys(text for row in rows for text in row))
            vectors, number = torch.from_numpy(loaded.encode(texts)), {text: n for n, text in enumerate(texts)}
            columns = [vectors[[number[text] for text in column]] for column in zip(*rows, strict=True)]
            x = (pair_features(*columns) if len(columns) == 2 else columns[0]).numpy()
            split = np.split(x, np.cumsum([len(part) for part in parts])[:-1])
            return split, encoder_flops(loaded.lengths(texts), loaded.size)

        return pool, evaluation, Encoding(features, describe_encoder(files, request.device, condition))

    write_shots(request, prepare)
