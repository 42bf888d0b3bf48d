import hashlib

import numpy as np
import pytest
from hsokv.data.synthetic_images import generate_split_cifar10_synthetic

from hsokv.data.images import development_split
from hsokv.exceptions import ConfigurationError


@pytest.fixture(scope="module")
def generated():
    return generate_split_cifar10_synthetic()


def nearest_mean_accuracy(train, test, view):
    """Share of test images right by the nearest class mean of what `view` sees."""
    means = np.stack([view(train.images[train.labels == label]).mean(0) for label in range(10)])
    distances = ((view(test.images)[:, None] - means) ** 2).sum(2)
    return np.mean(distances.argmin(1) == test.labels)


def test_it_has_the_shape_of_cifar10_with_balanced_classes_and_no_image_twice(generated):
    train, test = generated
    assert (train.images.shape, test.images.shape) == ((2000, 3, 32, 32), (500, 3, 32, 32))
    assert (train.images.dtype, train.labels.dtype) == (np.uint8, np.int64)
    assert np.bincount(train.labels).tolist() == [200] * 10
    assert np.bincount(test.labels).tolist() == [50] * 10
    assert len({image.tobytes() for image in (*train.images, *test.images)}) == 2500
    assert len(set(train.names)) == 10


def test_the_default_images_are_what_they_were(generated):
    content = b"".join(part.images.tobytes() + part.labels.tobytes() for part in generated)
    assert hashlib.sha256(content).hexdigest() == "c6b85e91756d2a4fe8d959c3e63c71c558faddfaffbf6ce8c44ae0fad61d49fa"


def test_another_seed_gives_other_images():
    one, other = (generate_split_cifar10_synthetic(20, 10, seed)[0].images for seed in (1, 2))
    assert not {image.tobytes() for image in one} & {image.tobytes() for image in other}


def test_neither_colour_nor_single_pixels_tell_the_class(generated):
    assert nearest_mean_accuracy(*generated, lambda images: images.astype(float).mean((2, 3))) < 0.3
    assert nearest_mean_accuracy(*generated, lambda images: images.reshape(len(images), -1).astype(float)) < 0.4


def test_a_development_set_can_be_carved_out(generated):
    others, development = development_split(generated[0], 100)
    assert (len(others.labels), len(development.labels)) == (1000, 1000)


@pytest.mark.parametrize(("train", "test"), [(15, 10), (0, 10), (20, 5)])
def test_sizes_that_cannot_be_balanced_are_refused(train, test):
    with pytest.raises(ConfigurationError, match="wanted a multiple of 10"):
        generate_split_cifar10_synthetic(train, test)
