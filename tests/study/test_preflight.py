import os
import shutil
from types import SimpleNamespace

import pytest

from hsokv.data.catalogue import SOURCES
from hsokv.exceptions import DataError, EncoderError, HsokvError
from hsokv.study.preflight import ROOM, check_folder

from .data_checks import check_data


def texts(**sources):
    benchmarks = {name: {"kind": "texts", "source": source, "conditions": SHOTS1} for name, source in sources.items()}
    return {
        "data": {"development_rows": 1},
        "encoder": "minilm",
        "encoders": {"minilm": {"repo_id": "a/b", "revision": "0" * 40}},
        "benchmarks": {"rare_words": {"kind": "words", "conditions": {}}, **benchmarks},
    }


SHOTS1 = {"shots1": {"shots": 1}}
TEXTS = texts(sst2="sst2", again="sst2", made="sst2_synthetic")


def test_a_folder_is_checked_without_writing(tmp_path, monkeypatch):
    check_folder(tmp_path / "a" / "results")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(HsokvError, match=r"cannot write to the results folder .*/file/results: .*file is a file"):
        check_folder(tmp_path / "file" / "results")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=ROOM - 1))
    with pytest.raises(HsokvError, match="free some space"):
        check_folder(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(HsokvError, match="read-only"):
        check_folder(tmp_path)


def test_generated_benchmarks_need_nothing():
    made = texts(made="sst2_synthetic", pairs="mnli_synthetic")
    assert check_data(made, None) == {"sst2_synthetic": {}, "mnli_synthetic": {}}


@pytest.fixture
def own_copy(tmp_path, monkeypatch):
    monkeypatch.setenv("HSOKV_CACHE_DIR", str(tmp_path / "cache"))
    paths = [tmp_path / "own" / member.path for member in SOURCES["sst2"].members]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [f"{path.stem} {number}\t{number % 2}" for number in range(6)]
        path.write_text("\n".join(["sentence\tlabel", *rows, ""]))
    return tmp_path / "own", paths


def test_ones_own_files_are_read_and_named_by_checksum(own_copy):
    root, _ = own_copy
    found = check_data(TEXTS, root)
    assert set(found["sst2"]) == {member.path for member in SOURCES["sst2"].members}
    assert all(len(digest) == 64 for digest in found["sst2"].values())


def test_a_damaged_file_of_ones_own_is_named_before_any_work(own_copy):
    root, paths = own_copy
    paths[0].write_text("nothing\n")
    with pytest.raises(DataError, match=paths[0].name):
        check_data(TEXTS, root)


def test_a_damaged_encoder_is_named_before_any_work(tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    asked = texts(made="sst2_synthetic") | {"encoders": {"minilm": {"folder": str(tmp_path)}}}
    with pytest.raises(EncoderError, match=r"wanted tokenizer\.json of .* came no such file"):
        check_data(asked, None)
    (tmp_path / "tokenizer.json").write_text("{}")
    found = check_data(asked, None)["encoder_minilm"]
    assert set(found) == {"config.json", "model.safetensors", "tokenizer.json"}
    asked["encoders"]["minilm"]["sha256"] = {"config.json": "0" * 64}
    with pytest.raises(EncoderError, match=r"config\.json .folder.: wanted SHA-256 000"):
        check_data(asked, None)


def test_an_encoder_that_no_condition_uses_is_not_looked_at():
    asked = texts(made="sst2_synthetic")
    asked["encoders"]["other"] = {"folder": "/nowhere"}
    assert "encoder_other" not in check_data(asked, None)
    asked["benchmarks"]["made"]["conditions"] = {"shots1": {"shots": 1, "encoder": "other"}}
    with pytest.raises(EncoderError, match=r"wanted config\.json of nowhere in /nowhere"):
        check_data(asked, None)


def test_more_shots_than_the_data_have_are_refused(own_copy):
    asked = texts(sst2="sst2")
    asked["benchmarks"]["sst2"]["conditions"] = {"shots2": {"shots": 2}}
    with pytest.raises(DataError, match=r"sst2: .* 1 development texts and 4 to learn from; .* has 3 different"):
        check_data(asked, own_copy[0])


@pytest.fixture
def own_files(tmp_path, monkeypatch):
    """(configuration, function that writes one of its files): a benchmark on files of one's own."""
    monkeypatch.chdir(tmp_path)
    asked = texts(messages="files")
    columns = {"text": ["message"], "label": "topic"}
    asked["benchmarks"]["messages"] |= {"files": {"train": "train.csv", "test": "test.csv"}, "columns": columns}

    def write(name, *rows):
        (tmp_path / name).write_text("\n".join(["message,topic", *rows, ""]))

    write("train.csv", *(f"{topic} {number},{topic}" for topic in "ab" for number in range(4)))
    write("test.csv", "other,a", "another,b")
    return asked, write


def test_own_files_are_known_by_checksum(own_files):
    asked, write = own_files
    found = check_data(asked, None)
    assert set(found["files_messages"]) == {"train", "test"}
    write("test.csv", "changed,a", "another,b")
    assert check_data(asked, None) != found


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("train.csv", ["x,a", ",b"], "train.csv, row 3: message is empty"),
        ("train.csv", ["x,a", "y"], "train.csv, row 3: topic is empty"),
        ("train.csv", ["x,a", "y,a"], "train.csv, column topic: 'a' is the only class"),
        ("test.csv", ["x,a", "y,c"], "test.csv, row 3: .* 'c'"),
        ("test.csv", ["x,a"], "test.csv: no rows with the label 'b'"),
        (
            "train.csv",
            ["x,a", "y,b"],
            "messages: .* 1 development texts and 2 .* has 1 different",
        ),
        (
            "train.csv",
            ["x,a", "x,a", "y,b", "y,a", "other,a", "z,b"],
            r"the smallest, a, has 1 .*2 repeated, 1 with two labels, 1 also in the test\)",
        ),
        (
            "train.csv",
            ["other ,a", "another,b", "o\u200bther,a"],
            r"has 0 .*1 repeated, 0 with two labels, 2 also in the test\)",
        ),
        ("test.csv", [f"{topic}  {number},{topic}" for topic in "ab" for number in range(4)], "8 also in the test"),
    ],
)
def test_what_is_wrong_with_own_files_is_named_before_any_work(own_files, name, rows, message):
    asked, write = own_files
    write(name, *rows)
    with pytest.raises(DataError, match=message):
        check_data(asked, None)


def test_own_files_that_are_not_there_are_named(own_files, tmp_path):
    asked, _ = own_files
    (tmp_path / "test.csv").unlink()
    with pytest.raises(DataError, match=r"messages: .* test file at .*test\.csv"):
        check_data(asked, None)


def test_descriptions_of_other_labels_than_own_files_have_are_refused(own_files):
    asked, _ = own_files
    described = {"templates": ["{}"], "words": [["a"], ["b"], ["c"]]}
    asked["benchmarks"]["messages"]["conditions"] = {"shots1": {"shots": 1, "descriptions": described}}
    with pytest.raises(DataError, match=r"shots1 has 3 lists of words, the 2 classes"):
        check_data(asked, None)
