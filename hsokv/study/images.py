"""The features of streams of image classes: an order of classes for every seed, a dictionary learnt on its first."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hsokv.data.catalogue import DataSource
from hsokv.data.examples import Examples, development_split
from hsokv.exceptions import DataError
from hsokv.study.data_manifest import read_dataset
from hsokv.study.features import Made, Request, write_missing

if TYPE_CHECKING:
    import torch

    from hsokv.encoders.patches import PatchDictionary

AT_ONCE = 1000  # images whose features are held as they were computed
CUDA_BATCH = 256  # images that a GPU encodes at a time


def load_images(
    source: DataSource, root: Path | None, split: str, development_images: int
) -> tuple[Examples, Examples]:
    """(train, evaluation) of `source`, its name and, of own images, their `folder`; disjoint by pixels.

    Evaluation is the development set, carved out of the train images, or, where `split` is "test", the final
    test, beside all of train.
    """
    train, final, _ = read_dataset(source, root)
    return (train, final) if split == "test" else development_split(train, development_images)


def class_order(seed: int, classes: int) -> np.ndarray:
    """The label that arrives first, second, ..., int64 [classes], drawn by SHA-256 of the seed.

    >>> class_order(13, 10).tolist()
    [8, 0, 4, 9, 5, 7, 1, 3, 2, 6]
    """
    import torch

    return torch.randperm(classes, generator=generator(f"class order {seed}")).numpy()


def encode_stream(request: Request, tasks: int, num_patches: int, development_images: int) -> None:
    """Write the feature file of every seed that is not there yet, and images.npz for the arms that train the encoder.

    A seed's file holds train and test rows in file order, labels in order of arrival; images.npz holds train/x and
    test/x uint8 [n, 3072] in the same order of rows. A seed's dictionary is learnt on the train images of its first
    task, where the classes come in `tasks` tasks; with fewer tasks it is the same, learnt on a part of the first. It is
    learnt on the CPU, whatever the device that encodes: clustering would lead rounding to other centroids. Raises
    DataError where the tasks cannot share the classes out evenly.
    """

    def prepare() -> Callable[[int | str], Made]:
        import torch

        from hsokv.encoders.patches import PATCHES, STEPS, encoder_flops, learn_dictionary
        from hsokv.learning.budget import count_flops

        train, test = load_images(request.source, request.root, request.split, development_images)
        parts, classes = {"train": train, "test": test}, len(train.names)
        if classes % tasks:
            name = request.manifests[0]["name"]
            raise DataError(f"{name}: {tasks} tasks do not divide its {classes} classes evenly")
        first_classes = classes // tasks
        learnt_on = {"patches": PATCHES, "steps": STEPS, "first_classes": first_classes}

        def make(key: int | str) -> Made:
            if key == "images":
                pixels = {f"{name}/x": part.inputs.reshape(len(part), -1) for name, part in parts.items()}
                return Made(pixels, {}, 0, "pixels kept")
            order = class_order(key, classes)
            arrival = np.argsort(order)
            first = torch.from_numpy(train.inputs[arrival[train.labels] < first_classes])
            dictionary, training_flops = count_flops(learn_dictionary, first, num_patches, generator(f"patches {key}"))
            arrays = {"order": order, "names": np.array(train.names)[order]}
            arrays |= {f"dictionary/{name}": part.numpy() for name, part in dictionary._asdict().items()}
            for name, part in parts.items():
                arrays[f"{name}/x"] = encode_images(part.inputs, dictionary, request.device, np.float16)
                arrays[f"{name}/y"] = arrival[part.labels]
            encoder = {
                "name": "patch dictionary",
                "settings": {"num_patches": num_patches, **learnt_on},
                "training_flops": training_flops,
                "flops": encoder_flops(len(train) + len(test), dictionary),
                **({} if request.device == "cpu" else {"device": request.device}),
            }
            return Made(arrays, encoder, classes, f"a dictionary of {len(first)} images")

        return make

    write_missing(request, prepare, shared="images")


def encode_images(
    images: np.ndarray, dictionary: "PatchDictionary", device: str = "cpu", kept: type = np.float32
) -> np.ndarray:
    """Features of images uint8 [n, 3, 32, 32] by a dictionary of patches, [n, 4 K], computed in float32 on `device`."""
    import torch

    from hsokv.encoders.patches import BLOCK, PatchDictionary, encode

    dictionary = PatchDictionary(*(part.to(device) for part in dictionary))
    batch = BLOCK if device == "cpu" else CUDA_BATCH
    parts = torch.from_numpy(images).split(AT_ONCE)
    return np.concatenate([encode(part.to(device), dictionary, batch).cpu().numpy().astype(kept) for part in parts])


def generator(name: str) -> "torch.Generator":
    """Random numbers that follow from a name alone."""
    import torch

    return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big"))
