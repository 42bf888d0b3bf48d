"""`hsokv trace` and `hsokv verify`."""

import json

import pytest

from hsokv.archive import check


def test_a_number_leads_to_its_statistic_its_records_and_a_command(run, refused, study, monkeypatch):
    monkeypatch.chdir(study[0])
    done = run("trace", "ablation.lift", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["frame"], found["column"], found["codes"]) == ("contrasts", "lift", ["b"])
    assert "results/records/rare_words/kv_only.jsonl" in found["command"]
    assert found["text"] in (printed := run("trace", "ablation.lift").stdout)
    assert "commit" not in printed  # that of the folder need not be that of the records
    refused("'ablation.lift'", "trace", "ablation.lifts")
    refused("'-11.9'", "trace", "-11.9")


def test_results_that_are_not_there_are_named(refused, tmp_path):
    refused("provenance.json is missing", "trace", "x", "--results", tmp_path)


@pytest.mark.parametrize("other", [[], ["report/report.md"]])
def test_an_artifact_is_verified_and_its_report_made_again(run, refused, packed, tmp_path, monkeypatch, other):
    monkeypatch.setattr(check, "rebuild", lambda artifact, folder: other)  # tests/archive rebuilds
    done = run("verify", packed, "--rebuild", tmp_path / "again")
    assert "files as the manifest says" in done.stdout
    assert done.exit_code == bool(other)
    assert ("the same bytes" in done.stdout) == (not other)
    assert all(name in done.stderr for name in other)
    (tmp_path / "file").write_text("")
    for taken in (tmp_path, tmp_path / "file"):
        refused("--rebuild", "verify", packed, "--rebuild", taken)
