"""The features of few-shot tasks of images: shots drawn from the pool for every seed, one evaluation set for all."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hsokv.data.examples import Examples, draw_shots
from hsokv.data.images import originals
from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.study.encoders import describe_encoder
from hsokv.study.features import done, is_current, write_features, write_not_run
from hsokv.study.images import describe_data, encode_images, generator, load_images

SCALED_ON = 2000
"""Images of the pool, at most, by whose features all are standardised."""


class Encoding(NamedTuple):
    """How images become features.

    `features`: of examples, float32 [n, d], and the operations they took; `arrays`: what the file of every seed keeps
    of it; `told`: what provenance says of it.
    """

    features: Callable[[Examples], tuple[np.ndarray, int]]
    arrays: Mapping[str, np.ndarray]
    told: Mapping[str, Any]


def encode_shots(
    seeds: list[int],
    conditions: Mapping[str, Mapping[str, Any]],
    source: Mapping[str, Any],
    root: Path | None,
    num_patches: int,
    encoder: EncoderSource | None,
    split: str,
    development_images: int,
    manifests: tuple[Mapping[str, Any], ...],
    folder: Path,
    stamp: str,
    report: Callable[[str], None],
    device: str = "cpu",
) -> None:
    """Write evaluation.npz and the feature file of every seed that is not there yet.

    Images are encoded, on `device`, by `encoder` or, without one, by a dictionary of patches. `conditions`, by name,
    say how many `shots` to draw: the same images whatever encodes them. `manifests` tell what was found of the data
    and, second, of the encoder; where one was not, the files say `not run` and why.
    """
    paths = {"evaluation": folder / "evaluation.npz"} | {seed: folder / f"seed{seed}.npz" for seed in seeds}
    missing = [key for key, path in paths.items() if not is_current(path, stamp)]
    if not missing:
        return
    described = describe_data(manifests[0], split)
    if write_not_run(paths.values(), manifests, described, encoder, report):
        return
    import torch

    torch.set_num_threads(1)  # the last digits differ between thread counts
    pool, evaluation = load_images(source, root, split, development_images)
    encoding = _pretrained(encoder, device) if encoder else _dictionary(pool, num_patches, device)
    for key in missing:
        if key == "evaluation":
            parts, arrays = {"test": evaluation}, {}
        else:
            drawn = {name: draw_shots(pool, condition["shots"], key) for name, condition in conditions.items()}
            parts = {f"{name}/train": train for name, (train, _) in drawn.items()}
            parts |= {f"{name}/dev": dev for name, (_, dev) in drawn.items()}
            arrays = {"names": np.array(pool.names), **encoding.arrays}
        flops = 0
        for name, part in parts.items():
            arrays[f"{name}/x"], took = encoding.features(part)
            arrays[f"{name}/y"] = part.labels
            flops += took
        provenance = done(stamp, len(pool.names), True, described, {**encoding.told, "flops": flops})
        write_features(paths[key], provenance, arrays)
        report(f"{paths[key].stem}: {sum(len(part.labels) for part in parts.values())} images encoded")


def _dictionary(pool: Examples, num_patches: int, device: str) -> Encoding:
    """One dictionary of patches for all seeds, learnt without labels on the whole pool.

    Features are standard scores by the first images of the pool. It is learnt on the CPU, whatever the `device`.
    """
    import torch

    from hsokv.data.stream import scaling
    from hsokv.encoders.patches import PATCHES, STEPS, encoder_flops, learn_dictionary
    from hsokv.learning.budget import count_flops

    learnt_on = torch.from_numpy(pool.inputs)
    dictionary, training_flops = count_flops(learn_dictionary, learnt_on, num_patches, generator("patches of a pool"))
    first = encode_images(pool.inputs[:SCALED_ON], dictionary, device)
    mean, scale = (part.numpy() for part in scaling(torch.from_numpy(first)))

    def features(part: Examples) -> tuple[np.ndarray, int]:
        scores = (encode_images(part.inputs, dictionary, device) - mean) / scale
        return scores, encoder_flops(len(part.labels), dictionary)

    arrays = {f"dictionary/{name}": part.numpy() for name, part in dictionary._asdict().items()}
    told = {
        "name": "patch dictionary",
        "settings": {"num_patches": num_patches, "patches": PATCHES, "steps": STEPS, "scaled_on": len(first)},
        "training_flops": training_flops + encoder_flops(len(first), dictionary),
        **({} if device == "cpu" else {"device": device}),
    }
    return Encoding(features, arrays | {"scaling/mean": mean, "scaling/scale": scale}, told)


def _pretrained(encoder: EncoderSource, device: str) -> Encoding:
    """An encoder that comes with its weights: it sees images whole, and its unit vectors are the features."""
    from hsokv.encoders.images import load_image_encoder
    from hsokv.learning.budget import count_flops

    files = resolve_encoder(encoder)
    loaded = load_image_encoder(files, device)
    return Encoding(
        lambda part: count_flops(loaded.encode, originals(part)), arrays={}, told=describe_encoder(files, device)
    )
