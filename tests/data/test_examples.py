"""Laws of de-duplication, development splits and draws, for texts and for images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsokv.data.examples import (
    SHAPE,
    Examples,
    canonical,
    check_names,
    deduplicate,
    development_split,
    draw_shots,
    draw_unlabelled,
)
from hsokv.exceptions import DataError

NAMES = ("a", "b", "c")


def texts_of(size, classes=3):
    return Examples(tuple(f"text {i}" for i in range(size)), np.arange(size) % classes, NAMES[:classes])


def images_of(size, classes=3):
    images = np.random.default_rng(0).integers(256, size=(size, *SHAPE)).astype(np.uint8)
    return Examples(images, np.arange(size) % classes, NAMES[:classes])


def labelled(examples):
    """The examples as a list of (content, label), in their order."""
    contents = [one.tobytes() for one in examples.inputs] if examples.are_images else examples.inputs
    return list(zip(contents, examples.labels.tolist(), strict=True))


both = pytest.mark.parametrize("make", [texts_of, images_of])


@both
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), shots=st.integers(1, 5), shuffle=st.integers(0, 2**32 - 1))
def test_draws_do_not_depend_on_the_order_of_the_data_and_are_disjoint(make, seed, shots, shuffle):
    examples = make(60)
    shuffled = examples.take(np.random.default_rng(shuffle).permutation(60))
    parts, again = development_split(examples, 4), development_split(shuffled, 4)
    parts, again = (*parts, *draw_shots(parts[0], shots, seed)), (*again, *draw_shots(again[0], shots, seed))
    assert list(map(labelled, parts)) == list(map(labelled, again))
    pool, development, train, dev = map(labelled, parts)
    assert sorted(pool + development) == sorted(labelled(examples))
    assert len({*train, *dev, *development}) == 6 * shots + 12
    assert {*train, *dev} <= set(pool)
    for part, count in ((parts[1], 4), (parts[2], shots), (parts[3], shots)):
        assert np.bincount(part.labels).tolist() == [count] * 3


@both
def test_seeds_draw_different_shots_and_fewer_shots_are_the_first_of_more(make):
    pool = make(200, classes=2)
    many = labelled(draw_shots(pool, 16, 13)[0])
    assert many != labelled(draw_shots(pool, 16, 21)[0])
    assert labelled(draw_shots(pool, 1, 13)[0]) == [many[0], many[16]]


@both
def test_a_class_keeps_its_development_examples_when_another_class_is_left_out(make):
    examples = make(40, classes=2)
    alone = examples.take(np.flatnonzero(examples.labels == 0))
    alone = Examples(alone.inputs, alone.labels, ("a",))
    wanted = [one for one in labelled(development_split(examples, 5)[1]) if one[1] == 0]
    assert labelled(development_split(alone, 5)[1]) == wanted


def test_a_draw_is_what_it_was():
    train, dev = draw_shots(texts_of(20, classes=2), shots=2, seed=42)
    assert train.inputs == ("text 2", "text 4", "text 15", "text 7")
    assert dev.inputs == ("text 0", "text 18", "text 3", "text 1")


def test_unlabelled_texts_follow_from_the_pool_alone():
    pool = Examples(tuple("abcdefgh"), np.arange(8) % 2, NAMES[:2])
    drawn = draw_unlabelled(pool, 4)
    assert len({*drawn.inputs}) == 4
    assert draw_unlabelled(pool.take(range(7, -1, -1)), 5).inputs[:4] == drawn.inputs


@pytest.mark.parametrize(
    "draw",
    [
        lambda pool: draw_shots(pool, 4, 13),
        lambda pool: draw_shots(Examples(pool.inputs, pool.labels, NAMES), 1, 13),  # none of class c
        lambda pool: draw_shots(pool.take([0, 0, 1, 1]), 1, 13),  # repeats
        lambda pool: development_split(pool, 4),
        lambda pool: development_split(pool.take([0] * 9 + [1] * 9), 1),
        lambda pool: draw_unlabelled(pool, 11),
    ],
)
def test_draws_that_cannot_be_had_are_refused(draw):
    with pytest.raises(DataError, match=r"wanted|expected"):
        draw(texts_of(10, classes=2))


@both
def test_train_keeps_nothing_twice_nothing_of_the_test_and_nothing_of_two_labels(make):
    examples = make(6, classes=2)
    rows = [0, 0, 1, 2, 3, 3, 4]
    train = Examples(examples.take(rows).inputs, np.array([0, 0, 1, 0, 0, 1, 0]), NAMES[:2])
    test = examples.take([4, 5, 5])
    kept, whole, dropped = deduplicate(train, test)
    assert labelled(kept) == [labelled(examples)[row] for row in (0, 1, 2)]
    assert whole is test
    assert dropped == {"repeated": 2, "with two labels": 1, "also in the test": 1}


@pytest.mark.parametrize(
    "pair",
    [
        ("two blanks", "two  blanks"),
        ("a line\nbreak", "a line break"),
        ("no\u00a0break", "no break"),
        ("\u1ec7", "e\u0323\u0302"),
        ("\ud55c", "\u1112\u1161\u11ab"),
        ("zero\u200bwidth", "zerowidth"),
        (" a \tb ", "a\tb"),
    ],
)
def test_texts_that_look_the_same_are_one_text(pair):
    train, nothing = Examples((*pair, "x"), np.array([0, 0, 1]), NAMES[:2]), Examples((), np.zeros(0, int), NAMES[:2])
    kept = deduplicate(train, nothing).train
    assert kept.inputs == (min(pair), "x")
    assert kept.inputs == deduplicate(train.take([1, 0, 2]), nothing).train.inputs  # in any order
    assert deduplicate(train.take([0, 2]), train.take([1])).train.inputs == ("x",)
    assert deduplicate(Examples(pair, np.array([0, 1]), NAMES[:2]), nothing).dropped["with two labels"] == 1


@pytest.mark.parametrize(("one", "other"), [("a b", "a\tb"), ("Cat", "cat"), ("cafe", "caf\u00e9"), ("a.", "a")])
def test_texts_that_look_different_are_two(one, other):
    assert canonical(one) != canonical(other)


def test_a_class_is_one_name_and_a_number_is_written_in_one_way():
    long = ["12345678901234567890", "12345678901234567891", "-1", "1", "1/2", "nan", "sNaN", "1e999999", "US", "us"]
    assert check_names([*long, "1"], "own") == tuple(sorted(long))
    for names in (["a"], ["1", "1.0"], ["01", "1"], ["-0.50", "-.5", "-0.5"]):
        with pytest.raises(DataError, match="own"):
            check_names(names, "own")
