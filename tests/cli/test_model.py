"""`hsokv evaluate`, `remember` and `tune` on a small model of contexts, and `hsokv swarm`."""

import json

import pytest

from hsokv.hub import HSOKVForSequenceClassification

from ..hub.conftest import build


def test_evaluate_says_what_the_model_says(run, folder, table):
    told = json.loads(run("evaluate", folder, "--file", table, "--json").stdout)
    said = build().predict(["w0 w1", "w10 w11", "w1 w2"])
    right = [next(iter(row)) == label for row, label in zip(said, "abb", strict=True)]
    assert told["texts"] == 3
    assert told["accuracy"] == pytest.approx(sum(right) / 3)
    assert "accuracy" in run("evaluate", folder, "--file", table).stdout


@pytest.mark.parametrize("place", ["folder", "."])
def test_remember_writes_to_the_model_where_it_lies(run, folder, monkeypatch, place):
    monkeypatch.chdir(folder)
    model = "." if place == "." else folder
    result = run("remember", model, "--text", "w3 w4", "--label", "a", "--text", "w5", "--label", "b")
    assert result.exit_code == 0, result.stderr
    assert "2 remembered; 5 entries, 2 classes" in result.stdout
    assert HSOKVForSequenceClassification.from_pretrained(folder).recall("w3 w4")[0].text == "w3 w4"


def test_remember_makes_room_for_new_labels_when_asked(run, folder, table, tmp_path):
    table.write_text("text,label\nw7 w8,c\n")
    before = (folder / "model.safetensors").read_bytes()
    more = ("--add-classes", "--gate", "0.25", "--output", tmp_path / "more", "--json")
    told = json.loads(run("remember", folder, "--file", table, *more).stdout)
    assert told == {"classes": ["a", "b", "c"], "entries": 4, "gate": 0.25, "model": str(tmp_path / "more")}
    assert (folder / "model.safetensors").read_bytes() == before


def test_tune_trains_and_remembers_the_table(run, folder, table, tmp_path):
    before = (folder / "model.safetensors").read_bytes()
    more = ("--iterations", "4", "--gate", "0.25", "--output", tmp_path / "tuned", "--json")
    told = json.loads(run("tune", folder, "--file", table, *more).stdout)
    assert (told["texts"], told["steps"], told["entries"], told["model"]) == (3, 4, 6, str(tmp_path / "tuned"))
    assert told["flops"] > 0
    tuned = HSOKVForSequenceClassification.from_pretrained(tmp_path / "tuned")
    assert (tuned.gate, len(tuned)) == (0.25, 6)
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("remember", (), "wanted either --text with --label, or --file"),
        ("remember", ("--text", "w0"), "got 1 texts and 0 labels"),
        ("remember", ("--text", "hello", "--label", "a"), "words of this model's world"),
        ("remember", ("--text", "w0", "--label", "a", "--gate", "3"), "gate must be a share in [0, 1], got 3.0"),
        ("remember", ("--file", "unknown.csv"), "unknown label 'z'"),
        ("evaluate", ("--file", "unknown.csv"), "unknown label 'z'"),
        ("tune", ("--file", "unknown.csv"), "unknown label 'z'"),
        ("tune", ("--file", "own.csv", "--gate", "1"), "nothing to train"),
        ("tune", ("--file", "own.csv", "--label", "topic"), "the column 'topic' is missing"),
        ("tune", ("--file", "own.csv", "--device", "cdua"), "unknown name 'cdua'; did you mean 'cuda'?"),
    ],
)
def test_what_is_refused_leaves_the_model_as_it_was(refused, folder, table, monkeypatch, command, arguments, message):
    monkeypatch.chdir(table.parent)
    table.with_name("unknown.csv").write_text("text,label\nw0 w1,z\n")
    before = (folder / "model.safetensors").read_bytes()
    refused(message, command, folder, *arguments)
    assert (folder / "model.safetensors").read_bytes() == before


SWARM = ("swarm", "--backend", "single", "--nodes", "1", "--candidates", "16", "--managers", "2", "--agents", "2")


def test_a_swarm_is_reported_kept_and_continued(run, tmp_path):
    kept = tmp_path / "run.pt"
    result = run(*SWARM, "--iterations", "1", "--output", kept)
    assert result.exit_code == 0, result.stderr
    assert "M steps/s" in result.stdout
    longer = json.loads(run(*SWARM, "--iterations", "2", "--output", kept, "--json").stdout)
    whole = json.loads(run(*SWARM, "--iterations", "2", "--json").stdout)
    assert (longer["score"], longer["steps"]) == (whole["score"], whole["steps"])
    assert (whole["nodes"], whole["backend"]) == (1, "single")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--benchmark", "cartpol"), "--benchmark: unknown name 'cartpol'; did you mean 'cartpole'?"),
        (("--backend", "proceses"), "--backend: unknown name 'proceses'; did you mean 'processes'?"),
        (("--backend", "single", "--nodes", "1", "--candidates", "7"), "candidates: expected"),
        (("--backend", "ray", "--address", "head"), "--address: expected host:port"),
        (("--backend", "single", "--nodes", "2"), "workers: expected 1 with backend single, got 2"),
    ],
)
def test_a_swarm_that_cannot_be_run_is_refused(refused, arguments, message):
    refused(message, "swarm", *arguments)
