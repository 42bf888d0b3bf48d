"""The encoder of a condition that tunes one: tuned again, as its features were, for a model that keeps it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsokv.data.examples import draw_shots, draw_unlabelled
from hsokv.exceptions import RecordError
from hsokv.study.conditions import DESCRIPTIONS
from hsokv.study.features import opened
from hsokv.study.text import load_texts
from hsokv.study.tuned_text import read_examples, tune_on_guesses, tune_on_shots

if TYPE_CHECKING:
    from hsokv.model.text_encoder import TextEncoder

CLOSE = 1e-5
"""How far a feature may be from the one that is stored: the last digits differ between kinds of processor."""


def tune_again(
    encoder: "TextEncoder",
    name: str,
    condition: Mapping[str, Any],
    features: Path,
    seed: int,
    source: Mapping[str, Any],
    root: Path | None,
    development_rows: int,
) -> None:
    """Tune `encoder` in place for the condition `name`, on the shots in its feature file `features` of the seed.

    The texts of `source` are read only where it was tuned on texts without labels, or on pairs, whose two texts the
    file does not tell apart. Raises RecordError where the shots' features are then not those of the file.
    """
    import torch

    from hsokv.model.encoder_layers import read_layers, vectors
    from hsokv.model.text_encoder import LAYERS, WIDTH

    with opened(features) as arrays:
        texts, y, x = (arrays[f"{name}/train/{part}"] for part in ("text", "y", "x"))
    tuning, generator = condition["tuning"], torch.Generator().manual_seed(seed)
    frozen, labels = LAYERS - tuning["layers"], torch.from_numpy(y).long()
    top, read = read_layers(encoder)[frozen:], partial(read_examples, encoder, layers=frozen)
    texts = texts.tolist()
    if tuning["by"] == DESCRIPTIONS or x.shape[1] > WIDTH:
        pool, _ = load_texts(source, root, "validation", development_rows)
        train, dev = draw_shots(pool, condition["shots"], seed)
        texts = train.inputs
    shots = read(texts)
    if tuning["by"] == DESCRIPTIONS:
        unlabelled = draw_unlabelled(pool, tuning["unlabelled"], seed, {*train.inputs, *dev.inputs})
        tuned = tune_on_guesses(top, read, unlabelled, tuning, generator, encoder)
    else:
        tuned = tune_on_shots(top, shots, labels, int(labels.max()) + 1, tuning, generator)
    if not np.allclose(vectors(tuned.layers, shots).numpy(), x, rtol=0, atol=CLOSE):
        raise RecordError(
            f"{features}: tuned again, the encoder does not see the shots as this file says: the data or the code have "
            "changed; remove the file and run `snakemake --cores 2` on the record first"
        )
    with torch.no_grad():
        for own, new in zip(top, tuned.layers, strict=True):  # `own` is the encoder's
            for part, other in zip(own, new, strict=True):
                part.weight.copy_(other.weight)
                part.bias.copy_(other.bias)
