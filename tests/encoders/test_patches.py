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


@pytest.fixture(scope="module")
def dictionary():
    return learn_dictionary(draw(20), 16, generator(), patches=2000, steps=5)


def patch_at(image, y, x):
    """Values of one patch, row by row, colours innermost, float64."""
    return image[:, y : y + 6, x : x + 6].transpose(1, 2, 0).reshape(-1).astype(float)


def features_by_loop(image, dictionary):
    """What the module's equations say, patch by patch, in float64."""
    whitening, offset, centroids = (part.double().numpy() for part in dictionary)
    quadrants = {(low, right): [] for low in (False, True) for right in (False, True)}
    for y in range(27):
        for x in range(27):
            patch = patch_at(image, y, x)
            w = patch @ whitening / np.sqrt(patch.var() + 10) - offset
            z = np.sqrt(((w - centroids) ** 2).sum(1))
            quadrants[y >= 14, x >= 14].append(np.maximum(0, z.mean() - z))
    return np.concatenate([np.mean(found, axis=0) for found in quadrants.values()])


def test_features_are_those_of_a_loop_over_patches(dictionary):
    images = draw(3, seed=7)
    images[2] = 0  # no contrast at all
    expected = np.stack([features_by_loop(image, dictionary) for image in images.numpy()])
    found = encode(images, dictionary)
    assert (found.shape, found.dtype) == ((3, 64), torch.float32)
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-4)
    assert expected.max() > 1


def test_whitened_patches_are_normalised_and_white():
    """The dictionary's map against its definition: brightness and contrast out, then ZCA on the drawn patches."""
    images, draws = draw(20), generator()
    learnt = learn_dictionary(images, 1, generator(), patches=2000, steps=0)
    row, y, x = (torch.randint(size, (2000,), generator=draws) for size in (20, 27, 27))
    pixels = images.numpy()
    patches = np.stack([patch_at(pixels[i], a, b) for i, a, b in zip(row, y, x, strict=True)])
    normal = (patches - patches.mean(1, keepdims=True)) / np.sqrt(patches.var(1, keepdims=True) + 10)
    mean, covariance = normal.mean(0), np.cov(normal.T, bias=True)
    values, vectors = np.linalg.eigh(covariance)
    zca = vectors / np.sqrt(values + 0.1) @ vectors.T
    whitening, offset = learnt.whitening.double().numpy(), learnt.offset.double().numpy()
    found = patches @ whitening / np.sqrt(patches.var(1, keepdims=True) + 10) - offset
    np.testing.assert_allclose(found, (normal - mean) @ zca, atol=1e-3)
    np.testing.assert_allclose(learnt.centroids[0], found[0], atol=1e-3)


def test_steps_bring_centroids_nearer_and_each_is_the_mean_of_its_patches(dictionary):
    def whitened(dictionary):
        draws = generator()
        row, y, x = (torch.randint(size, (2000,), generator=draws) for size in (20, 27, 27))
        pixels = draw(20).numpy()
        patches = np.stack([patch_at(pixels[i], a, b) for i, a, b in zip(row, y, x, strict=True)])
        scale = np.sqrt(patches.var(1, keepdims=True) + 10)
        return patches @ dictionary.whitening.double().numpy() / scale - dictionary.offset.double().numpy()

    settled = learn_dictionary(draw(20), 4, generator(), patches=2000, steps=100)
    x, centroids = whitened(settled), settled.centroids.double().numpy()
    owner = ((x[:, None] - centroids) ** 2).sum(2).argmin(1)
    for k in range(4):
        np.testing.assert_allclose(centroids[k], x[owner == k].mean(0), atol=1e-3)
    errors = []
    for steps in (0, 1, 5):
        centroids = learn_dictionary(draw(20), 16, generator(), patches=2000, steps=steps).centroids.double().numpy()
        errors.append(((x[:, None] - centroids) ** 2).sum(2).min(1).mean())
    assert errors[0] > errors[1] > errors[2]


def test_brightness_and_contrast_hardly_matter(dictionary):
    images = draw(4, seed=3) // 2
    plain, brighter = encode(images, dictionary), encode(images + 60, dictionary)
    torch.testing.assert_close(brighter, plain, atol=1e-3, rtol=0)


def test_features_are_the_same_whatever_the_batch(dictionary):
    images = draw(7, seed=5)
    together = encode(images, dictionary, batch=7)
    torch.testing.assert_close(encode(images, dictionary, batch=1), together, atol=1e-5, rtol=0)
    torch.testing.assert_close(encode(images, dictionary), together, atol=1e-5, rtol=0)
    assert torch.equal(encode(images, dictionary), encode(images, dictionary))


def test_the_same_generator_gives_the_same_dictionary_and_leaves_the_global_one_alone(dictionary):
    before = torch.random.get_rng_state()
    again = learn_dictionary(draw(20), 16, generator(), patches=2000, steps=5)
    other = learn_dictionary(draw(20), 16, generator(1), patches=2000, steps=5)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(dictionary, again, strict=True))
    assert not torch.equal(dictionary.centroids, other.centroids)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_patch_on_a_centroid_keeps_everything_finite_and_its_gradient_too(dictionary):
    images = draw(1, seed=9)
    patch = torch.from_numpy(patch_at(images[0].numpy(), 0, 0)).float()
    scale = (patch.var(correction=0) + 10).rsqrt()
    on_it = (patch @ dictionary.whitening * scale - dictionary.offset).repeat(16, 1)
    parts = [part.clone().requires_grad_() for part in dictionary._replace(centroids=on_it)]
    found = features(images, PatchDictionary(*parts))
    found.square().sum().backward()
    assert torch.isfinite(found).all()
    assert all(torch.isfinite(part.grad).all() for part in parts)


def test_the_gradient_reaches_every_part_of_the_dictionary(dictionary):
    parts = [part.clone().requires_grad_() for part in dictionary]
    found = features(draw(2, seed=2), PatchDictionary(*parts))
    torch.testing.assert_close(found.detach(), encode(draw(2, seed=2), dictionary), atol=1e-5, rtol=0)
    found.square().sum().backward()
    for part in parts:
        assert part.grad.norm() > 0
        assert (part.grad != 0).float().mean() > 0.99


def test_the_formula_counts_what_the_counters_count(dictionary):
    images = draw(5)
    with FlopCounterMode(display=False) as counter:
        encode(images, dictionary)
    assert encoder_flops(5, dictionary) == counter.get_total_flops()
    assert encoder_flops(5, dictionary) == count_flops(encode, images, dictionary)[1]


def test_learning_can_be_counted():
    """k-means' products, the whitening of all patches, their covariance, an eigendecomposition, one centred product."""
    patches, steps, centroids, dim = 500, 3, 8, 108
    _, found = count_flops(learn_dictionary, draw(5), centroids, generator(), patches, steps)
    products = 2 * patches * dim * (steps * centroids + 2 * dim) + 2 * dim**2 * (dim + 1)
    assert found == products + 9 * dim**3


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 3, 32, 32),
        torch.zeros(2, 1, 32, 32, dtype=torch.uint8),
        torch.zeros(2, 32, 32, 3, dtype=torch.uint8),
        torch.zeros(3, 32, 32, dtype=torch.uint8),
    ],
)
def test_other_images_are_refused(images, dictionary):
    for call in (lambda: encode(images, dictionary), lambda: learn_dictionary(images, 8, generator())):
        with pytest.raises(DataError, match=r"images: wanted uint8 \[n, 3, 32, 32\], came .*; resize them first"):
            call()


@pytest.mark.parametrize(
    ("count", "centroids", "patches", "steps"), [(2, 0, 10, 1), (2, 11, 10, 1), (2, 4, 10, -1), (0, 4, 10, 1)]
)
def test_a_dictionary_that_cannot_be_is_refused(count, centroids, patches, steps):
    with pytest.raises(ValueError, match="wanted images, 1 or more centroids"):
        learn_dictionary(draw(2)[:count], centroids, generator(), patches, steps)


def test_all_is_computed_on_the_device_of_images_and_dictionary():
    """The meta device computes nothing, and refuses a tensor of another device as a GPU would."""
    shapes = ((DIM, DIM), (DIM,), (6, DIM))
    dictionary = PatchDictionary(*(torch.empty(shape, device="meta") for shape in shapes))
    encoded = encode(torch.empty(5, 3, 32, 32, dtype=torch.uint8, device="meta"), dictionary)
    assert (encoded.device.type, encoded.shape) == ("meta", (5, 24))
