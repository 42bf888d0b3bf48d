import hashlib

import numpy as np
import pytest
from hsokv.data.glue import development_split, draw_shots
from hsokv.data.synthetic_text import generate_sst2_synthetic

from hsokv.exceptions import ConfigurationError


def word_vote_accuracy(train, test):
    """Share of test texts right when each word votes with its log-odds in train: what single words can tell."""
    counts = {}
    for text, label in zip(train.texts, train.labels, strict=True):
        for word in text.split():
            counts.setdefault(word, [1, 1])[label] += 1
    votes = {word: np.log(praise / blame) for word, (blame, praise) in counts.items()}
    scores = [sum(votes.get(word, 0) for word in text.split()) for text in test.texts]
    return np.mean((np.array(scores) > 0) == test.labels)


@pytest.fixture(scope="module")
def generated():
    return generate_sst2_synthetic()


def test_it_has_the_shape_of_sst2_with_balanced_labels_and_no_text_twice(generated):
    train, test = generated
    assert (len(train), len(test)) == (4000, 872)
    assert train.labels.dtype == np.int64
    assert (train.labels.mean(), test.labels.mean()) == (0.5, 0.5)
    assert len(set(train.texts) | set(test.texts)) == 4872


def test_the_default_texts_are_what_they_were(generated):
    content = "\n".join(generated[0].texts + generated[1].texts).encode()
    assert hashlib.sha256(content).hexdigest() == "eef22c67984980e5052ce21d38a183f050a233625ac8d2ee28c79a69438555dc"


def test_another_seed_gives_other_texts_and_a_smaller_size_the_first_ones():
    few, many = generate_sst2_synthetic(10, 2, seed=1)[0], generate_sst2_synthetic(20, 2, seed=1)[0]
    assert few.texts == many.texts[:10]
    assert few.texts != generate_sst2_synthetic(10, 2, seed=2)[0].texts


def test_single_words_tell_much_but_not_all(generated):
    assert 0.65 < word_vote_accuracy(*generated) < 0.9


def test_shots_can_be_drawn_as_from_the_real_data(generated):
    pool, development = development_split(generated[0], rows_per_class=500)
    train, dev = draw_shots(pool, 16, 13, 2)
    assert (len(train), len(dev), len(development)) == (32, 32, 1000)


@pytest.mark.parametrize(("train", "test"), [(3, 2), (0, 2), (2, 5)])
def test_sizes_that_cannot_be_balanced_are_refused(train, test):
    with pytest.raises(ConfigurationError, match="wanted an even number of at least 2"):
        generate_sst2_synthetic(train, test)
