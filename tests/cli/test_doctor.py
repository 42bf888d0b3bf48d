import json

from hsokv.cli import doctor
from hsokv.encoders.files import EncoderFiles
from hsokv.exceptions import EncoderError


def test_doctor_says_what_will_run(run, root, monkeypatch, tmp_path):
    result = run("doctor", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["cores"] >= 1
    assert report["benchmarks"]["rare_words"] == "will run"
    assert report["benchmarks"]["sst2"].startswith(
        "will run if sst2 and text encoder all-MiniLM-L6-v2 can be downloaded"
    )
    assert report["benchmarks"]["sst2_synthetic"].startswith("will run if text encoder all-MiniLM-L6-v2 can be")
    assert report["benchmarks"]["split_cifar10"].startswith("will run if cifar10 can be")
    monkeypatch.setattr(
        doctor, "resolve_encoder", lambda source, download: EncoderFiles(source, tmp_path, "PyPI mirror", {})
    )
    report = json.loads(run("doctor", "--json", "--root", root).stdout)
    assert set(report["benchmarks"].values()) == {"will run"}
    assert {row["name"]: row["found"] for row in report["encoders"]} == {
        "text encoder all-MiniLM-L6-v2": "PyPI mirror",
        "text encoder all-mpnet-base-v2": "PyPI mirror",
    }
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
