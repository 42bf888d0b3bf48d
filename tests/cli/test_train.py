"""`hsokv train` and `hsokv export`: what they ask of the study's rules, and what they refuse before any work."""

import json
import sys
from dataclasses import replace

import pytest

from hsokv.cli import train
from hsokv.exceptions import HsokvError
from hsokv.records import RunRecord
from tests.runs import write_runs

RECORD = RunRecord(
    *("rare_words", "two_senses_level1", "kv_only", 7, "done", None, {}),
    *({"configuration": "", "code": "", "data": ""}, "0", {"synthetic": False, "split": "generated"}),
    *({"allowed": 10, "spent": 5}, {"accuracy": 0.5}, "01", False, {}, {}),
)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What the rules are asked for; the answer is a record, and a folder for a model."""
    calls, answer = [], {}

    def snakemake(targets, overlays, overlay, cores, environment):
        calls.append((targets, overlay))
        write_runs([replace(RECORD, **answer)], tmp_path / "out" / "records")
        for model in targets[2:]:
            model.mkdir(parents=True)
            (model / "config.json").write_text("{}")

    monkeypatch.setattr(train, "_snakemake", snakemake)
    return calls, answer


TRAIN = ("train", "--benchmark", "rare_words", "--ablate", "swarm", "--ablate", "maps", "--ablate", "keys", "--seed", 7)


def test_train_asks_for_one_record_and_its_model_and_tells_the_scores(run, asked, tmp_path):
    calls, _ = asked
    more = ("--iterations", "10", "--output", tmp_path / "out", "--save-pretrained", tmp_path / "model", "--json")
    result = run(*TRAIN, *more)
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["status"], told["scores"], told["model"]) == ("done", {"accuracy": 0.5}, str(tmp_path / "model"))
    ((record, _, model), overlay), *_ = calls
    assert str(record) == told["record"]
    assert str(model).endswith("out/models/rare_words/kv_only/seed7")
    changed = overlay["benchmarks"]["rare_words"]
    assert (changed["seeds"], changed["headline"]) == ([7], ["two_senses_level1"])
    assert set(changed["conditions"].values()) == {None}
    assert overlay["only"] == ["rare_words"]
    assert (overlay["variants"], overlay["methods"]) == (["kv_only"], {"head": {"steps": 10}})
    assert (tmp_path / "model" / "config.json").exists()


def test_a_run_that_could_not_be_made_says_why_and_exits_with_1(run, asked, tmp_path):
    asked[1].update(status="not run", reason="no data here", scores={}, outcomes="")
    result = run(*TRAIN, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "no data here" in result.stdout


def test_shots_make_a_condition_of_their_own_and_the_only_one():
    definition = {"kind": "texts", "headline": ["shots16"], "conditions": {"shots16": {}, "shots1": {}}}
    conditions = {"shots16": None, "shots1": None, "shots4": {"shots": 4}}
    assert train.only("sst2", definition, None, 4) == ("shots4", {"headline": ["shots4"], "conditions": conditions})
    only = {"headline": ["shots16"], "conditions": {"shots1": None}}
    assert train.only("sst2", definition, None, None) == ("shots16", only)
    other = {"headline": ["shots1"], "conditions": {"shots16": None}}
    assert train.only("sst2", definition, "shots1", None) == ("shots1", other)


def test_export_copies_the_model_of_a_run_of_the_study(run, monkeypatch, tmp_path):
    def snakemake(targets, overlays, overlay, cores, environment):
        folder = train.STUDY / targets[0]
        folder.mkdir(parents=True)
        for name in ("config.json", "README.md"):
            (folder / name).write_text("{}")

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "README.md").write_text("of the user")
    (tmp_path / "overlay.yaml").write_text(f"results: {tmp_path / 'results'}\n")
    monkeypatch.setattr(train, "_snakemake", snakemake)
    overlay = ("--configfile", tmp_path / "overlay.yaml")
    result = run("export", "--benchmark", "rare_words", "--save-pretrained", tmp_path / "model", *overlay)
    assert (result.exit_code, result.stdout) == (0, f"model: {tmp_path / 'model'}\n")
    assert (tmp_path / "results/models/rare_words/full/seed1001/config.json").exists()
    assert (tmp_path / "model" / "config.json").exists()
    assert (tmp_path / "model" / "README.md").read_text() == "of the user"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--benchmark", "rare_word"), "--benchmark: unknown name 'rare_word'; did you mean 'rare_words'?"),
        (("--benchmark", "sst2", "--arm", "ful"), "--arm: unknown name 'ful'; did you mean 'full'?"),
        (("--benchmark", "sst2", "--ablate", "swam"), "--ablate: unknown name 'swam'; did you mean 'swarm'?"),
        (("--benchmark", "sst2", "--ablate", "keys"), "no arm is `full` without these alone"),
        (("--benchmark", "sst2", "--arm", "knn", "--ablate", "swarm"), "wanted with --arm full"),
        (("--benchmark", "sst2", "--arm", "joint"), "--arm joint: not defined on sst2"),
        (("--benchmark", "rare_words", "--shots", "3"), "--shots: wanted for benchmarks of texts"),
        (
            ("--benchmark", "sst2", "--condition", "shot16"),
            "--condition: unknown name 'shot16'; did you mean 'shots16'?",
        ),
        (("--benchmark", "sst2", "--condition", "shots16", "--shots", "3"), "wanted --condition or --shots, came both"),
        (("--benchmark", "rare_words", "--device", "cdua"), "--device: unknown name 'cdua'; did you mean 'cuda'?"),
        (("--benchmark", "sst2", "--configfile", "absent.yaml"), "absent.yaml: expected a file"),
    ],
)
def test_what_cannot_be_run_is_refused_before_any_work(refused, asked, arguments, message):
    refused(message, "train", *arguments)
    assert asked[0] == []


@pytest.mark.parametrize(
    "content",
    [
        b"small: [1",
        b"",
        b"benchmarks: {rare_words: {conditions: null}}",
        b"only: &a [*a]",
        b"small: " + b"9" * 5000,
    ],
)
def test_an_overlay_with_a_mistake_is_refused_before_any_work(refused, asked, tmp_path, content):
    (tmp_path / "mine.yaml").write_bytes(content)
    refused("", "train", "--benchmark", "rare_words", "--configfile", tmp_path / "mine.yaml")
    assert asked[0] == []


@pytest.mark.parametrize("command", ["train", "export"])
def test_a_model_is_not_written_in_place_of_a_file(refused, asked, tmp_path, command):
    (tmp_path / "file").write_text("")
    refused("is a file", command, "--benchmark", "rare_words", "--save-pretrained", tmp_path / "file")
    assert asked[0] == []


def test_an_error_of_the_rules_is_an_error(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "STUDY", tmp_path)
    refused("holds no Snakefile", "export", "--benchmark", "rare_words", "--save-pretrained", tmp_path / "model")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(HsokvError, match="Snakemake stopped with an error"):
        train._snakemake([tmp_path / "x"], None, {}, 1, {})
