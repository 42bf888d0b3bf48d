"""`hsokv evaluate` and `hsokv remember` on a small model of contexts."""

import json

import pytest

from hsokv.hub import HSOKVForSequenceClassification

from ..hub.conftest import build


@pytest.fixture
def folder(tmp_path):
    build().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("text,label\nw0 w1,a\nw10 w11,b\nw1 w2,b\n")
    return path


def test_evaluate_says_what_the_model_says(run, folder, table):
    result = run("evaluate", folder, "--file", table, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    said = build().predict(["w0 w1", "w10 w11", "w1 w2"])
    right = [next(iter(row)) == label for row, label in zip(said, "abb", strict=True)]
    assert told["texts"] == 3
    assert told["accuracy"] == pytest.approx(sum(right) / 3)
    assert "accuracy" in run("evaluate", folder, "--file", table).stdout


def test_remember_writes_to_the_model_where_it_lies(run, folder):
    result = run("remember", folder, "--text", "w3 w4", "--label", "a", "--text", "w5", "--label", "b")
    assert result.exit_code == 0, result.stderr
    assert "2 remembered; 5 entries, 2 classes" in result.stdout
    loaded = HSOKVForSequenceClassification.from_pretrained(folder)
    assert loaded.recall("w3 w4")[0].text == "w3 w4"


def test_remember_makes_room_for_new_labels_when_asked(run, folder, table, tmp_path):
    table.write_text("text,label\nw7 w8,c\n")
    before = (folder / "model.safetensors").read_bytes()
    refused = run("remember", folder, "--file", table)
    assert refused.exit_code == 1
    assert "unknown label 'c'" in refused.stderr
    more = ("--add-classes", "--gate", "0.25", "--output", tmp_path / "more", "--json")
    told = json.loads(run("remember", folder, "--file", table, *more).stdout)
    assert told == {"classes": ["a", "b", "c"], "entries": 4, "gate": 0.25, "model": str(tmp_path / "more")}
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "wanted either --text with --label, or --file"),
        (("--text", "w0"), "got 1 texts and 0 labels"),
        (("--text", "hello", "--label", "a"), "words of this model's world"),
        (("--text", "w0", "--label", "a", "--gate", "3"), "gate must be a share in [0, 1], got 3.0"),
    ],
)
def test_remember_refuses_and_leaves_the_model_as_it_was(run, folder, arguments, message):
    before = (folder / "model.safetensors").read_bytes()
    result = run("remember", folder, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert (folder / "model.safetensors").read_bytes() == before


def test_evaluate_refuses_labels_that_the_model_does_not_know(run, folder, table):
    table.write_text("text,label\nw0,z\n")
    result = run("evaluate", folder, "--file", table)
    assert result.exit_code == 1
    assert "unknown label 'z'" in result.stderr


def test_a_model_is_named_by_where_one_stands(run, folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = run("remember", ".", "--text", "w3 w4", "--label", "a")
    assert result.exit_code == 0, result.stderr
    assert len(HSOKVForSequenceClassification.from_pretrained(folder)) == 4
