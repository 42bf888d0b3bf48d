"""Mistakes of a user end before any work, in one clear message, and nothing that was made is lost."""

import shutil

import pytest

from tests.workflow.conftest import Study


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, data) -> Study:
    """Sources without results."""
    return Study(tmp_path_factory.mktemp("fresh") / "study", data)


def refused(study: Study, *wanted: str, overlay: str | None = None) -> None:
    code, output = study.run("report", overlay=overlay)
    assert code == 1
    assert "Traceback" not in output
    for text in wanted:
        assert text in output
    assert not list((study.folder / "results").glob("*/features"))  # nothing was encoded


@pytest.mark.parametrize(
    ("overlay", "wanted"),
    [
        ("methods: {memry: {k: 3}}", ["methods.memry", "did you mean 'memory'"]),
        ("small: true\nmethods:\n  knn: {k: 1}\nsmall: true", ["overlay.yaml", "small", "lines 1 and 4"]),
        ("benchmarks: {sst2: {conditions: {shots16: {shots: 5000}}}}", ["sst2", "10000"]),  # more than the data have
    ],
)
def test_bad_configuration(fresh, overlay, wanted):
    """All other cases: tests/study/test_configuration.py."""
    refused(fresh, *wanted, overlay=overlay)


def test_bad_data_file(data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    path = tmp_path / "data" / "glue" / "SST-2" / "train.tsv"
    path.write_bytes(b"sentence\tlabel\nfine\t1\nfin")
    refused(Study(tmp_path / "study", tmp_path / "data"), str(path), "row 3: label is empty")


@pytest.mark.parametrize(
    ("name", "value"),
    [("HSOKV_DEVICE", "gpu"), ("HSOKV_CACHE_DIR", "Snakefile"), ("HSOKV_RAY_ADDRESS", "head")],
)
def test_a_variable_of_what_is_not_there(fresh, monkeypatch, name, value):
    monkeypatch.setitem(fresh.environment, name, value)
    refused(fresh, name, value)


def test_a_study_file_that_is_no_text(tmp_path, data):
    study = Study(tmp_path / "study", data)
    (study.folder / "config.yaml").write_bytes(b"paper: {title: Z\xfcrich}")
    refused(study, "config.yaml", "UTF-8")


@pytest.mark.parametrize("target", ["records/sst2/ful.jsonl", "models/sst2/full/seed9"])
def test_a_target_that_there_is_not(fresh, target):
    code, output = fresh.run(f"results/small/{target}")
    assert code == 1
    assert "Traceback" not in output


def test_a_data_folder_that_is_not_there_is_no_reason_for_a_stand_in(tmp_path):
    refused(Study(tmp_path / "study", tmp_path / "nowhere"), "nowhere", "is missing")


def test_an_encoder_file_with_a_wrong_checksum(tmp_path, data):
    folder = tmp_path / "encoder"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).write_bytes(b"{}")
    refused(Study(tmp_path / "study", data), "encoder", "wanted", overlay=f"encoders: {{minilm: {{folder: {folder}}}}}")


def test_a_results_folder_that_cannot_be_written(tmp_path, data):
    study = Study(tmp_path / "study", data)
    (study.folder / "results").write_text("a file where the folder should be")
    code, output = study.run("report")
    assert code == 1
    assert "Traceback" not in output
    assert "results: cannot write to" in output
