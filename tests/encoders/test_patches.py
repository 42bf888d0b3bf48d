"""The dictionary of patches: its equations by a loop in float64, its generator, its cost, and what it refuses."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hsokv.encoders.patches import DIM, PatchDictionary, encode, encoder_flops, features, learn_dictionary
from hsokv.exceptions import DataError
from hsokv.learning.budget import count_flops


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(count, seed=0):
    """Smooth noise, so that neighbouring pixels are alike as in photographs."""
    coarse = torch.rand(count, 3, 8, 8, generator=generator(seed))
    smooth = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear")
    return (255 * (0.8 * smooth + 0.2 * torch.rand(smooth.shape, generator=generator(seed + 1)))).to(torch.uint8)


def learn(centroids=16, steps=5, seed=0):
    return learn_dictionary(draw(20), centroids, generator(seed), patches=2000, steps=steps)


@pytest.fixture(scope="module")
def dictionary():
    return learn()


def patch_at(image, y, x):
    """Values of one patch, row by row, colours innermost, float64."""
    return image[:, y : y + 6, x : x + 6].transpose(1, 2, 0).reshape(-1).astype(float)


@pytest.fixture(scope="module")
def patches():
    """Those that a dictionary is learnt from, float64 [2000, 108]."""
    pixels, draws = draw(20).numpy(), generator()
    row, y, x = (torch.randint(size, (2000,), generator=draws) for size in (20, 27, 27))
    return np.stack([patch_at(pixels[i], a, b) for i, a, b in zip(row, y, x, strict=True)])


def whiten(patches, dictionary):
    whitening, offset, _ = (part.double().numpy() for part in dictionary)
    return patches @ whitening / np.sqrt(patches.var(-1, keepdims=True) + 10) - offset


def features_by_loop(image, dictionary):
    """What the module's equations say, patch by patch, in float64."""
    quadrants = {(low, right): [] for low in (False, True) for right in (False, True)}
    for y in range(27):
        for x in range(27):
            w = whiten(patch_at(image, y, x), dictionary)
            z = np.sqrt(((w - dictionary.centroids.double().numpy()) ** 2).sum(1))
            quadrants[y >= 14, x >= 14].append(np.maximum(0, z.mean() - z))
    return np.concatenate([np.mean(found, axis=0) for found in quadrants.values()])


def test_features_are_those_of_a_loop_over_patches_whatever_the_batch(dictionary):
    images = draw(3, seed=7)
    images[2] = 0  # no contrast at all
    expected = np.stack([features_by_loop(image, dictionary) for image in images.numpy()])
    assert expected.max() > 1
    for batch in (1, 2, 3):
        vectors = encode(images, dictionary, batch)
        assert (vectors.shape, vectors.dtype) == ((3, 64), torch.float32)
        np.testing.assert_allclose(vectors.numpy(), expected, atol=2e-4)


def test_whitened_patches_are_freed_of_brightness_and_contrast_and_white(patches):
    normal = (patches - patches.mean(1, keepdims=True)) / np.sqrt(patches.var(1, keepdims=True) + 10)
    values, vectors = np.linalg.eigh(np.cov(normal.T, bias=True))
    zca = (normal - normal.mean(0)) @ (vectors / np.sqrt(values + 0.1) @ vectors.T)
    learnt = learn(centroids=1, steps=0)
    np.testing.assert_allclose(whiten(patches, learnt), zca, atol=1e-3)
    np.testing.assert_allclose(learnt.centroids[0], zca[0], atol=1e-3)


def test_steps_bring_centroids_nearer_and_each_is_the_mean_of_its_patches(patches, dictionary):
    x, settled = whiten(patches, dictionary), learn(centroids=4, steps=100).centroids.numpy()
    owner = ((x[:, None] - settled) ** 2).sum(2).argmin(1)
    np.testing.assert_allclose(settled, np.stack([x[owner == k].mean(0) for k in range(4)]), atol=1e-3)
    centroids = [learn(steps=steps).centroids.numpy() for steps in (0, 1, 5)]
    errors = [((x[:, None] - part) ** 2).sum(2).min(1).mean() for part in centroids]
    assert errors[0] > errors[1] > errors[2]


def test_the_same_generator_gives_the_same_dictionary_and_leaves_the_global_one_alone(dictionary):
    before = torch.random.get_rng_state()
    assert all(map(torch.equal, dictionary, learn()))
    assert not torch.equal(dictionary.centroids, learn(seed=1).centroids)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_gradient_reaches_every_part_and_is_finite_where_a_patch_lies_on_a_centroid(dictionary):
    images = draw(2, seed=2)
    patch = torch.from_numpy(patch_at(images[0].numpy(), 0, 0)).float()
    on_it = patch @ dictionary.whitening * (patch.var(correction=0) + 10).rsqrt() - dictionary.offset
    for centroids in (dictionary.centroids, on_it.repeat(16, 1)):
        parts = [part.clone().requires_grad_() for part in dictionary._replace(centroids=centroids)]
        features(images, PatchDictionary(*parts)).square().sum().backward()
        assert all(torch.isfinite(part.grad).all() for part in parts)
        assert centroids is not dictionary.centroids or all((part.grad != 0).float().mean() > 0.99 for part in parts)


def test_operations_are_what_the_counters_count(dictionary):
    with FlopCounterMode(display=False) as counter:
        encode(draw(5), dictionary)
    assert encoder_flops(5, dictionary) == counter.get_total_flops()
    # k-means' products, the whitening of all patches, their covariance, an eigendecomposition, one centred product.
    n, steps, centroids = 500, 3, 8
    products = 2 * n * DIM * (steps * centroids + 2 * DIM) + 2 * DIM**2 * (DIM + 1)
    assert count_flops(learn_dictionary, draw(5), centroids, generator(), n, steps)[1] == products + 9 * DIM**3


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (2, 1, 32, 32), (2, 32, 32, 3), (3, 32, 32)])
def test_other_images_are_refused(shape, dictionary):
    images = torch.zeros(shape, dtype=torch.float if shape == (2, 3, 32, 32) else torch.uint8)
    for call in (lambda: encode(images, dictionary), lambda: learn_dictionary(images, 8, generator())):
        with pytest.raises(DataError, match=r"images: wanted uint8 \[n, 3, 32, 32\], came .*; resize them first"):
            call()


def test_all_is_computed_on_the_device_of_images_and_dictionary():
    """The meta device computes nothing, and refuses a tensor of another device as a GPU would."""
    dictionary = PatchDictionary(*(torch.empty(shape, device="meta") for shape in ((DIM, DIM), (DIM,), (6, DIM))))
    encoded = encode(torch.empty(5, 3, 32, 32, dtype=torch.uint8, device="meta"), dictionary)
    assert (encoded.device.type, encoded.shape) == ("meta", (5, 24))
