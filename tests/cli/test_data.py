"""`hsokv data` and `hsokv doctor`, and what is wrong usage of any command."""

import json

import pytest

from hsokv.cli import data, doctor
from hsokv.data import sources
from hsokv.encoders.files import EncoderFiles
from hsokv.exceptions import DataUnavailableError, EncoderError


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("data", "verify"),
        ("data", "verify", "sst2", "--rot"),
        *(("swarm", "--backend", "single", option, 10**12) for option in ("--nodes", "--iterations", "--seed")),
        *(("tune", "model", "--file", "own.csv", "--learning-rate", rate) for rate in ("nan", "inf", "-1")),
        *(("tune", "model", "--file", "own.csv", "--iterations", number) for number in ("0", "1e9")),
    ],
)
def test_wrong_usage_exits_with_2(run, folder, table, monkeypatch, arguments):
    monkeypatch.chdir(table.parent)
    assert run(*arguments).exit_code == 2


def test_a_mistyped_name_is_one_line(run):
    result = run("data", "verify", "sst-2")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "did you mean 'sst2'?" in result.stderr


def test_list_names_source_terms_and_what_is_here(run, root):
    def listed(*arguments):
        return {row["name"]: row for row in json.loads(run("data", "list", "--json", *arguments).stdout)}

    assert set(listed()) == {"banking77", "cifar10", "clinc150", "mnli", "sst2"}
    assert (listed()["sst2"]["folder"], listed()["sst2"]["bytes"]) == (None, 7439277)
    row = listed("--root", root)["sst2"]
    assert (row["found"], row["folder"]) == ("user copy", str(root))
    text = run("data", "list").stdout
    assert "sst2: not on this machine" in text
    assert "Socher" in text


@pytest.mark.parametrize("name", ["HSOKV_DATA_DIR", "HSOKV_CACHE_DIR"])
@pytest.mark.parametrize("command", [("data", "list"), ("doctor",)])
def test_a_variable_that_names_a_file_is_refused(refused, table, monkeypatch, name, command):
    monkeypatch.setenv(name, str(table))
    refused(f"error: {name}: ", *command)


def test_verify_tells_user_copies_and_missing_files_apart(run, root, monkeypatch):
    result = run("data", "verify", "sst2")
    assert (result.exit_code, result.stdout.count("missing: ")) == (1, 2)
    result = run("data", "verify", "sst2", "--root", root, "--json")
    assert result.exit_code == 0
    assert [row["status"] for row in json.loads(result.stdout)] == ["user copy", "user copy"]
    monkeypatch.setenv("HSOKV_DATA_DIR", str(root))
    assert run("data", "verify", "sst2").stdout.count("user copy: ") == 2


def test_fetch_reports_where_the_files_are_and_refuses_as_one_message(run, refused, root, monkeypatch):
    found = sources.DataFiles("sst2", "official", {"train": root / "train.tsv"}, {})
    monkeypatch.setattr(data, "fetch", lambda *_, **__: found)
    assert run("data", "fetch", "sst2").stdout == f"sst2 train: {root / 'train.tsv'} (official)\n"

    def unreachable(*_, **__):
        raise DataUnavailableError("sst2 could not be downloaded")

    monkeypatch.setattr(data, "fetch", unreachable)
    refused("error: sst2 could not be downloaded\n", "data", "fetch", "sst2")


def test_doctor_says_what_will_run(run, root, monkeypatch, tmp_path):
    result = run("doctor", "--json")
    assert result.exit_code == 0
    will = json.loads(result.stdout)["benchmarks"]
    assert will["rare_words"] == "will run"
    assert will["sst2"].startswith("will run if sst2 and text encoder all-MiniLM-L6-v2 can be downloaded")
    assert will["sst2_synthetic"].startswith("will run if text encoder all-MiniLM-L6-v2 can be")
    assert will["split_cifar10"].startswith("will run if cifar10 can be")

    def resolved(source, download):
        return EncoderFiles(source, tmp_path, "PyPI mirror", {})

    monkeypatch.setattr(doctor, "resolve_encoder", resolved)
    report = json.loads(run("doctor", "--json", "--root", root).stdout)
    assert set(report["benchmarks"].values()) == {"will run"}
    assert {row["found"] for row in report["encoders"]} == {"PyPI mirror"}
    assert "benchmark sst2: will run" in run("doctor", "--root", root).stdout


def test_doctor_exits_with_1_where_something_is_refused(run, tmp_path, monkeypatch):
    (tmp_path / "bare").mkdir()
    result = run("doctor", "--root", tmp_path / "bare")
    assert result.exit_code == 1
    assert "sst2: refused: " in result.stdout

    def damaged(source, download):
        raise EncoderError("model.safetensors: wanted one checksum, came another")

    monkeypatch.setattr(doctor, "resolve_encoder", damaged)
    result = run("doctor")
    assert result.exit_code == 1
    assert "text encoder all-MiniLM-L6-v2: refused: model.safetensors" in result.stdout
