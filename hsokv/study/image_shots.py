"""The features of few-shot tasks of images: shots drawn from the pool for every seed, one evaluation set for all."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hsokv.data.images import draw_shots
from hsokv.study.features import done, is_current, not_run, write_features
from hsokv.study.images import describe_data, encode_images, generator, load_images

SCALED_ON = 2000
"""Images of the pool, at most, by whose features all are standardised."""


def encode_shots(
    seeds: list[int],
    conditions: Mapping[str, Mapping[str, Any]],
    source: Mapping[str, Any],
    root: Path | None,
    centroids: int,
    evaluate_on: str,
    development_images: int,
    data: Mapping[str, Any],
    folder: Path,
    stamp: str,
    report: Callable[[str], None],
    device: str = "cpu",
) -> None:
    """Write evaluation.npz and the feature file of every seed that is not there yet.

    One dictionary of patches for all of them, learnt without labels on the whole pool; features are standard scores by
    the first images of the pool. `conditions`, by name, say how many `shots` to draw. `data` tells what was found of
    the data; where they were not, the files say `not run` and why. The dictionary is learnt on the CPU, whatever the
    `device` that encodes.
    """
    paths = {"evaluation": folder / "evaluation.npz"} | {seed: folder / f"seed{seed}.npz" for seed in seeds}
    missing = [key for key, path in paths.items() if not is_current(path, stamp)]
    if not missing:
        return
    described = describe_data(data, evaluate_on)
    if data["reason"]:
        for path in paths.values():
            write_features(path, not_run(data["reason"], described), {})
        report(f"not run: {data['reason']}")
        return
    import torch

    from hsokv.data.stream import scaling
    from hsokv.model.patch_encoder import PATCHES, STEPS, encoder_flops, learn_dictionary
    from hsokv.training.budget import count_flops

    torch.set_num_threads(1)  # the last digits differ between thread counts
    pool, evaluation = load_images(source, root, evaluate_on, development_images)
    learnt_on = torch.from_numpy(pool.images)
    dictionary, training_flops = count_flops(learn_dictionary, learnt_on, centroids, generator("patches of a pool"))
    first = encode_images(pool.images[:SCALED_ON], dictionary, device)
    mean, scale = (part.numpy() for part in scaling(torch.from_numpy(first)))
    kept = {f"dictionary/{name}": part.numpy() for name, part in dictionary._asdict().items()}
    kept |= {"names": np.array(pool.names), "scaling/mean": mean, "scaling/scale": scale}
    encoder = {
        "name": "patch dictionary",
        "settings": {"centroids": centroids, "patches": PATCHES, "steps": STEPS, "scaled_on": len(first)},
        "training_flops": training_flops + encoder_flops(len(first), dictionary),
        **({} if device == "cpu" else {"device": device}),
    }
    for key in missing:
        if key == "evaluation":
            parts, arrays = {"test": evaluation}, {}
        else:
            drawn = {name: draw_shots(pool, condition["shots"], key) for name, condition in conditions.items()}
            parts = {f"{name}/train": train for name, (train, _) in drawn.items()}
            parts |= {f"{name}/dev": dev for name, (_, dev) in drawn.items()}
            arrays = dict(kept)
        for name, part in parts.items():
            arrays[f"{name}/x"] = (encode_images(part.images, dictionary, device) - mean) / scale
            arrays[f"{name}/y"] = part.labels
        images = sum(len(part.labels) for part in parts.values())
        spent = encoder | {"flops": encoder_flops(images, dictionary)}
        write_features(paths[key], done(stamp, len(pool.names), True, described, spent), arrays)
        report(f"{paths[key].stem}: {images} images encoded")
