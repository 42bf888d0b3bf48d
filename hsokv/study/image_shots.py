"""The features of few-shot tasks of images."""

from collections.abc import Sequence

import numpy as np

from hsokv.data.examples import Examples
from hsokv.data.images import originals
from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.study.encoders import describe_encoder
from hsokv.study.features import Request
from hsokv.study.images import encode_images, generator, load_images
from hsokv.study.shots import Encoding, write_shots

SCALED_ON = 2000
"""Images of the pool, at most, by whose features all are standardised."""


def encode_shots(request: Request, num_patches: int, validation_images: int) -> None:
    """Write evaluation.npz and the feature file of every seed that is not there yet.

    Images are encoded by the request's encoder or, without one, by a dictionary of patches.
    """

    def prepare() -> tuple[Examples, Examples, Encoding]:
        pool, evaluation = load_images(request.source, request.root, request.split, validation_images)
        encoder, device = request.encoder, request.device
        encoding = _pretrained(encoder, device) if encoder else _dictionary(pool, num_patches, device)
        return pool, evaluation, encoding._replace(arrays={"names": np.array(pool.names), **encoding.arrays})

    write_shots(request, prepare)


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

    def features(parts: Sequence[Examples]) -> tuple[Sequence[np.ndarray], int]:
        scores = [(encode_images(part.inputs, dictionary, device) - mean) / scale for part in parts]
        return scores, encoder_flops(sum(map(len, scores)), dictionary)

    arrays = {f"dictionary/{name}": part.numpy() for name, part in dictionary._asdict().items()}
    told = {
        "name": "patch dictionary",
        "settings": {"num_patches": num_patches, "patches": PATCHES, "steps": STEPS, "scaled_on": len(first)},
        "training_flops": training_flops + encoder_flops(len(first), dictionary),
        **({} if device == "cpu" else {"device": device}),
    }
    return Encoding(features, told, arrays | {"scaling/mean": mean, "scaling/scale": scale})


def _pretrained(encoder: EncoderSource, device: str) -> Encoding:
    """An encoder that comes with its weights: it sees images whole, and its unit vectors are the features."""
    from hsokv.encoders.images import load_image_encoder
    from hsokv.learning.budget import count_flops

    files = resolve_encoder(encoder)
    loaded = load_image_encoder(files, device)

    def features(parts: Sequence[Examples]) -> tuple[Sequence[np.ndarray], int]:
        return count_flops(lambda: [loaded.encode(originals(part)) for part in parts])

    return Encoding(features, describe_encoder(files, device))
