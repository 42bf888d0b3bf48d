"""The stand-ins: what they are made of, to the byte, and what single words or pixels tell of their classes."""

import hashlib

import numpy as np
import pytest

from hsokv.data.examples import Examples, deduplicate
from hsokv.data.synthetic import generate_mnli_synthetic, generate_split_cifar10_synthetic, generate_sst2_synthetic

GENERATORS = {
    "sst2": (generate_sst2_synthetic, 2, "eef22c67984980e5052ce21d38a183f050a233625ac8d2ee28c79a69438555dc"),
    "mnli": (generate_mnli_synthetic, 3, "edbee71737b6857d723abc883c50ab6c6fa8fcf912b29332ade6eb667ffae26d"),
    "cifar10": (
        generate_split_cifar10_synthetic,
        10,
        "c6b85e91756d2a4fe8d959c3e63c71c558faddfaffbf6ce8c44ae0fad61d49fa",
    ),
}
names = pytest.mark.parametrize("name", GENERATORS)


@pytest.fixture(scope="module")
def generated():
    return {name: generate() for name, (generate, *_) in GENERATORS.items()}


@names
def test_the_default_examples_are_what_they_were_balanced_and_all_different(generated, name):
    (train, test), (_, classes, digest) = generated[name], GENERATORS[name]
    if train.are_images:
        content = b"".join(part.inputs.tobytes() + part.labels.tobytes() for part in (train, test))
    else:
        content = "\n".join(train.inputs + test.inputs).encode()
    assert hashlib.sha256(content).hexdigest() == digest
    assert [len({*part.counts().values()}) for part in (train, test)] == [1, 1]
    assert len(set(train.names)) == classes
    assert set(deduplicate(train, test).dropped.values()) == {0}


@names
def test_another_seed_gives_other_examples_and_fewer_texts_are_the_first_of_more(name):
    generate, classes, _ = GENERATORS[name]
    one, other, many = (generate(size * classes, classes, seed=seed)[0] for size, seed in ((2, 1), (2, 2), (4, 1)))
    assert len(deduplicate(one, other).train) == len(one)
    assert one.are_images or one.inputs == many.inputs[: len(one)]


def share_of_votes(train, test):
    """Share of test texts right when each word votes with its log-odds in train: what single words can tell."""
    counts = {}
    for text, label in zip(train.inputs, train.labels, strict=True):
        for word in set(text.split()):
            counts.setdefault(word, np.ones(len(train.names)))[label] += 1
    votes = {word: np.log(count / count.sum()) for word, count in counts.items()}
    scores = [sum(votes.get(word, 0) for word in {*text.split()}) * np.ones(len(train.names)) for text in test.inputs]
    return np.mean(np.argmax(scores, axis=1) == test.labels)


def test_single_words_of_a_review_tell_much_but_not_all_and_one_sentence_of_a_pair_next_to_nothing(generated):
    def only(part, column):
        return Examples(tuple(text.split("\t")[column] for text in part.inputs), part.labels, part.names)

    assert 0.65 < share_of_votes(*generated["sst2"]) < 0.9
    for column in (0, 1):
        assert share_of_votes(*(only(part, column) for part in generated["mnli"])) < 0.45


@pytest.mark.parametrize(
    ("view", "share"),
    [(lambda images: images.mean((2, 3)), 0.3), (lambda images: images.reshape(len(images), -1), 0.4)],
    ids=["colour", "pixels"],
)
def test_neither_colour_nor_single_pixels_tell_the_class_of_an_image(generated, view, share):
    (seen, labels), (asked, truth) = ((view(part.inputs.astype(float)), part.labels) for part in generated["cifar10"])
    means = np.stack([seen[labels == label].mean(0) for label in range(10)])
    nearest = ((asked[:, None] - means) ** 2).sum(2).argmin(1)
    assert np.mean(nearest == truth) < share
