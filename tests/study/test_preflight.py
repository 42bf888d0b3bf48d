import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from hsokv.data import sources
from hsokv.exceptions import DataError, EncoderError, HsokvError
from hsokv.study.preflight import ROOM, attempt, check_data, check_folder, hold_folder

NOWHERE = Path("/nowhere")


def texts(**sources):
    conditions = {"shots1": {"shots": 1}}
    benchmarks = {name: {"source": source, "conditions": conditions} for name, source in sources.items()}
    return {
        "data": {"development_rows": 1},
        "encoder": {"folder": None},
        "benchmarks": {"rare_words": {}, **benchmarks},
    }


TEXTS = texts(sst2="sst2", again="sst2", made="sst2_synthetic")


def test_the_folder_is_made_and_held(tmp_path):
    folder = tmp_path / "a" / "results"
    with hold_folder(folder):
        assert folder.is_dir()
        with pytest.raises(HsokvError, match=f"another run is writing to {folder}; wait"):
            hold_folder(folder)


def test_it_can_be_held_again_after_it_was_let_go(tmp_path):
    hold_folder(tmp_path).close()
    hold_folder(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HsokvError, match=r"cannot write to the results folder .*file/results: .*free some space"):
        hold_folder(tmp_path / "file" / "results")


def test_a_folder_is_checked_without_writing(tmp_path, monkeypatch):
    check_folder(tmp_path / "a" / "results")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(HsokvError, match=r"cannot write to the results folder .*/file/results: .*file is a file"):
        check_folder(tmp_path / "file" / "results")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=ROOM - 1))
    with pytest.raises(HsokvError, match="free some space"):
        check_folder(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(HsokvError, match="read-only"):
        check_folder(tmp_path)


def test_without_a_folder_of_ones_own_sources_are_to_be_downloaded():
    assert check_data(TEXTS, None, NOWHERE) == {"sst2": "download"}


def test_generated_benchmarks_need_nothing():
    assert check_data(texts(made="sst2_synthetic"), None, NOWHERE) == {}


@pytest.fixture
def own_copy(tmp_path, monkeypatch):
    monkeypatch.setenv("HSOKV_CACHE_DIR", str(tmp_path / "cache"))
    paths = [tmp_path / "own" / member.path for member in sources.SOURCES["sst2"].members]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [f"{path.stem} {number}\t{number % 2}" for number in range(6)]
        path.write_text("\n".join(["sentence\tlabel", *rows, ""]))
    return tmp_path / "own", paths


def test_ones_own_files_are_read_and_named_by_checksum(own_copy):
    root, _ = own_copy
    found = check_data(TEXTS, root, NOWHERE)
    assert set(found["sst2"]) == {member.path for member in sources.SOURCES["sst2"].members}
    assert all(len(digest) == 64 for digest in found["sst2"].values())


def test_a_damaged_file_of_ones_own_is_named_before_any_work(own_copy):
    root, paths = own_copy
    paths[0].write_text("nothing\n")
    with pytest.raises(DataError, match=paths[0].name):
        check_data(TEXTS, root, NOWHERE)


def test_a_forgotten_folder_makes_nothing_stale(own_copy, tmp_path):
    root, _ = own_copy
    found = check_data(TEXTS, root, tmp_path)["sst2"]
    (tmp_path / "sst2.json").write_text(json.dumps({"status": "done", "found": found}))
    assert check_data(TEXTS, None, tmp_path)["sst2"] == found
    (tmp_path / "sst2.json").write_text(json.dumps({"status": "not run", "found": found}))
    assert check_data(TEXTS, None, tmp_path)["sst2"] == "download"


def test_a_damaged_encoder_is_named_before_any_work(tmp_path):
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(EncoderError, match="wanted"):
        check_data(texts() | {"encoder": {"folder": str(tmp_path)}}, None, NOWHERE)


def test_more_shots_than_the_data_have_are_refused(own_copy):
    asked = texts(sst2="sst2")
    asked["benchmarks"]["sst2"]["conditions"] = {"shots2": {"shots": 2}}
    with pytest.raises(DataError, match=r"sst2: wanted 1 development rows, 2 train and 2 dev shots .* has 3 different"):
        check_data(asked, own_copy[0], NOWHERE)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, 0),
        ("{", 0),
        ("{}", 0),
        (json.dumps({"attempts": 1, "status": "done"}), 0),
        (json.dumps({"attempts": 1, "status": "not run"}), 1),
        (json.dumps({"attempts": 3, "status": "not run"}), 3),
        (json.dumps({"attempts": 4, "status": "done"}), 3),
    ],
)
def test_attempts_that_failed_are_counted(tmp_path, content, expected):
    manifest = tmp_path / "manifest.json"
    if content is not None:
        manifest.write_text(content)
    assert attempt(manifest) == expected
