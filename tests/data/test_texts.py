"""Tables in every format: what is read, and what is refused with its file and row."""

import csv
import gzip
import importlib.util
import io
import json

import numpy as np
import pandas as pd
import pytest

from hsokv.data.texts import TASKS, Task, join, read_clinc150, read_table, read_texts
from hsokv.exceptions import DataError

OWN = Task(("text",), "label")
ROWS = [
    ("plain", "x"),
    ('so, "so" he said', "y"),
    ("two\nlines, and\ta tab", "x"),
    ('"quoted"', "y"),
    ("NA", "x"),
    ("1.50", "y"),
    ("caf\u00e9 \u2028 \U0001f600 a\x85b", "x"),
    ("long " * 60_000, "y"),
]
FRAME = pd.DataFrame(ROWS, columns=["text", "label"])
FRAME.insert(1, "other", range(len(FRAME)))
WRITE = {
    ".csv": lambda frame, file: frame.to_csv(file, index=False),
    ".tsv": lambda frame, file: frame.to_csv(file, index=False, sep="\t"),
    ".txt": lambda frame, file: frame.to_csv(file, index=False, sep="\t", quoting=csv.QUOTE_ALL),
    ".jsonl": lambda frame, file: frame.to_json(file, orient="records", lines=True),
    ".parquet": lambda frame, file: frame.to_parquet(file),
}
HAS_PARQUET = importlib.util.find_spec("pyarrow") is not None


def put(folder, content, name="own.csv"):
    path = folder / name
    path.write_bytes(content)
    return path


def cells(path):
    return list(map(tuple, read_table(path, ("text", "label")).to_numpy().tolist()))


@pytest.mark.parametrize("suffix", WRITE)
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_the_same_table_reads_the_same_in_every_format(tmp_path, suffix, packed):
    path = tmp_path / f"own{suffix}{packed}"
    if suffix == ".parquet" and not HAS_PARQUET:
        path.write_bytes(gzip.compress(b"PAR1", mtime=0) if packed else b"PAR1")
        with pytest.raises(DataError, match=r"hsokv\[parquet\]"):
            cells(path)
        return
    stream = io.BytesIO()
    WRITE[suffix](FRAME, stream)
    path.write_bytes(gzip.compress(stream.getvalue(), mtime=0) if packed else stream.getvalue())
    assert cells(path) == [(text.strip(), label) for text, label in ROWS]


AB = [("a", "x"), ("b", "y")]
PACKED = gzip.compress(b"text,label\na,x\n", mtime=0) + gzip.compress(b"b,y\n", mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        # What spreadsheets and people write.
        ("own.CSV", b'\xef\xbb\xbftext,label\r\n"a\r\nb",x\r\nb,y\r\n,\r\n\r\n', [("a\r\nb", "x"), ("b", "y")]),
        ("own.csv", b" text ,id,id, label\na,1,1, x \n\nb,2,2,y", AB),
        ("own.csv", b"text,label\ra,x\rb,y\r", AB),
        ("own.csv", b"text,label\r\na,x\nb,y\r\n", AB),
        ("own.csv", b'text, label\n "a" , "x"\nb, y\n', AB),
        ("own.csv", b"text,label\nNA,null\nNone,nan\n007,1.0\n", [("NA", "null"), ("None", "nan"), ("007", "1.0")]),
        ("own.csv", "text,label\n\u05e9\u05dc,\U0001f600\n".encode(), [("\u05e9\u05dc", "\U0001f600")]),
        # A tab-separated table is quoted where every mark is that of a whole field.
        ("own.TSV", b'text\tlabel\r\n"a"\tx\r\nb\ty\r\n', AB),
        ("own.tsv", b'text\tlabel\n"a, b\tx\n', [('"a, b', "x")]),
        ("own.tsv", b'text\tlabel\n" open\t1\nclose "\t0\n', [('" open', "1"), ('close "', "0")]),
        ("own.tsv", b'text\tlabel\n"open\t1\nclose"\t0\n', [('"open', "1"), ('close"', "0")]),
        ("own.tsv", b'text\tlabel\n"all"\t1\n5" pipe\t0\n', [('"all"', "1"), ('5" pipe', "0")]),
        ("own.tsv", b'text\tlabel\n"all"\t1\n"a ""b"""\t0\n', [("all", "1"), ('a "b"', "0")]),
        ("own.tsv", b'text\tlabel\n"a\tb"\t1\n', [("a\tb", "1")]),
        ("own.tsv", b"text\tlabel\na\rb \xe2\x80\xa8 c\x1dd\t1\n", [("a\rb \u2028 c\x1dd", "1")]),
        # Whether a table is packed, its content says.
        *((name, PACKED, AB) for name in ("own.csv", "own.csv.gz")),
        ("own.csv.gz", gzip.decompress(PACKED), AB),
        # Numbers and truth values are labels as a .csv writes them.
        (
            "own.jsonl",
            b'{"text": 1, "label": true}\n{"label": 9223372036854775808, "text": 0.5, "more": [1]}\n',
            [("1", "True"), ("0.5", "9223372036854775808")],
        ),
    ],
)
def test_a_table_is_read_as_people_mean_it(tmp_path, name, content, wanted):
    assert cells(put(tmp_path, content, name)) == wanted


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        *((f"own{name}", b"text,label\na,x\n", r"\.csv, \.tsv, \.txt, \.jsonl, \.parquet") for name in (".xlsx", "")),
        ("own.csv", None, "cannot be read"),
        ("own.csv", b"\n\n", "empty"),
        ("own.csv", b"text,label\n", "no rows"),
        ("own.csv", b"\ntext,label\na,x\n", "row 1: blank"),
        ("own.csv", b"text;label\na;x\n", "'text' is missing.*commas.*: 'text;label'"),
        ("own.csv", b"Text,label\na,x\n", "'text' is missing.*'Text', 'label'"),
        ("own.csv", b"text,text,label\na,b,x\n", "'text' stands twice"),
        ("own.csv", b"text,label\na,x\nb\n", "row 3: label is empty"),
        ("own.csv", b"text,label\na,x\n\n,x\n", "row 4: text is empty"),
        ("own.csv", "text,label\n\u200b,x\n".encode(), "row 2: text is empty"),
        ("own.csv", b"text,label\na,b,x\n", "line 2, saw 3"),
        ("own.csv", b'text,label\na,x\n"b,y\nc,x\n', "line 3: quotation marks"),
        ("own.csv", b'text,label\n"a"b,x\n', "line 2: quotation marks"),
        ("own.csv", b'text,label\na, "b" c\n', "line 2: quotation marks"),
        ("own.csv", b"text,label\na\xff,x\n", "row 2: .*UTF-8 at byte 12"),
        *(("own.csv", "text,label\n".encode(code), "row 1: .*UTF-8") for code in ("utf-16", "utf-16-be")),
        ("own.csv", b"text,label\na,x\nb\0,y\n", "row 3: .* byte 16"),
        ("own.tsv", b"text\tlabel\na\t1\nb cut o", "row 3: label is empty"),
        ("own.tsv", b"text\tlabel\na\tb\t1\n", "line 2, saw 3"),
        ("own.jsonl", b'{"text": "a", "label": "x"}\n{"text": "\xe9"}\n', "row 2: .*UTF-8"),
        ("own.jsonl", b'{"text": "\\ud83d", "label": "x"}\n', "row 1: text"),
        ("own.jsonl", b'{"text": "a", "label": "\\u0000"}\n', "row 1: label"),
        ("own.jsonl", b'{"text": "a", "label": {"name": "x"}}\n', "row 1: label is a dict"),
        ("own.jsonl", b'{"text": "a", "text": "b", "label": "x"}\n', "row 1: .*'text' stands twice"),
        ("own.jsonl", b'{"text": "a", "label": "x"}\n{"text": "b"}\n', "row 2: label is empty"),
        ("own.jsonl", b'{"text": "a", "label": null}\n', "row 1: label is empty"),
        ("own.jsonl", b'{"text": "a", "label": "x"}\n{"text": "b", "la', "row 2: not a JSON object"),
        ("own.jsonl", b'[{"text": "a", "label": "x"}]', "row 1: not a JSON object"),
        ("own.csv.gz", gzip.compress(gzip.compress(b"text,label\na,x\n", mtime=0), mtime=0), "UTF-8"),
        ("own.csv.gz", gzip.compress(b"text,label\na,x\n" * 99, mtime=0)[:-20], "cannot be read"),
    ],
)
def test_a_bad_table_is_refused_with_its_row(tmp_path, name, content, said):
    if content is not None:
        put(tmp_path, content, name)
    with pytest.raises(DataError, match=rf"(?s){name}.*{said}"):
        cells(tmp_path / name)


def test_one_column_is_not_both_text_and_label(tmp_path):
    with pytest.raises(DataError, match="text, text"):
        read_table(put(tmp_path, b"text,label\na,x\n"), ["text", "text"])


def test_a_table_of_glue_is_never_quoted_and_a_row_is_one_text_whatever_its_fields_hold(tmp_path):
    content = b'sentence\tlabel\n"quoted"\t1\nso " good \t0\n"open\t1\nclose"\t0\n'
    train, test = read_texts(*[put(tmp_path, content, "train.tsv")] * 2, TASKS["sst2"])
    assert train.inputs == test.inputs == ('"quoted"', 'so " good', '"open', 'close"')
    assert (train.labels.tolist(), train.labels.dtype) == ([1, 0, 1, 0], np.int64)
    assert join(["a\tb"]) == "a b"
    content = b'index\tsentence1\tsentence2\tgold_label\n0\tso " it is \tit is\tentailment\n1\ta\tb\tcontradiction\n'
    train, _ = read_texts(*[put(tmp_path, content + b"2\tc\td\tneutral\n", "mnli.tsv")] * 2, TASKS["mnli"])
    assert train.inputs == ('so " it is\tit is', "a\tb", "c\td")
    assert train.labels.tolist() == [0, 2, 1]


def test_intents_are_read_from_the_files_of_their_authors(tmp_path):
    table = b'text,category\n"Is my card lost, or\nlate?",card_arrival\nwhat is the rate,exchange_rate\n'
    train, test = read_texts(*[put(tmp_path, table)] * 2, TASKS["banking77"])
    assert train.inputs == test.inputs == ("Is my card lost, or\nlate?", "what is the rate")
    content = {
        "train": [["say hi in french", "translate"], ["set an alarm", "alarm"]],
        "test": [["wake me up", "alarm"], ["how is cat in greek", "translate"]],
        "oos_test": [["how much has the dow changed", "oos"]],
    }
    path = put(tmp_path, json.dumps(content).encode(), "data_full.json")
    train, test = read_clinc150(path, "test")
    assert (train.names, train.labels.tolist()) == (("alarm", "translate"), [1, 0])
    assert (test.inputs, test.labels.tolist()) == (("wake me up", "how is cat in greek"), [0, 1])
    assert read_clinc150(path, "test", ["oos_test"])[1].labels.tolist() == [0, 1, -1]
    for damaged in (b"{", b"[]", b'{"train": [["a"]], "test": []}', b'{"train": [["a", 1]], "test": [["a", 1]]}'):
        with pytest.raises(DataError, match="data_full"):
            read_clinc150(put(tmp_path, damaged, "data_full.json"), "test")


def test_the_classes_of_own_tables_are_the_labels_of_the_train_table_sorted(tmp_path):
    train = put(tmp_path, "text,label\na,no\nb,No \nc,cafe\u0301\n".encode(), "train.csv")
    test = put(tmp_path, "label\ttext\nNo\td\ncaf\u00e9\te\nno\tf\n".encode(), "test.tsv")
    parts = read_texts(train, test, OWN)
    assert [part.names for part in parts] == [("No", "caf\u00e9", "no")] * 2
    assert [part.labels.tolist() for part in parts] == [[2, 0, 1], [0, 1, 2]]


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (b"text,label\na,x\nb,x\xe2\x80\x8b\n", b"text,label\na,x\n", r"column label: 'x' is the only class"),
        (b"text,label\na,x\nb,y\n", b"text,label\nc,x\nd,z\n", r"test\.csv, row 3: .*'z'.*x, y"),
        (b"text,label\na,1.0\nb,0.0\n", b"text,label\nc,1\n", r"test\.csv, row 2: .*'1'.*'1.0'"),
        (b"text,label\na,1.0\nb,1\n", b"text,label\na,1\n", r"train\.csv, column label: .*'1' and '1.0'"),
        (b"text,label\na,x\nb,y\n", b"text,label\nc,x\n", r"test\.csv: no rows with the label 'y'"),
    ],
)
def test_own_tables_that_do_not_fit_each_other_are_refused(tmp_path, train, test, said):
    with pytest.raises(DataError, match=said):
        read_texts(put(tmp_path, train, "train.csv"), put(tmp_path, test, "test.csv"), OWN)
