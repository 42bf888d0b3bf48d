import numpy as np
import pytest
from hsokv.data.glue import TASKS, LabelledTexts, deduplicate, development_split, draw_shots, read_split
from hypothesis import given, settings
from hypothesis import strategies as st

from hsokv.exceptions import ConfigurationError, DataError

SST2 = TASKS["sst2"]


def write(tmp_path, content):
    path = tmp_path / "train.tsv"
    path.write_bytes(content)
    return path


def pool_of(size, classes=2):
    return LabelledTexts(tuple(f"text {i}" for i in range(size)), np.arange(size) % classes)


def test_quotation_marks_and_odd_characters_stay_in_their_row(tmp_path):
    content = 'sentence\tlabel\n" open \t1\nit \'s " a\u2028b\x85c " \t0\n"quoted"\t1\n'.encode()
    examples = read_split(write(tmp_path, content), SST2)
    assert examples.texts == ('" open', 'it \'s " a\u2028b\x85c "', '"quoted"')
    assert examples.labels.tolist() == [1, 0, 1]
    assert examples.labels.dtype == np.int64


def test_columns_go_by_name_and_windows_files_read_the_same(tmp_path):
    windows = b"\xef\xbb\xbfindex\tlabel\tsentence\r\n0\t1\tgood\r\n1\t0\tbad\r\n"
    examples = read_split(write(tmp_path, windows), SST2)
    assert examples.texts == ("good", "bad")
    assert examples.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"\n\n", "empty file"),
        (b"text\tlabel\na\t1\n", r"wanted the columns \['sentence', 'label'\] once each, came \['text', 'label'\]"),
        (b"sentence\tlabel\n", "wanted rows under the header"),
        (b"sentence\tlabel\na\t1\nb\t2\n", r"line 3: wanted a label of \['0', '1'\], came '2'"),
        (b"sentence\tlabel\na\t1\nb cut o", "line 3: wanted 2 fields, came 1: the file may be truncated"),
        (b"sentence\tlabel\na\tb\t1\n", "line 2: wanted 2 fields, came 3"),
        (b"sentence\tlabel\na\t1\nb\t", "line 3: wanted a label, came an empty one"),
        (b"sentence\tlabel\n \t1\n", "line 2: wanted a sentence, came an empty one"),
        (b"sentence\tlabel\na\t1\nb\xff\t0\n", "line 3: wanted UTF-8, came other bytes at byte 20"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path, content, message):
    with pytest.raises(DataError, match=rf"train\.tsv.*{message}"):
        read_split(write(tmp_path, content), SST2)


def test_a_pair_is_its_two_texts_with_a_tab_between_them(tmp_path):
    content = b'index\tsentence1\tsentence2\tgold_label\n0\tso " it is \tit is\tentailment\n1\ta\tb\tcontradiction\n'
    examples = read_split(write(tmp_path, content), TASKS["mnli"])
    assert examples.texts == ('so " it is\tit is', "a\tb")
    assert examples.labels.tolist() == [0, 2]


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="absent"):
        read_split(tmp_path / "absent.tsv", SST2)


def test_deduplication_counts_repeated_rows_and_conflicting_texts():
    result = deduplicate(LabelledTexts(("a", "b", "a", "b", "b", "c"), np.array([1, 0, 1, 1, 0, 0])))
    assert result.examples.texts == ("a", "c")
    assert result.examples.labels.tolist() == [1, 0]
    assert (result.repeated_rows, result.conflicting_texts) == (3, 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_shots_do_not_depend_on_the_order_of_the_file_and_are_disjoint(seed, shots, shuffle):
    examples = pool_of(60, classes=3)
    shuffled = examples.take(np.random.default_rng(shuffle).permutation(60))
    pool, development = development_split(examples, rows_per_class=4)
    again, development_again = development_split(shuffled, rows_per_class=4)
    assert pool.texts == again.texts
    assert development.texts == development_again.texts
    train, dev = draw_shots(pool, shots, seed, classes=3)
    for drawn, drawn_again in zip((train, dev), draw_shots(again, shots, seed, classes=3), strict=True):
        assert drawn.texts == drawn_again.texts
        np.testing.assert_array_equal(drawn.labels, drawn_again.labels)
        assert np.bincount(drawn.labels).tolist() == [shots] * 3
    assert np.bincount(development.labels).tolist() == [4] * 3
    drawn = (*train.texts, *dev.texts, *development.texts)
    assert len(set(drawn)) == len(drawn) == 6 * shots + 12
    assert set(pool.texts) | set(development.texts) == set(examples.texts)


def test_texts_keep_their_labels_through_every_draw():
    examples = pool_of(60)
    label_of = dict(zip(examples.texts, examples.labels, strict=True))
    pool, development = development_split(examples, rows_per_class=5)
    for part in (pool, development, *draw_shots(pool, 3, 13, 2)):
        assert [label_of[text] for text in part.texts] == part.labels.tolist()


def test_seeds_draw_different_shots_and_fewer_shots_are_the_first_of_more():
    pool = pool_of(400)
    assert draw_shots(pool, 16, 13, 2)[0].texts != draw_shots(pool, 16, 21, 2)[0].texts
    few, many = draw_shots(pool, 1, 13, 2)[0], draw_shots(pool, 16, 13, 2)[0]
    assert few.texts == (many.texts[0], many.texts[16])


def test_a_draw_is_what_it_was():
    train, dev = draw_shots(pool_of(20), shots=2, seed=42, classes=2)
    assert (train.texts, dev.texts) == (
        ("text 2", "text 4", "text 15", "text 7"),
        ("text 0", "text 18", "text 3", "text 1"),
    )


def test_draws_that_cannot_be_had_are_refused():
    with pytest.raises(DataError, match=r"wanted 8 texts of class 0 \(4 train and 4 dev shots\), came 5"):
        draw_shots(pool_of(10), 4, 13, 2)
    with pytest.raises(DataError, match=r"texts of class 2 .* came 0"):
        draw_shots(pool_of(10), 1, 13, 3)
    with pytest.raises(ConfigurationError, match="at least 1, came 0"):
        draw_shots(pool_of(10), 0, 13, 2)
    with pytest.raises(ConfigurationError, match="at least 1, came 0"):
        development_split(pool_of(10), 0)
    with pytest.raises(DataError, match="wanted 5 development rows of class 0 and one more"):
        development_split(pool_of(10), 5)
    repeated = LabelledTexts(("a", "a"), np.array([0, 0]))
    with pytest.raises(DataError, match="1 repeats: deduplicate"):
        draw_shots(repeated, 1, 13, 1)
    with pytest.raises(DataError, match="1 repeats: deduplicate"):
        development_split(repeated, 1)
