"""Conditions with encoders of their own: one from a folder, one that is out of reach."""

import json

import yaml

from tests.encoders.made import save_encoder
from tests.runs import read_run
from tests.workflow.conftest import Study


def check_reruns(study, overlay, benchmark, folder):
    """Nothing runs again but what reads the encoder in `folder`, once that has changed."""
    target, overlay = f"results/small/records/{benchmark}/ridge.jsonl", yaml.safe_dump(overlay)
    assert "Nothing to be done" in study.run(target, overlay=overlay)[1]  # the hub does not answer: not asked again
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"layer_norm_eps": 0.1}))
    output = study.run("--dry-run", target, overlay=overlay)[1]
    assert f"{benchmark}, {folder.name}: drawing" in output
    assert f"{benchmark}, far: drawing" not in output
    assert f"{benchmark}, default: drawing" not in output


def test_an_encoder_in_a_folder_is_run_and_one_out_of_reach_is_not_until_it_is_in_reach(tmp_path, data):
    study = Study(tmp_path / "study", data)
    study.environment["HF_HUB_OFFLINE"] = "1"
    (tmp_path / "tiny").mkdir()
    save_encoder(tmp_path / "tiny", "bert")
    overlay = {
        "encoders": {
            "tiny": {"folder": str(tmp_path / "tiny"), "pooling": "cls", "tokens": 20},
            "far": {"repo_id": "a/far", "revision": "0" * 40, "pooling": "mean", "tokens": 20},
        },
        "benchmarks": {
            "sst2": {
                "seeds": [1],
                "conditions": {
                    "shots1": None,
                    "shots16_descriptions": None,
                    "shots16_semi_supervised": None,
                    "here": {"shots": 16, "encoder": "tiny"},
                    "there": {"shots": 16, "encoder": "far"},
                },
            }
        },
    }
    code, output = study.run("results/small/records/sst2/ridge.jsonl", overlay=yaml.safe_dump(overlay))
    assert code == 0, output
    records = study.folder / "results/small/records"
    here, there, own = (read_run("sst2", name, "ridge", 1, records) for name in ("here", "there", "shots16"))
    assert (here.status, own.status) == ("done", "done")
    assert (here.data["encoder"]["name"], own.data["encoder"]["name"]) == ("tiny", "all-MiniLM-L6-v2")
    assert (there.status, there.data["encoder"]["name"]) == ("not run", "far")
    assert (
        there.reason == "the text encoder a/far is not on this machine and could not be downloaded from huggingface.co"
    )
    check_reruns(study, overlay, "sst2", tmp_path / "tiny")
