"""The stand-ins: what they are made of, to the byte."""

import hashlib

import pytest

from hsokv.data.examples import deduplicate
from hsokv.data.synthetic import generate_mnli_synthetic, generate_split_cifar10_synthetic, generate_sst2_synthetic

generators = pytest.mark.parametrize(
    ("generate", "classes", "digest"),
    [
        (generate_sst2_synthetic, 2, "eef22c67984980e5052ce21d38a183f050a233625ac8d2ee28c79a69438555dc"),
        (generate_mnli_synthetic, 3, "edbee71737b6857d723abc883c50ab6c6fa8fcf912b29332ade6eb667ffae26d"),
        (generate_split_cifar10_synthetic, 10, "c6b85e91756d2a4fe8d959c3e63c71c558faddfaffbf6ce8c44ae0fad61d49fa"),
    ],
    ids=["sst2", "mnli", "cifar10"],
)


@generators
def test_the_default_examples_are_what_they_were_balanced_and_all_different(generate, classes, digest):
    train, test = generate()
    if train.are_images:
        content = b"".join(part.inputs.tobytes() + part.labels.tobytes() for part in (train, test))
    else:
        content = "\n".join(train.inputs + test.inputs).encode()
    assert hashlib.sha256(content).hexdigest() == digest
    assert [len({*part.counts().values()}) for part in (train, test)] == [1, 1]
    assert len(set(train.names)) == classes
    assert set(deduplicate(train, test).dropped.values()) == {0}


@generators
def test_another_seed_gives_other_examples_and_fewer_texts_are_the_first_of_more(generate, classes, digest):
    one, other, many = (generate(size * classes, classes, seed=seed)[0] for size, seed in ((2, 1), (2, 2), (4, 1)))
    assert len(deduplicate(one, other).train) == len(one)
    assert one.are_images or one.inputs == many.inputs[: len(one)]
