from pathlib import Path

import pytest
import yaml

from hsokv.encoders.files import MINILM, MPNET
from hsokv.study.encoders import encoder_source, encoders_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def asked():
    table = {name: {"repo_id": f"a/{name}", "revision": "0" * 40, "tokens": 9} for name in ("minilm", "other", "third")}
    table["pictures"] = {"folder": "/x", "modality": "images", "pooling": "cls"}
    conditions = {"own": {"shots": 1}, "named": {"shots": 1, "encoder": "third"}}
    benchmarks = {"sst2": {"kind": "texts", "conditions": conditions}, "words": {"kind": "words", "conditions": {}}}
    benchmarks["shapes"] = {"kind": "images", "conditions": {"own": {"shots": 1}}}
    return {"encoder": "other", "encoders": table, "benchmarks": benchmarks}


def test_the_study_s_default_is_the_pinned_one():
    configuration = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert encoder_source(configuration["encoders"][configuration["encoder"]]) == MINILM
    assert encoder_source(configuration["encoders"]["mpnet"]) == MPNET
    assert all(entry["revision"] and entry["sha256"] for entry in configuration["encoders"].values())


def test_encoders_are_those_that_conditions_name_and_the_study_s_own(asked):
    assert list(encoders_of(asked)) == ["other", "third"]
    del asked["benchmarks"]["sst2"]
    assert encoders_of(asked) == {}
    asked["benchmarks"]["shapes"]["conditions"]["named"] = {"shots": 1, "encoder": "pictures"}
    assert list(encoders_of(asked)) == ["pictures"]


def test_a_folder_stands_for_the_hub(asked):
    assert encoder_source(asked["encoders"]["other"]).folder is None
    assert encoder_source(asked["encoders"]["other"], "/mine").folder == "/mine"
    assert encoder_source({"folder": "/own"}).name == "own"
