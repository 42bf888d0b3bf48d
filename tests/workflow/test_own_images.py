"""The examples of images of docs/own-data.md, run as they say, with some of the arms."""

import yaml

from tests.runs import read_run
from tests.workflow.conftest import REPOSITORY, Study


def test_the_example_of_own_images_runs_from_its_folder(tmp_path, data):
    study = Study(tmp_path / "study", data)
    example = yaml.safe_load((REPOSITORY / "examples/own-images.yaml").read_text())
    example["benchmarks"]["shapes"]["seeds"] = [1]
    targets = [f"results/own-images/records/shapes/{arm}.jsonl" for arm in ("ridge", "fine_tune")]
    code, output = study.run(*targets, overlay=yaml.safe_dump(example))
    assert code == 0, output
    for arm in ("ridge", "fine_tune"):
        record = read_run("shapes", "three_tasks", arm, 1, study.folder / "results/own-images/records")
        assert (record.status, record.data["kind"]) == ("done", "own file")
        assert len(record.outcomes) == 6 * example["benchmarks"]["shapes"]["validation_images"]


def test_the_example_of_few_shots_of_own_images_runs_from_its_folder(tmp_path, data):
    study = Study(tmp_path / "study", data)
    example = yaml.safe_load((REPOSITORY / "examples/own-image-shots.yaml").read_text())
    example["benchmarks"]["shapes"]["seeds"] = [1]
    code, output = study.run("results/own-image-shots/records/shapes/full.jsonl", overlay=yaml.safe_dump(example))
    assert code == 0, output
    for condition in ("shots4", "shots1"):
        record = read_run("shapes", condition, "full", 1, study.folder / "results/own-image-shots/records")
        assert (record.status, record.data["kind"]) == ("done", "own file")
        assert len(record.outcomes) == 6 * example["benchmarks"]["shapes"]["validation_images"]


def test_what_is_wrong_with_own_images_is_named_before_any_work(tmp_path, data):
    study = Study(tmp_path / "study", data)
    (study.folder / "examples/own-images/train/disc/00.png").write_bytes(b"")
    code, output = study.run("report", overlay=(REPOSITORY / "examples/own-images.yaml").read_text())
    assert code == 1
    assert "Traceback" not in output
    assert "train/disc/00.png: not whole images" in output
    assert not list((study.folder / "results").glob("*/features"))
