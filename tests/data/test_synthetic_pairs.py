import hashlib

import numpy as np
import pytest
from hsokv.data.glue import development_split, draw_shots
from hsokv.data.synthetic_pairs import generate_mnli_synthetic

from hsokv.exceptions import ConfigurationError


@pytest.fixture(scope="module")
def generated():
    return generate_mnli_synthetic()


def word_vote_accuracy(train, test):
    """Share of test texts right when each word votes with its log-odds in train: what single words can tell."""
    counts = {}
    for text, label in zip(train.texts, train.labels, strict=True):
        for word in set(text.split()):
            counts.setdefault(word, np.ones(3))[label] += 1
    votes = {word: np.log(count / count.sum()) for word, count in counts.items()}
    unknown = np.zeros(3)
    scores = [sum((votes.get(word, unknown) for word in set(text.split())), unknown) for text in test.texts]
    return np.mean(np.argmax(scores, axis=1) == test.labels)


def only(examples, place):
    return type(examples)(tuple(text.split("\t")[place] for text in examples.texts), examples.labels)


def test_it_has_pairs_with_balanced_classes_and_no_pair_twice(generated):
    train, test = generated
    assert (len(train), len(test)) == (4500, 900)
    assert train.labels.dtype == np.int64
    assert np.bincount(train.labels).tolist() == [1500] * 3
    assert np.bincount(test.labels).tolist() == [300] * 3
    assert len(set(train.texts) | set(test.texts)) == 5400
    assert all(text.count("\t") == 1 for text in train.texts + test.texts)


def test_the_default_pairs_are_what_they_were(generated):
    content = "\n".join(generated[0].texts + generated[1].texts).encode()
    assert hashlib.sha256(content).hexdigest() == "edbee71737b6857d723abc883c50ab6c6fa8fcf912b29332ade6eb667ffae26d"


def test_another_seed_gives_other_pairs_and_a_smaller_size_the_first_ones():
    few, many = generate_mnli_synthetic(9, 3, seed=1)[0], generate_mnli_synthetic(18, 3, seed=1)[0]
    assert few.texts == many.texts[:9]
    assert few.texts != generate_mnli_synthetic(9, 3, seed=2)[0].texts


@pytest.mark.parametrize("place", [0, 1])
def test_one_sentence_of_a_pair_tells_next_to_nothing(generated, place):
    assert word_vote_accuracy(*(only(part, place) for part in generated)) < 0.45


def test_shots_can_be_drawn_as_from_the_real_data(generated):
    pool, development = development_split(generated[0], rows_per_class=500)
    train, dev = draw_shots(pool, 32, 13, 3)
    assert (len(train), len(dev), len(development)) == (96, 96, 1500)


@pytest.mark.parametrize(("train", "test"), [(4, 3), (0, 3), (3, 5)])
def test_sizes_that_cannot_be_balanced_are_refused(train, test):
    with pytest.raises(ConfigurationError, match="wanted a multiple of 3"):
        generate_mnli_synthetic(train, test)
