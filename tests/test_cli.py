import json

import pytest
from typer.testing import CliRunner

from hsokv import cli
from hsokv.data import catalogue, sources
from hsokv.exceptions import DataUnavailableError, EncoderError
from hsokv.model.text_encoder import EncoderFiles


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("HSOKV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("HSOKV_DATA_DIR", raising=False)
    monkeypatch.setattr(cli, "resolve_text_encoder", no_encoder)
    return lambda *arguments: CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def no_encoder(download):
    assert not download
    raise DataUnavailableError("nowhere")


@pytest.fixture
def root(tmp_path):
    """A data root with a file, if a small one, for every file there may be."""
    for source in catalogue.SOURCES.values():
        for member in source.members:
            path = tmp_path / "data" / member.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("sentence\tlabel\ngood\t1\n")
    return tmp_path / "data"


def test_a_mistyped_name_is_one_message_on_stderr_without_a_traceback(run):
    result = run("data", "verify", "sst-2")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "error: unknown data 'sst-2'; did you mean 'sst2'? (known: cifar10, mnli, sst2)\n"


@pytest.mark.parametrize("arguments", [("data", "verify"), ("data", "verify", "sst2", "--rot"), ("nothing",)])
def test_wrong_usage_exits_with_2(run, arguments):
    assert run(*arguments).exit_code == 2


def test_list_names_source_terms_and_what_is_here(run, root):
    def listed(*arguments):
        return {row["name"]: row for row in json.loads(run("data", "list", "--json", *arguments).stdout)}

    assert set(listed()) == {"cifar10", "mnli", "sst2"}
    assert (listed()["sst2"]["folder"], listed()["sst2"]["bytes"]) == (None, 7439277)
    row = listed("--root", root)["sst2"]
    assert (row["found"], row["folder"]) == ("user copy", str(root))
    text = run("data", "list").stdout
    assert "sst2: not on this machine" in text
    assert "Socher" in text


def test_verify_tells_user_copies_and_missing_files_apart(run, root, monkeypatch):
    result = run("data", "verify", "sst2")
    assert (result.exit_code, result.stdout.count("missing: ")) == (1, 2)
    result = run("data", "verify", "sst2", "--root", root, "--json")
    assert result.exit_code == 0
    assert [row["status"] for row in json.loads(result.stdout)] == ["user copy", "user copy"]
    monkeypatch.setenv("HSOKV_DATA_DIR", str(root))
    assert run("data", "verify", "sst2").stdout.count("user copy: ") == 2


def test_fetch_reports_where_the_files_are_and_refuses_as_one_message(run, root, monkeypatch):
    found = sources.DataFiles("sst2", "official", {"train": root / "train.tsv"}, {})
    monkeypatch.setattr(cli, "fetch", lambda *_, **__: found)
    assert run("data", "fetch", "sst2").stdout == f"sst2 train: {root / 'train.tsv'} (official)\n"

    def unreachable(*_, **__):
        raise DataUnavailableError("sst2 could not be downloaded")

    monkeypatch.setattr(cli, "fetch", unreachable)
    result = run("data", "fetch", "sst2")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "error: sst2 could not be downloaded\n")


def test_doctor_says_what_will_run(run, root, monkeypatch, tmp_path):
    result = run("doctor", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["cores"] >= 1
    assert report["benchmarks"]["rare_words"] == "will run"
    assert report["benchmarks"]["sst2"].startswith("will run if sst2 and text encoder can be downloaded")
    assert report["benchmarks"]["sst2_synthetic"].startswith("will run if text encoder can be")
    assert report["benchmarks"]["split_cifar10"].startswith("will run if cifar10 can be")
    monkeypatch.setattr(cli, "resolve_text_encoder", lambda download: EncoderFiles(tmp_path, "PyPI mirror", "", {}))
    report = json.loads(run("doctor", "--json", "--root", root).stdout)
    assert set(report["benchmarks"].values()) == {"will run"}
    assert report["encoder"]["found"] == "PyPI mirror"
    assert "benchmark sst2: will run" in run("doctor", "--root", root).stdout


def test_doctor_exits_with_1_where_something_is_refused(run, tmp_path, monkeypatch):
    result = run("doctor", "--root", tmp_path / "absent")
    assert result.exit_code == 1
    assert "sst2: refused: " in result.stdout

    def damaged(download):
        raise EncoderError("model.safetensors: wanted one checksum, came another")

    monkeypatch.setattr(cli, "resolve_text_encoder", damaged)
    result = run("doctor")
    assert result.exit_code == 1
    assert "text encoder: refused: model.safetensors" in result.stdout
