"""The checks of data that the rules fetch_data and check_data make, without Snakemake: before any work."""

from pathlib import Path

import pytest

from hsokv.data.catalogue import SOURCES
from hsokv.exceptions import DataError, EncoderError
from hsokv.study.data_manifest import check_contents, describe_contents
from hsokv.study.event_texts import load_events

from .helpers import check_data


def texts(**sources):
    benchmarks = {name: {"kind": "texts", "source": source, "conditions": SHOTS1} for name, source in sources.items()}
    return {
        "data": {"validation_rows": 1},
        "encoder": "minilm",
        "encoders": {"minilm": {"repo_id": "a/b", "revision": "0" * 40}},
        "benchmarks": {"rare_words": {"kind": "words", "conditions": {}}, **benchmarks},
    }


BASE = Path(__file__).parents[2]
SHOTS1 = {"shots1": {"shots": 1}}
EVENTS = {
    "source": "files",
    "files": {name: f"examples/own-events/{name}.csv" for name in ("events", "validation", "test")},
}


def test_a_copy_of_a_data_set_is_named_by_checksum_and_damage_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HSOKV_CACHE_DIR", str(tmp_path / "cache"))
    paths = [tmp_path / "own" / member.path for member in SOURCES["sst2"].members]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [f"{path.stem} {number}\t{number % 2}" for number in range(6)]
        path.write_text("\n".join(["sentence\tlabel", *rows, ""]))
    asked = texts(sst2="sst2", again="sst2", made="sst2_synthetic")
    every = check_data(asked, tmp_path / "own")
    found = every["sst2"]
    assert every["sst2_synthetic"] == {}  # it is generated
    assert {name: len(digest) for name, digest in found.items()} == {m.path: 64 for m in SOURCES["sst2"].members}
    asked["benchmarks"]["sst2"]["conditions"] = {"shots2": {"shots": 2}}
    with pytest.raises(DataError, match=r"sst2: .* 1 validation texts and 4 to learn from; .* has 3 different"):
        check_data(asked, tmp_path / "own")
    paths[0].write_text("nothing\n")
    with pytest.raises(DataError, match=paths[0].name):
        check_data(asked, tmp_path / "own")


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


def test_own_files_are_known_by_checksum(own_files, tmp_path):
    asked, write = own_files
    found = check_data(asked, None)
    assert set(found["files_messages"]) == {"train", "test"}
    write("test.csv", "changed,a", "another,b")
    assert check_data(asked, None) != found
    described = {"templates": ["{}"], "words": [["a"], ["b"], ["c"]]}
    asked["benchmarks"]["messages"]["conditions"] = {"shots1": {"shots": 1, "descriptions": described}}
    with pytest.raises(DataError, match=r"shots1 has 3 lists of words, the 2 classes"):
        check_data(asked, None)
    (tmp_path / "test.csv").unlink()
    with pytest.raises(DataError, match=r"messages: .* test file at .*test\.csv"):
        check_data(asked, None)


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("train.csv", ["x,a", ",b"], "train.csv, row 3: message is empty"),
        ("train.csv", ["x,a", "y,a"], "train.csv, column topic: 'a' is the only class"),
        ("test.csv", ["x,a", "y,c"], "test.csv, row 3: .* 'c'"),
        ("test.csv", ["x,a"], "test.csv: no rows with the label 'b'"),
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


def test_more_unlabelled_texts_than_are_left_are_refused():
    described = {"texts": {"labels": ["0", "1"], "train": {"0": 10, "1": 10}, "dropped": {}}}
    conditions = {"c": {"shots": 2, "tuning": {"unlabelled": 2}}}
    benchmark, study = {"kind": "texts", "source": "sst2", "conditions": conditions}, {"data": {"validation_rows": 5}}
    check_contents("b", described, benchmark, study)
    conditions["c"]["tuning"]["unlabelled"] = 3
    with pytest.raises(DataError, match="b: c asks for 3 texts without labels, 2 are left"):
        check_contents("b", described, benchmark, study)


def test_own_events_are_played_through(tmp_path):
    assert describe_contents(EVENTS, BASE)["events"]["withdraw"] == 2
    bad = tmp_path / "events.csv"
    bad.write_text((BASE / EVENTS["files"]["events"]).read_text() + "7,withdraw,,loans,\n")
    with pytest.raises(DataError, match=r"row 22.*'loans'"):
        describe_contents(EVENTS | {"files": EVENTS["files"] | {"events": str(bad)}}, BASE)


def test_the_split_says_which_queries_of_events_are_read():
    events, validation = load_events(EVENTS, BASE, "validation", {}, 1)
    _, test = load_events(EVENTS, BASE, "test", {}, 1)
    assert len(events["texts"]) == 15
    assert not set(validation.inputs) & set(test.inputs)
    assert -1 in validation.labels
