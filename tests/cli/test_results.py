import json


def test_a_number_leads_to_its_statistic_its_records_and_a_command(run, study, monkeypatch):
    monkeypatch.chdir(study[0])
    done = run("trace", "ablation.lift", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["frame"], found["column"]) == ("contrasts", "lift")
    assert found["codes"] == ["b"]
    assert all(f"results/records/{path}" in found["command"] for path in ("rare_words/kv_only.jsonl",))
    assert found["text"] in run("trace", "ablation.lift").stdout


def test_an_unknown_number_is_refused_in_one_line(run, study, monkeypatch):
    monkeypatch.chdir(study[0])
    done = run("trace", "ablation.lifts")
    assert done.exit_code == 1
    assert "'ablation.lift'" in done.stderr


def test_results_that_are_not_there_are_named(run, tmp_path):
    done = run("trace", "x", "--results", tmp_path)
    assert done.exit_code == 1
    assert "provenance.json is missing" in done.stderr


def test_an_artifact_is_verified_and_its_report_made_again(run, packed, tmp_path):
    done = run("verify", packed, "--rebuild", tmp_path / "again")
    assert done.exit_code == 0, done.output
    assert "the same bytes" in done.stdout
    assert run("verify", packed, "--rebuild", tmp_path / "again").exit_code == 1  # not empty
    (tmp_path / "file").write_text("")
    assert "--rebuild" in run("verify", packed, "--rebuild", tmp_path / "file").stderr
