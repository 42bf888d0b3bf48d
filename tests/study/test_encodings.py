"""Which conditions share features, what makes them, and which data they need."""

import pytest

from hsokv.study.encodings import described, encodings_of
from hsokv.study.features import Request

TINY = {"folder": "/tiny", "pooling": "cls"}


@pytest.fixture
def study():
    """One benchmark of every kind."""
    conditions = {"a": {"shots": 1}, "b": {"shots": 2}}
    others = {"c": {"shots": 1, "encoder": "tiny"}, "d": {"shots": 1, "tuning": {"layers": 1}}}
    return {
        "split": "test",
        "encoder": "minilm",
        "encoders": {"minilm": {"repo_id": "a/b"}, "tiny": TINY},
        "data": {"validation_rows": 5, "validation_images": 6},
        "methods": {"keys": {}, "maps": {}},
        "benchmarks": {
            "words": {"kind": "words", "world": {}, "encoder_steps": 3, "conditions": conditions},
            "texts": {"kind": "texts", "source": "sst2", "conditions": conditions | others},
            "images": {"kind": "images", "source": "cifar10", "num_patches": 4, "conditions": conditions},
            "stream": {
                "kind": "stream",
                "source": "cifar10",
                "num_patches": 4,
                "conditions": {"x": {"tasks": 5}, "y": {"tasks": 2}},
            },
        },
    }


def test_conditions_share_an_encoding_unless_they_name_or_tune_an_encoder(study):
    found = encodings_of(study, "texts")
    assert {name: list(encoding.settings["conditions"]) for name, encoding in found.items()} == {
        "default": ["a", "b"],
        "tiny": ["c"],
        "d": ["d"],
    }
    assert [encoding.encoder for encoding in found.values()] == ["minilm", "tiny", "minilm"]
    assert [encoding.data[1:] for encoding in found.values()] == [
        ["encoder_minilm"],
        ["encoder_tiny"],
        ["encoder_minilm"],
    ]


def test_each_kind_needs_its_own_data_and_settings(study):
    data = {name: encodings_of(study, name)["default"].data for name in study["benchmarks"]}
    assert data["words"] == []
    assert data["images"] == data["stream"] == ["cifar10"]
    stream = encodings_of(study, "stream")["default"].settings
    assert (stream["tasks"], stream["validation_images"]) == (5, 6)


def test_the_folder_of_an_encoder_is_no_part_of_what_features_are_made_of(study):
    assert described(study, "tiny") == {"pooling": "cls"}


def test_every_function_that_makes_an_encoding_is_there(study):
    from importlib import import_module
    from inspect import signature

    for name in study["benchmarks"]:
        for encoding in encodings_of(study, name).values():
            module, _, function = encoding.function.rpartition(".")
            wanted = signature(getattr(import_module(module), function)).parameters.keys() - {"request"}
            assert encoding.settings.keys() - {*Request._fields} == wanted
