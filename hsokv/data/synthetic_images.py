"""split_cifar10_synthetic: generated images of the shape of CIFAR-10, ten classes of 32 x 32 colour pixels.

A stand-in: it shows that the machinery works where the real data cannot be had, under its own name, and decides no
criterion. A class is a direction and a width of waves, with a lean towards a colour:

    image = 128 + tint + waves(class) + waves(any class), smaller + noise

Every image has its own place, phase, contrast and colours; directions and widths spread around those of the class, and
a smaller piece of a class drawn at random lies about. So neither the mean colour nor single pixels tell the class.
"""

import numpy as np

from hsokv.data.images import SHAPE, LabelledImages, tidy
from hsokv.exceptions import ConfigurationError

DIRECTIONS = (0, 36, 72, 108, 144)  # degrees
WIDTHS = {"narrow": 4.5, "wide": 8.0}  # pixels from crest to crest
NAMES = tuple(f"{width} waves at {direction} degrees" for direction in DIRECTIONS for width in WIDTHS)
CLASSES = len(NAMES)
_DIRECTION_SPREAD, _WIDTH_SPREAD = 8.0, 0.1  # degrees; share of the width
_CONTRAST, _SIZE, _CLUTTER_SIZE = (50.0, 110.0), (6.0, 10.0), (2.5, 4.0)
_TINT, _TINT_LEAN, _LEAN, _NOISE = 25.0, 10.0, 0.5, 10.0


def generate_split_cifar10_synthetic(
    train: int = 2000, test: int = 500, seed: int = 0
) -> tuple[LabelledImages, LabelledImages]:
    """Generated (train, test) of that many images, as many of every class, in the order of their digests.

    A stand-in that shows that the machinery works and decides no criterion. The same arguments give the same images.
    Raises ConfigurationError where a size is no multiple of 10 or under 10.

    >>> train, test = generate_split_cifar10_synthetic(train=20, test=10)
    >>> train.images.shape, np.bincount(test.labels).tolist()
    ((20, 3, 32, 32), [1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    """
    for name, size in (("train", train), ("test", test)):
        if size < CLASSES or size % CLASSES:
            raise ConfigurationError(f"{name} images: wanted a multiple of {CLASSES}, came {size}")
    rng = np.random.default_rng(seed)
    labels = np.arange(train + test) % CLASSES
    leans = rng.normal(size=(CLASSES, 3))
    tint = _TINT_LEAN * leans[labels] + rng.normal(scale=_TINT, size=(len(labels), 3))
    image = 128 + tint[:, :, None, None] + _waves(labels, leans, _SIZE, rng)
    image += _waves(rng.integers(CLASSES, size=len(labels)), leans, _CLUTTER_SIZE, rng)
    image += rng.normal(scale=_NOISE, size=image.shape)
    images = LabelledImages(image.clip(0, 255).astype(np.uint8), labels, NAMES)
    return tidy(images.take(range(train)), images.take(range(train, train + test)))


def _waves(labels: np.ndarray, leans: np.ndarray, size: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """One piece of waves of each label, fading from its centre, float64 [n, 3, 32, 32]."""
    count = (len(labels), 1, 1)
    y, x = np.indices(SHAPE[1:])[:, None]
    direction, width = np.array(DIRECTIONS)[labels // len(WIDTHS)], np.array([*WIDTHS.values()])[labels % len(WIDTHS)]
    angle = np.deg2rad(direction.reshape(count) + rng.normal(scale=_DIRECTION_SPREAD, size=count))
    width = width.reshape(count) * np.exp(rng.normal(scale=_WIDTH_SPREAD, size=count))
    phase = rng.uniform(0, 2 * np.pi, size=count)
    waves = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / width + phase)
    top, left = rng.uniform(8, 24, size=(2, *count))
    fading = np.exp(-((y - top) ** 2 + (x - left) ** 2) / (2 * rng.uniform(*size, size=count) ** 2))
    colour = _LEAN * leans[labels] + rng.normal(size=(len(labels), 3))
    colour *= rng.uniform(*_CONTRAST, size=(len(labels), 1)) / np.linalg.norm(colour, axis=1, keepdims=True)
    return (waves * fading)[:, None] * colour[:, :, None, None]
