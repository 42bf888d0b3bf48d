"""The encoder of a condition that tunes one: tuned again, as its features were, for a model that keeps it."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hsokv.data.catalogue import DataSource
from hsokv.data.examples import Examples, draw_shots
from hsokv.exceptions import RecordError
from hsokv.study.conditions import DESCRIPTIONS
from hsokv.study.features import opened
from hsokv.study.text import load_texts
from hsokv.study.tuned_text import ConditionTuner

if TYPE_CHECKING:
    from hsokv.definitions import Condition
    from hsokv.encoders.texts import TextEncoder

CLOSE = 1e-5
"""How far a feature may be from the one that is stored: the last digits differ between kinds of processor."""


def tune_again(
    encoder: "TextEncoder",
    name: str,
    condition: "Condition",
    features: Path,
    seed: int,
    source: DataSource,
    root: Path | None,
    validation_rows: int,
) -> "TextEncoder":
    """`encoder`, tuned for the condition `name` on the shots in its feature file `features` of the seed.

    The texts of `source` are read only where it was tuned on texts without labels, or on pairs, whose two texts the
    file does not tell apart. Raises RecordError where the shots' features are then not those of the file.
    """
    with opened(features) as arrays:
        texts, y, x = (arrays[f"{name}/train/{part}"] for part in ("text", "y", "x"))
    pool = dev = None
    train = Examples(tuple(texts.tolist()), y, ())
    if condition["tuning"]["by"] == DESCRIPTIONS or x.shape[1] > encoder.size.width:
        pool, _ = load_texts(source, root, "validation", validation_rows)
        train, dev = draw_shots(pool, condition["shots"], seed)
    tuner = ConditionTuner(encoder, condition, pool)
    shots = tuner.read(train)
    tuned = tuner.tune(seed, train, dev or train, shots)
    if not np.allclose(tuned.encoder.vectors(shots).numpy(), x, rtol=0, atol=CLOSE):
        raise RecordError(
            f"{features}: tuned again, the encoder does not see the shots as this file says: the data or the code have "
            "changed; remove the file and run `snakemake --cores 2` on the record first"
        )
    return tuner.whole(tuned)
