import json

import pytest

from hsokv.cli import data
from hsokv.data import sources
from hsokv.exceptions import DataUnavailableError


def test_a_mistyped_name_is_one_message_on_stderr_without_a_traceback(run):
    result = run("data", "verify", "sst-2")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "did you mean 'sst2'?" in result.stderr


@pytest.mark.parametrize("arguments", [("data", "verify"), ("data", "verify", "sst2", "--rot"), ("nothing",)])
def test_wrong_usage_exits_with_2(run, arguments):
    assert run(*arguments).exit_code == 2


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
    monkeypatch.setattr(data, "fetch", lambda *_, **__: found)
    assert run("data", "fetch", "sst2").stdout == f"sst2 train: {root / 'train.tsv'} (official)\n"

    def unreachable(*_, **__):
        raise DataUnavailableError("sst2 could not be downloaded")

    monkeypatch.setattr(data, "fetch", unreachable)
    result = run("data", "fetch", "sst2")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "error: sst2 could not be downloaded\n")
