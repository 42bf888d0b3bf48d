"""Features of small images from a dictionary of patches that is learnt without labels (Coates and Ng 2011, 2012).

Every 6 x 6 patch p of a 32 x 32 colour image, d = 108 values in 0..255, is freed of its brightness and contrast and
whitened; features say how much nearer than the mean each of K centroids c_k is, averaged over the image's quadrants:

    x = (p - mean(p)) / sqrt(var(p) + 10),   w = ZCA(x)        ZCA(x) = (x - m) U (L + 0.1)^-1/2 U',  U L U' = cov(x)
    z_k = |w - c_k|,                         f_k = max(0, mean(z) - z_k)

Pure functions of tensors, differentiable in the dictionary; matrix products do nearly all the work, so their operations
can be counted. On one thread the same arguments give the same bytes.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from hsokv.exceptions import DataError

SIDE, CHANNELS, PATCH = 32, 3, 6
DIM = CHANNELS * PATCH**2
PLACES = SIDE - PATCH + 1  # of a patch, along each side of an image
HALVES = ((0, (PLACES + 1) // 2), ((PLACES + 1) // 2, PLACES))  # of the places, from and up to
CONTRAST, WHITENING = 10.0, 0.1  # what is added to variances before they divide
CENTROIDS, PATCHES, STEPS = 512, 50_000, 20
BLOCK = 2  # images at a time: the distances of a quadrant then stay in a processor's second-level cache
CHUNK = 4096  # patches at a time, in clustering
ROUNDING = 1e-5  # added to squared norms, relatively: more than 110 products round off, so no distance is negative


class PatchDictionary(NamedTuple):
    """`whitening` [108, 108], `offset` [108] and `centroids` [K, 108]: w = p @ whitening / sqrt(var(p) + 10) - offset.

    A patch p is flattened row by row, its three colours innermost.
    """

    whitening: Tensor
    offset: Tensor
    centroids: Tensor


def learn_dictionary(
    images: Tensor,
    centroids: int,
    generator: torch.Generator,
    patches: int = PATCHES,
    steps: int = STEPS,
) -> PatchDictionary:
    """Learn a dictionary from random patches of `images` uint8 [n, 3, 32, 32]: ZCA, then k-means (Lloyd 1982).

    The first centroids are the first patches drawn; one without patches of its own stays where it is.

    Args:
        images: the only ones that are looked at; labels are not.
        centroids: K, 1 or more.
        generator: drawn from for the patches.
        patches: how many, with replacement, at least K.
        steps: of k-means, 0 or more.

    Raises:
        DataError: images of another shape or type.

    >>> images = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    >>> learn_dictionary(images, 8, torch.Generator().manual_seed(0), patches=500, steps=3).centroids.shape
    torch.Size([8, 108])
    """
    check_images(images)
    row, y, x = (torch.randint(size, (patches,), generator=generator) for size in (len(images), PLACES, PLACES))
    drawn = _windows(images)[row, y, x].reshape(patches, DIM).float()
    flat = drawn - drawn.mean(1, keepdim=True)
    scaled = flat * _contrast(drawn)
    mean = scaled.mean(0)
    values, vectors = torch.linalg.eigh((scaled - mean).mT @ (scaled - mean) / patches)
    zca = (vectors * (values.clamp_min(0) + WHITENING).rsqrt()) @ vectors.mT
    whitening, offset = zca - zca.mean(0), (mean[None] @ zca)[0]
    return PatchDictionary(whitening, offset, _cluster(_whiten(drawn, whitening, offset), centroids, steps))


def features(images: Tensor, dictionary: PatchDictionary, stride: int = 1) -> Tensor:
    """f of every quadrant, side by side: images [n, 3, 32, 32], any real type, -> [n, 4 K].

    With a `stride` of s only every s-th place counts, in both directions.

    Quadrants follow row by row and are 14 or 13 places of a patch high and wide. Every intermediate result of all n
    images is held at once: `encode` takes a few at a time.
    """
    centroids = dictionary.centroids
    squares = centroids.square().sum(1)
    # |w - c|^2 as one product: [w, |w|^2, 1] [-2 c, 1, |c|^2]'
    right = torch.cat([-2 * centroids, torch.ones_like(squares)[:, None], squares[:, None] * (1 + ROUNDING)], 1).mT
    windows = _windows(images)
    pooled = []
    for top, bottom in HALVES:
        for first, last in HALVES:
            patches = windows[:, top:bottom:stride, first:last:stride].reshape(-1, DIM).to(centroids.dtype)
            w = _whiten(patches, dictionary.whitening, dictionary.offset)
            norm = w.square().sum(1, keepdim=True) * (1 + ROUNDING)
            z = (torch.cat([w, norm, torch.ones_like(norm)], 1) @ right).sqrt()
            mean = z.mean(1, keepdim=True)
            # The mean of max(0, mean - z), one pass over all distances less.
            nearest = torch.minimum(z, mean).unflatten(0, (len(images), -1)).mean(1)
            pooled.append(mean.unflatten(0, (len(images), -1)).mean(1) - nearest)
    return torch.cat(pooled, 1)


@torch.no_grad()
def encode(images: Tensor, dictionary: PatchDictionary, batch: int = BLOCK) -> Tensor:
    """`features` of uint8 images [n, 3, 32, 32], float32 [n, 4 K], without gradients, `batch` images at a time.

    Raises DataError for images of another shape or type.
    """
    check_images(images)
    return torch.cat([features(part, dictionary) for part in images.split(batch)])


def encoder_flops(images: int, dictionary: PatchDictionary) -> int:
    """Operations to encode so many images; multiply and add count two.

    n 27^2 (2 d^2 + 2 (d + 2) K): the two matrix products, which is what torch.utils.flop_counter counts.

    >>> encoder_flops(1, PatchDictionary(torch.eye(108), torch.zeros(108), torch.zeros(512, 108)))
    99120672
    """
    return images * PLACES**2 * 2 * (DIM**2 + (DIM + 2) * len(dictionary.centroids))


def _windows(images: Tensor) -> Tensor:
    """Views of the patches [n, 27, 27, 6, 18], by place; colours innermost, so that runs of 18 are copied at once."""
    rows = images.permute(0, 2, 3, 1).reshape(len(images), SIDE, SIDE * CHANNELS)
    return rows.unfold(1, PATCH, 1).unfold(2, PATCH * CHANNELS, CHANNELS)


def _contrast(patches: Tensor) -> Tensor:
    # Of whole numbers up to 255, so that the difference loses nothing that counts beside 10, in a sixth of var's time.
    variance = patches.square().mean(1, keepdim=True) - patches.mean(1, keepdim=True).square()
    return (variance + CONTRAST).rsqrt()


def _whiten(patches: Tensor, whitening: Tensor, offset: Tensor) -> Tensor:
    return patches @ whitening * _contrast(patches) - offset


def _cluster(x: Tensor, centroids: int, steps: int) -> Tensor:
    """Lloyd's k-means of `x` [n, d]: centroids [K, d]."""
    centres = x[:centroids].clone()
    for _ in range(steps):
        half = centres.square().sum(1) / 2
        owner = torch.cat([(part @ centres.mT - half).argmax(1) for part in x.split(CHUNK)])
        count = torch.zeros(centroids).scatter_add(0, owner, torch.ones(len(x)))
        total = torch.zeros_like(centres).scatter_add(0, owner[:, None].expand_as(x), x)
        centres = torch.where(count[:, None] > 0, total / count[:, None].clamp_min(1), centres)
    return centres


def check_images(images: Tensor) -> None:
    """Raise DataError for anything but uint8 [n, 3, 32, 32]."""
    if images.dtype != torch.uint8 or images.shape[1:] != (CHANNELS, SIDE, SIDE):
        raise DataError(
            f"images: wanted uint8 [n, {CHANNELS}, {SIDE}, {SIDE}], came {images.dtype} {list(images.shape)}; "
            "resize them first"
        )
