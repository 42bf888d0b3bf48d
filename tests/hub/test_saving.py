"""The folder of a model: whole or refused."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hsokv.exceptions import ConfigurationError, HsokvError, ModelError
from hsokv.hub import HSOKVForSequenceClassification, saving
from hsokv.hub.saving import SIDE, write_side
from hsokv.hub.tokenizer import word_tokenizer

from .conftest import answers


@pytest.fixture
def saved(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def load(folder):
    return HSOKVForSequenceClassification.from_pretrained(folder)


def test_transformers_own_classes_load_it(model, saved):
    loaded = AutoModelForSequenceClassification.from_pretrained(saved)
    assert type(loaded) is HSOKVForSequenceClassification
    assert answers(loaded) == answers(model)
    ids = AutoTokenizer.from_pretrained(saved)(["w0 w2"], return_tensors="pt")["input_ids"]
    said = loaded(input_ids=ids).logits.exp()[0].tolist()
    assert [p for _, p in answers(model)[0]] == pytest.approx(said)


def test_all_that_is_learnt_is_in_safetensors(saved):
    assert {path.suffix for path in saved.iterdir()} == {".json", ".safetensors", ".md"}
    names = load_file(saved / "model.safetensors")
    assert {"predictor.memory.state.count", "predictor.memory.state.clock", "predictor.temperature"} <= names.keys()


def test_saving_the_same_gives_the_same_bytes(model, saved, tmp_path):
    model.save_pretrained(tmp_path / "other")
    for path in saved.iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes(), path.name


def test_a_card_of_a_model_from_no_run_claims_no_score(saved):
    assert "no score is known" in (saved / "README.md").read_text()


def edited(folder, change):
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    side = json.loads((folder / SIDE).read_text())
    write_side(folder, side["entries"], side["run"])


def cut(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def flip(folder):
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def only_pickles(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def newer(folder):
    edited(folder, lambda config: config.update(format=2))


def other_shapes(folder):
    edited(folder, lambda config: config["predictor"]["fields"]["gate"].update(shape=[3]))


def a_tensor_less(folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["predictor.gate"]
    save_file(tensors, folder / "model.safetensors")
    edited(folder, lambda config: None)


def another_tokenizer(folder):
    word_tokenizer([f"v{i}" for i in range(50)]).save(str(folder / "tokenizer.json"))
    edited(folder, lambda config: None)


def no_checksums(folder):
    side = json.loads((folder / SIDE).read_text())
    (folder / SIDE).write_text(json.dumps(side | {"sha256": {}}))


BAD = {
    "no weights": (lambda f: (f / "model.safetensors").unlink(), ModelError, "has no model.safetensors"),
    "no checkpoint": (lambda f: [p.unlink() for p in f.iterdir()], ModelError, "has no config.json, model.safetensors"),
    "truncated": (cut, ModelError, r"model.safetensors: wanted SHA-256 .*cut short or changed"),
    "tampered": (flip, ModelError, r"model.safetensors: wanted SHA-256 .*cut short or changed"),
    "pickles": (only_pickles, ModelError, r"holds pickles \(pytorch_model.bin\).*weights_only=True"),
    "newer": (
        lambda f: edited(f, lambda c: c.update(format=2)),
        ConfigurationError,
        "format 1 or less, came 2.*upgrade",
    ),
    "other shapes": (
        lambda f: edited(f, lambda c: c["predictor"]["fields"]["gate"].update(shape=[3])),
        ModelError,
        "gate",
    ),
    "a tensor less": (a_tensor_less, ModelError, r"does not fit config.json.*predictor.gate"),
    "tokenizer": (another_tokenizer, ModelError, "wanted at most 13 tokens.*came 51"),
    "no checksums": (no_checksums, ModelError, r"not whole.*checksums of \[\]"),
    "side file": (lambda f: (f / SIDE).write_text("{"), ModelError, "not whole"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_whole_model_is_refused(saved, case):
    damage, error, message = BAD[case]
    damage(saved)
    with pytest.raises(error, match=message):
        load(saved)


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="wanted the folder of a model, came nothing"):
        load(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="came a file"):
        load(tmp_path / "file")


def test_a_name_that_the_hub_does_not_know_is_refused(monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(saving, "cached_file", offline)
    with pytest.raises(ModelError, match="someone/model: no folder here, and no model that the hub gives out now"):
        load("someone/model")


def test_a_place_that_cannot_be_written_is_refused_and_left_as_it_was(model, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(HsokvError, match=r"cannot write .*file"):
        model.save_pretrained(tmp_path / "file" / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def nobody():
    """Not root, who may write anywhere, for as long as the test lasts."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


@pytest.mark.usefixtures("nobody")
def test_a_place_without_permission_is_refused(model):
    with pytest.raises(HsokvError, match=r"(?i)cannot write .*permission denied: choose a folder you may write"):
        model.save_pretrained(Path("/model"))
