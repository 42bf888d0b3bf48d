import numpy as np
import pytest
from hsokv.data.glue import read_split, task_of_files
from hsokv.data.text_files import join, read_rows

from hsokv.exceptions import DataError


def write(folder, content, name="own.csv"):
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_csv_may_quote_commas_line_breaks_and_quotation_marks(tmp_path):
    content = b'label,text\nx,"a, ""b""\nc"\n\ny, plain \n'
    assert list(read_rows(write(tmp_path, content), ["text", "label"])) == [
        (2, ['a, "b"\nc', "x"]),
        (5, ["plain", "y"]),
    ]


def test_every_other_file_is_tab_separated_and_quotes_are_text(tmp_path):
    content = b'text\tlabel\n"a, b\tx\r\n'
    for name in ("own.tsv", "own.txt"):
        assert list(read_rows(write(tmp_path, content, name), ["text", "label"])) == [(2, ['"a, b', "x"])]


def test_what_spreadsheets_write_reads_the_same(tmp_path):
    content = b"\xef\xbb\xbftext,label\r\na,x\r\n"
    assert list(read_rows(write(tmp_path, content, "own.CSV"), ["text", "label"])) == [(2, ["a", "x"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"\n\n", "empty file"),
        (
            b"text;label\na;x\n",
            r"wanted the columns \['text', 'label'\] once each, came \['text;label'\] \(separated by",
        ),
        (b"text,text,label\na,b,x\n", r"once each, came \['text', 'text', 'label'\]"),
        (b"text,label\n", "wanted rows under the header"),
        (b"text,label\na,x\nb\n", "line 3: wanted 2 fields, came 1"),
        (b"text,label\na,b,x\n", "line 2: wanted 2 fields, came 3"),
        (b"text,label\n,x\n", "line 2: wanted a text, came an empty one"),
        (b"text,label\na,  \n", "line 2: wanted a label, came an empty one"),
        (b'text,label\na,x\n"b,y\nc,x\n', "line 3: unexpected end of data; wanted a field with commas"),
        (b'text,label\n"a"b,x\n', "line 2: .* expected after"),
        (b"text,label\na\xff,x\n", "line 2: wanted UTF-8, came other bytes at byte 12"),
    ],
)
def test_a_bad_csv_is_refused_with_its_line(tmp_path, content, message):
    with pytest.raises(DataError, match=rf"own\.csv.*{message}"):
        list(read_rows(write(tmp_path, content), ["text", "label"]))


def test_a_row_is_one_text_whatever_its_fields_hold():
    assert join(["a\tb"]) == "a b"
    assert join(["a\tb", "c"]).split("\t") == ["a b", "c"]


def test_the_labels_of_own_files_are_those_of_the_train_file_sorted(tmp_path):
    train = write(tmp_path, b"premise,hypothesis,kind\na,b,yes\nc,d,no\ne,f,maybe\n")
    task = task_of_files("own", train, ["premise", "hypothesis"], "kind")
    assert task.labels == ("maybe", "no", "yes")
    examples = read_split(train, task)
    assert examples.texts == ("a\tb", "c\td", "e\tf")
    np.testing.assert_array_equal(examples.labels, [2, 1, 0])
    test = write(tmp_path, b"premise\thypothesis\tkind\na\tb\tyess\n", "test.tsv")
    with pytest.raises(DataError, match=r"test\.tsv, line 2: wanted a label of \['maybe', 'no', 'yes'\], came 'yess'"):
        read_split(test, task)


def test_own_files_of_one_label_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"at least two labels in the column label, came \['x'\] alone"):
        task_of_files("own", write(tmp_path, b"text,label\na,x\nb,x\n"), ["text"], "label")
