"""The features of text conditions whose encoder is tuned for them: one encoder a seed, its top layers tuned on the
shots, or on texts without labels that descriptions of the labels guess (semi-supervised)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hsokv.data.examples import PAIR, Examples, draw_shots, draw_unlabelled
from hsokv.model.encoder_files import EncoderSource, resolve_encoder
from hsokv.study.conditions import DESCRIPTIONS
from hsokv.study.encoders import describe_encoder
from hsokv.study.features import done, is_current, write_features, write_not_run
from hsokv.study.text import arrays_of, describe, describe_data, load_texts

if TYPE_CHECKING:
    import torch

    from hsokv.model.encoder_layers import Layer, States
    from hsokv.model.text_encoder import TextEncoder


class Tuned(NamedTuple):
    """Tuned top layers, the operations that all of it took, and the share of guessed labels that was right, if any."""

    layers: "tuple[Layer, ...]"
    flops: int
    right: float | None = None


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
) -> None:
    """Write the feature file of every seed of one condition that is not there yet, with the test in each.

    `conditions` holds it by its name; what its `tuning` says is in docs/configuration.md. `manifests` tell what
    was found of the data and of the encoder; where one was not, the files say `not run` and why. On the CPU.
    """
    ((name, condition),) = conditions.items()
    paths = {seed: folder / f"seed{seed}.npz" for seed in seeds}
    missing = [seed for seed, path in paths.items() if not is_current(path, stamp)]
    if not missing:
        return
    described = describe_data(manifests[0], source, split, encoder.name)
    if write_not_run(paths.values(), manifests, described, encoder, report):
        return
    import torch

    from hsokv.model.encoder_layers import read_layers, vectors
    from hsokv.model.text_encoder import LAYERS, encoder_flops, load_text_encoder

    torch.set_num_threads(1)  # the last digits differ between thread counts
    files = resolve_encoder(encoder)
    loaded = load_text_encoder(files)
    pool, evaluation = load_texts(source, root, split, development_rows)
    classes, tuning = len(pool.names), condition["tuning"]
    frozen = LAYERS - tuning["layers"]
    top, read = read_layers(loaded)[frozen:], partial(read_examples, loaded, layers=frozen)
    test = read(evaluation.inputs)
    for seed in missing:
        train, dev = draw_shots(pool, condition["shots"], seed)
        shots, generator = read(train.inputs), torch.Generator().manual_seed(seed)
        if tuning["by"] == DESCRIPTIONS:
            unlabelled = draw_unlabelled(pool, tuning["unlabelled"], seed, {*train.inputs, *dev.inputs})
            tuned = tune_on_guesses(top, read, unlabelled, tuning, generator, loaded)
        else:
            tuned = tune_on_shots(top, shots, torch.from_numpy(train.labels), classes, tuning, generator)
        parts = {f"{name}/train": train, f"{name}/dev": dev, "test": evaluation}
        x = [vectors(tuned.layers, states).numpy() for states in (shots, read(dev.inputs), test)]
        texts = [text for part in parts.values() for example in part.inputs for text in example.split(PAIR)]
        spent = describe_encoder(files) | {"flops": encoder_flops(loaded.lengths(texts)), "tuning_flops": tuned.flops}
        spent |= {"guesses_right": tuned.right} if tuned.right is not None else {}
        write_features(paths[seed], done(stamp, classes, True, described, spent), arrays_of(parts, x))
        report(f"seed{seed}: {tuned.flops:.3g} FLOPs to tune {len(tuned.layers)} layers, {len(texts)} texts encoded")


def read_examples(encoder: "TextEncoder", examples: Sequence[str], layers: int) -> "States":
    """The token states of examples after the lowest `layers` layers: of texts, or of pairs with a PAIR between."""
    from hsokv.model.encoder_layers import read_states

    rows = [example.split(PAIR) for example in examples]
    return read_states(encoder, [text for row in rows for text in row], layers)._replace(columns=len(rows[0]))


def tune_on_shots(
    top: "tuple[Layer, ...]",
    shots: "States",
    labels: "torch.Tensor",
    classes: int,
    tuning: Mapping[str, Any],
    generator: "torch.Generator",
) -> Tuned:
    """Tune on the shots, given by their states below the tuned layers `top`: by contrast or by cross-entropy."""
    from hsokv.model.encoder_tuning import fine_tune, tune

    if tuning["by"] == "contrast":
        found = tune(top, shots, labels, _settings(tuning), generator)
    else:
        found = fine_tune(top, shots, labels, classes, _settings(tuning), generator)
    return Tuned(found.layers, found.flops)


def tune_on_guesses(
    top: "tuple[Layer, ...]",
    read: "Callable[[tuple[str, ...]], States]",
    unlabelled: Examples,
    tuning: Mapping[str, Any],
    generator: "torch.Generator",
    encoder: "TextEncoder",
) -> Tuned:
    """Descriptions and texts are read below the tuned layers; by these states the surest texts are labelled."""
    import torch

    from hsokv.model.encoder_layers import take, vectors
    from hsokv.model.encoder_tuning import pseudo_labels, tune
    from hsokv.model.text_encoder import LAYERS, encoder_flops

    described = describe(**tuning["descriptions"])
    states = read(unlabelled.inputs)
    below = partial(vectors, ())
    labels = torch.from_numpy(described.labels)
    rows, guessed = pseudo_labels(below(read(described.inputs)), labels, below(states), tuning["pseudo_label_fraction"])
    found = tune(top, take(states, rows), guessed, _settings(tuning), generator)
    reading = encoder_flops(encoder.lengths(described.inputs + unlabelled.inputs)) * (LAYERS - len(top)) // LAYERS
    right = float((torch.from_numpy(unlabelled.labels)[rows] == guessed).double().mean())
    return Tuned(found.layers, found.flops + reading, right)


def _settings(tuning: Mapping[str, Any]) -> Any:
    from hsokv.model.encoder_tuning import TuningSettings

    return TuningSettings(*(tuning[name] for name in TuningSettings._fields))
