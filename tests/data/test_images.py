import numpy as np
import pytest

from hsokv.data.images import LabelledImages, development_split, draw_shots, tidy
from hsokv.exceptions import ConfigurationError, DataError

NAMES = ("a", "b")


def drawn(count, seed=0):
    """Images whose first pixels differ from one another, with labels in turns."""
    images = np.random.default_rng(seed).integers(256, size=(count, 3, 32, 32)).astype(np.uint8)
    return LabelledImages(images, np.arange(count) % 2, NAMES)


def same(one, other):
    return np.array_equal(one.images, other.images) and np.array_equal(one.labels, other.labels)


def test_a_reordered_copy_gives_the_same_images_in_the_same_order():
    train, test = drawn(20), drawn(6, seed=1)
    order = np.random.default_rng(2).permutation
    first, second = tidy(train, test), tidy(train.take(order(20)), test.take(order(6)))
    for one, other in zip(first, second, strict=True):
        assert same(one, other)
    for one, other in zip(development_split(first[0], 3), development_split(first[0].take(order(20)), 3), strict=True):
        assert same(one, other)


def test_train_keeps_no_image_twice_none_of_test_and_none_of_two_labels():
    examples = drawn(6)
    rows = [0, 0, 1, 2, 3, 3, 4]
    train = LabelledImages(examples.images[rows], np.array([0, 0, 1, 0, 0, 1, 0]), NAMES)
    kept, test = tidy(train, examples.take([4, 5, 5]))
    assert sorted(kept.images[:, 0, 0, 0].tolist()) == sorted(examples.images[[0, 1, 2], 0, 0, 0].tolist())
    assert len(test.labels) == 3


def test_the_development_set_is_as_large_as_asked_and_apart_from_the_others():
    train = tidy(drawn(40), drawn(2, seed=1))[0]
    others, development = development_split(train, 5)
    assert np.bincount(development.labels).tolist() == [5, 5]
    assert len(others.labels) == 30
    pixels = {image.tobytes() for image in others.images}
    assert not pixels & {image.tobytes() for image in development.images}
    assert len(pixels) == 30


def test_a_class_keeps_its_development_images_when_another_class_is_left_out():
    train = tidy(drawn(40), drawn(2, seed=1))[0]
    alone = LabelledImages(*train.take(np.flatnonzero(train.labels == 0))[:2], ("a",))
    development = development_split(train, 5)[1]
    assert np.array_equal(development_split(alone, 5)[1].images, development.images[development.labels == 0])


def test_a_development_set_that_leaves_too_little_is_refused():
    train = tidy(drawn(10), drawn(2, seed=1))[0]
    with pytest.raises(DataError, match=r"wanted 4 development images of every class .*has 5; ask for fewer"):
        development_split(train, 4)
    with pytest.raises(ConfigurationError, match="development images per class: wanted at least 1, came 0"):
        development_split(train, 0)


def test_shots_follow_from_pixels_and_seed_whatever_the_order_of_the_pool():
    pool = drawn(40)
    shuffled = pool.take(np.random.default_rng(2).permutation(40))
    parts = draw_shots(pool, 3, seed=13)
    assert all(same(one, other) for one, other in zip(parts, draw_shots(shuffled, 3, seed=13), strict=True))
    assert not same(parts[0], draw_shots(pool, 3, seed=14)[0])
    assert [part.labels.tolist() for part in parts] == [[0, 0, 0, 1, 1, 1]] * 2
    images = np.concatenate([part.images for part in parts])
    assert len(np.unique(images.reshape(12, -1), axis=0)) == 12


@pytest.mark.parametrize(
    ("shots", "error", "message"), [(0, ConfigurationError, "at least 1"), (11, DataError, "of a")]
)
def test_shots_that_a_pool_has_not_are_refused(shots, error, message):
    with pytest.raises(error, match=message):
        draw_shots(drawn(40), shots, seed=13)
