"""Which encoders a study uses, which conditions share features, and what these are made of."""

from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
import yaml

from hsokv.encoders.files import MINILM, MPNET
from hsokv.study.encoders import encoder_source, encoders_of
from hsokv.study.encodings import described, encodings_of
from hsokv.study.features import Request

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def study():
    """One benchmark of every kind, and encoders of texts and of images."""
    conditions = {"a": {"shots": 1}, "b": {"shots": 2}}
    others = {"c": {"shots": 1, "encoder": "tiny"}, "d": {"shots": 1, "tuning": {"layers": 1}}}
    images = {"source": "cifar10", "num_patches": 4}
    return {
        "split": "test",
        "encoder": "minilm",
        "encoders": {
            "unused": {"folder": "/nowhere", "pooling": "cls"},
            "minilm": {"repo_id": "a/b"},
            "tiny": {"folder": "/tiny", "pooling": "cls"},
            "pictures": {"folder": "/x", "modality": "images", "pooling": "cls"},
        },
        "data": {"validation_rows": 5, "validation_images": 6},
        "methods": {"keys": {}, "maps": {}},
        "benchmarks": {
            "words": {"kind": "words", "world": {}, "encoder_steps": 3, "conditions": conditions},
            "texts": {"kind": "texts", "source": "sst2", "conditions": conditions | others},
            "images": {"kind": "images", **images, "conditions": conditions},
            "stream": {"kind": "stream", **images, "conditions": {"x": {"tasks": 5}, "y": {"tasks": 2}}},
        },
    }


def test_the_study_s_encoders_are_the_pinned_ones():
    configuration = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert encoder_source(configuration["encoders"][configuration["encoder"]]) == MINILM
    assert encoder_source(configuration["encoders"]["mpnet"]) == MPNET
    assert all(entry["revision"] and entry["sha256"] for entry in configuration["encoders"].values())


def test_encoders_are_those_that_conditions_name_and_the_study_s_own(study):
    assert list(encoders_of(study)) == ["minilm", "tiny"]
    del study["benchmarks"]["texts"]
    assert encoders_of(study) == {}
    study["benchmarks"]["images"]["conditions"]["named"] = {"shots": 1, "encoder": "pictures"}
    assert list(encoders_of(study)) == ["pictures"]


def test_a_folder_stands_for_the_hub(study):
    hub = {"repo_id": "a/b", "revision": "0" * 40, "tokens": 9}
    assert encoder_source(hub).folder is None
    assert encoder_source(hub, "/mine").folder == "/mine"
    assert encoder_source({"folder": "/own"}).name == "own"
    assert described(study, "tiny") == {"pooling": "cls"}  # where a folder lies changes no features


def test_conditions_share_an_encoding_unless_they_name_or_tune_an_encoder(study):
    found = encodings_of(study, "texts")
    assert {name: (list(each.settings["conditions"]), each.encoder, each.data[1:]) for name, each in found.items()} == {
        "default": (["a", "b"], "minilm", ["encoder_minilm"]),
        "tiny": (["c"], "tiny", ["encoder_tiny"]),
        "d": (["d"], "minilm", ["encoder_minilm"]),
    }


def test_each_kind_needs_its_own_data_and_the_settings_of_its_function(study):
    found = {name: encodings_of(study, name) for name in study["benchmarks"]}
    assert {name: each["default"].data for name, each in found.items() if name != "texts"} == {
        "words": [],
        "images": ["cifar10"],
        "stream": ["cifar10"],
    }
    stream = found["stream"]["default"].settings
    assert (stream["tasks"], stream["validation_images"]) == (5, 6)
    for encoding in (encoding for each in found.values() for encoding in each.values()):
        module, _, function = encoding.function.rpartition(".")
        wanted = signature(getattr(import_module(module), function)).parameters.keys() - {"request"}
        assert encoding.settings.keys() - {*Request._fields} == wanted
