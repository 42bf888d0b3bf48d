"""Few-shot tasks of a user's own images with encoders: one from a folder, one that is out of reach."""

import yaml

from tests.encoders.made import save_image_encoder
from tests.runs import read_run
from tests.workflow.conftest import Study

from .test_other_encoders import check_reruns


def test_an_encoder_in_a_folder_is_run_beside_the_dictionary_and_one_out_of_reach_is_not(tmp_path, data):
    study = Study(tmp_path / "study", data)
    study.environment["HF_HUB_OFFLINE"] = "1"
    (tmp_path / "tiny").mkdir()
    save_image_encoder(tmp_path / "tiny", "vit")
    overlay = {
        "only": ["shapes"],
        "encoders": {
            "tiny": {"folder": str(tmp_path / "tiny"), "modality": "images", "pooling": "cls"},
            "far": {"repo_id": "a/far", "revision": "0" * 40, "modality": "images", "pooling": "pooler"},
        },
        "benchmarks": {
            "shapes": {
                "kind": "images",
                "source": "files",
                "folder": "examples/own-images",
                "seeds": [1],
                "headline": ["shots2"],
                "conditions": {
                    "shots2": {"shots": 2},
                    "here": {"shots": 2, "encoder": "tiny"},
                    "there": {"shots": 2, "encoder": "far"},
                },
                "validation_images": 4,
                "num_patches": 8,
                "folds": 2,
                "flops_allowed": 1e12,
            }
        },
    }
    code, output = study.run("results/small/records/shapes/ridge.jsonl", overlay=yaml.safe_dump(overlay))
    assert code == 0, output
    records = study.folder / "results/small/records"
    own, here, there = (read_run("shapes", name, "ridge", 1, records) for name in ("shots2", "here", "there"))
    assert (own.status, own.data["encoder"]["name"]) == ("done", "patch dictionary")
    assert (here.status, here.data["encoder"]["name"]) == ("done", "tiny")
    assert set(here.data["encoder"]["sha256"]) == {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert (there.status, there.data["encoder"]["name"]) == ("not run", "far")
    assert (
        there.reason == "the image encoder a/far is not on this machine and could not be downloaded from huggingface.co"
    )
    check_reruns(study, overlay, "shapes", tmp_path / "tiny")


def test_an_encoder_of_texts_is_refused_on_images_before_any_work(tmp_path, data):
    study = Study(tmp_path / "study", data)
    shapes = {
        "kind": "images",
        "source": "files",
        "folder": "examples/own-images",
        "seeds": [1],
        "headline": ["wrong"],
        "conditions": {"wrong": {"shots": 2, "encoder": "minilm"}},
        "num_patches": 8,
        "folds": 2,
        "flops_allowed": 1e12,
    }
    code, output = study.run(
        "--dry-run", "report", overlay=yaml.safe_dump({"only": ["shapes"], "benchmarks": {"shapes": shapes}})
    )
    assert code == 1
    assert "benchmarks.shapes.conditions.wrong.encoder: " in output
