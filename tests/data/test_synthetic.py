"""The stand-ins: what they are made of, to the byte, and what single words or pixels tell of their classes."""

import hashlib

import numpy as np
import pytest

from hsokv.data.examples import Examples, deduplicate
from hsokv.data.synthetic import generate_mnli_synthetic, generate_split_cifar10_synthetic, generate_sst2_synthetic

GENERATORS = {
    "sst2": (generate_sst2_synthetic, 4000, 872, 2),
    "mnli": (generate_mnli_synthetic, 4500, 900, 3),
    "cifar10": (generate_split_cifar10_synthetic, 2000, 500, 10),
}
DIGESTS = {
    "sst2": "eef22c67984980e5052ce21d38a183f050a233625ac8d2ee28c79a69438555dc",
    "mnli": "edbee71737b6857d723abc883c50ab6c6fa8fcf912b29332ade6eb667ffae26d",
    "cifar10": "c6b85e91756d2a4fe8d959c3e63c71c558faddfaffbf6ce8c44ae0fad61d49fa",
}
names = pytest.mark.parametrize("name", GENERATORS)


@pytest.fixture(scope="module")
def generated():
    return {name: generate() for name, (generate, *_) in GENERATORS.items()}


def word_votes(train, test):
    """Share of test texts right when each word votes with its log-odds in train: what single words can tell."""
    classes, counts = len(train.names), {}
    for text, label in zip(train.inputs, train.labels, strict=True):
        for word in set(text.split()):
            counts.setdefault(word, np.ones(classes))[label] += 1
    votes = {word: np.log(count / count.sum()) for word, count in counts.items()}
    nothing = np.zeros(classes)
    scores = [sum((votes.get(word, nothing) for word in set(text.split())), nothing) for text in test.inputs]
    return np.mean(np.argmax(scores, axis=1) == test.labels)


def nearest_means(train, test, view):
    """Share of test images right by the nearest class mean of what `view` sees."""
    means = np.stack([view(train.inputs[train.labels == label]).mean(0) for label in range(10)])
    distances = ((view(test.inputs)[:, None] - means) ** 2).sum(2)
    return np.mean(distances.argmin(1) == test.labels)


@names
def test_classes_are_balanced_and_nothing_stands_twice(generated, name):
    (train, test), (_, size, test_size, classes) = generated[name], GENERATORS[name]
    assert len(set(train.names)) == classes
    assert np.bincount(train.labels).tolist() == [size // classes] * classes
    assert np.bincount(test.labels).tolist() == [test_size // classes] * classes
    assert set(deduplicate(train, test).dropped.values()) == {0}


@names
def test_the_default_examples_are_what_they_were(generated, name):
    train, test = generated[name]
    if train.are_images:
        content = b"".join(part.inputs.tobytes() + part.labels.tobytes() for part in (train, test))
    else:
        content = "\n".join(train.inputs + test.inputs).encode()
    assert hashlib.sha256(content).hexdigest() == DIGESTS[name]


@names
def test_another_seed_gives_other_examples(name):
    generate, *_, classes = GENERATORS[name]
    one, other = (generate(2 * classes, classes, seed=seed)[0] for seed in (1, 2))
    assert len(deduplicate(one, other).train) == len(one)


@pytest.mark.parametrize("name", ["sst2", "mnli"])
def test_fewer_texts_are_the_first_of_more(name):
    generate, *_, classes = GENERATORS[name]
    few, many = (generate(size, classes, seed=1)[0].inputs for size in (3 * classes, 6 * classes))
    assert few == many[: 3 * classes]


def test_single_words_of_a_review_tell_much_but_not_all(generated):
    assert 0.65 < word_votes(*generated["sst2"]) < 0.9


@pytest.mark.parametrize("column", [0, 1])
def test_one_sentence_of_a_pair_tells_next_to_nothing(generated, column):
    def only(part):
        return Examples(tuple(text.split("\t")[column] for text in part.inputs), part.labels, part.names)

    assert word_votes(*map(only, generated["mnli"])) < 0.45


def test_neither_colour_nor_single_pixels_tell_the_class_of_an_image(generated):
    assert nearest_means(*generated["cifar10"], lambda images: images.astype(float).mean((2, 3))) < 0.3
    assert nearest_means(*generated["cifar10"], lambda images: images.reshape(len(images), -1).astype(float)) < 0.4
