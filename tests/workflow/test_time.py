"""How long a study took: measured by the run that made all records, kept by every later one."""

import json

import yaml

from tests.workflow.conftest import Study

TINY = {
    "small": False,
    "only": None,  # which would leave the criterion out: the time is that of a whole study
    "variants": ["kv_only"],
    "baselines": ["knn"],
    "distributed": None,
    "contrasts": [],
    "criteria": [  # with others, on what is not here, a part of the study would be timed
        {"name": "study_time", "benchmark": "study", "arm": "full", "score": "minutes", "kind": "rate", "below": 30.0}
    ],
    "benchmarks": {
        **dict.fromkeys(
            [
                "sst2",
                "sst2_synthetic",
                "mnli",
                "split_cifar10",
                "split_cifar10_synthetic",
                "intent_life",
            ]
        ),
        "rare_words": {
            "seeds": [1, 2],
            "headline": ["two_senses_level1"],
            "conditions": dict.fromkeys(
                ("two_senses_level2", "two_senses_level3", *(f"one_sense_level{level}" for level in (1, 2, 3)))
            ),
        },
    },
}
RECORDS = "results/small/records/rare_words/knn.jsonl"
CRITERIA = "results/small/statistics/criteria.json"


def verdict(study: Study) -> dict:
    entries = json.loads((study.folder / CRITERIA).read_text())
    return next(entry for entry in entries if entry["name"] == "study_time")


def test_a_study_is_timed_once_by_the_run_that_made_it_all(tmp_path, data):
    study = Study(tmp_path / "study", data)
    tiny = yaml.safe_dump(TINY)
    code, output = study.run(CRITERIA, overlay=tiny)
    assert code == 0, output
    kept = (study.folder / "results/small/time/study.json").read_bytes()
    assert verdict(study)["verdict"] == "pass"
    assert 0 < verdict(study)["value"] == json.loads(kept)["minutes"]
    (study.folder / RECORDS).unlink()
    code, output = study.run(RECORDS, CRITERIA, overlay=tiny)
    assert code == 0, output
    assert (study.folder / "results/small/time/study.json").read_bytes() == kept
    assert verdict(study)["verdict"] == "pass"
    code, output = study.run(CRITERIA, overlay=yaml.safe_dump({**TINY, "methods": {"knn": {"k": 3}}}))
    assert code == 0, output
    assert (study.folder / "results/small/time/study.json").read_bytes() == kept
    assert verdict(study)["reason"] == "the time that is kept is of another configuration"
    (study.folder / "results/small/time/study.json").unlink()
    code, output = study.run(CRITERIA, overlay=tiny)
    assert code == 0, output
    assert verdict(study)["reason"] == "the run that ended went on from records of an earlier one"
