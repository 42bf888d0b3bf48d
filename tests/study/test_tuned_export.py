"""A model of a condition that tunes its encoder: it answers texts, and not features alone, as its record says."""

import numpy as np
import pytest

from hsokv.arms.registry import METHODS
from hsokv.data.examples import PAIR
from hsokv.exceptions import RecordError
from hsokv.hub import HSOKVForSequenceClassification
from hsokv.study.benchmarks import module_of, task_of
from hsokv.study.export import Texts, export_model
from hsokv.study.features import read_provenance, write_features
from hsokv.study.runs import run_arm
from hsokv.study.text import load_texts
from tests.runs import read_run

from .test_tuned_text import BENCHMARK, CONDITIONS, PAIRS, SOURCE, encode

ROWS = 5


def run(features, records, settings, name, source=SOURCE):
    arm, definition = "kv_only", BENCHMARK | source | {"conditions": {name: CONDITIONS[name]}}
    groups = {group: settings[group] for group in METHODS[arm].settings}
    module, task = module_of(arm), task_of(definition, arm)
    run_arm(source["source"], arm, module, groups, task, [1], features, records, "code", lambda line: None)
    return read_run(source["source"], name, arm, 1, records), definition


@pytest.mark.parametrize("name", ["plain", "contrast", "guesses", "learnt_guesses"])
def test_texts_are_answered_as_the_record_says(features, settings, tmp_path, name):
    record, definition = run(features, tmp_path / "records", settings, name)
    made = export_model(record, definition, features, {1: record.scores}, Texts(validation_rows=ROWS))
    made.save_pretrained(tmp_path / "model")
    model = HSOKVForSequenceClassification.from_pretrained(tmp_path / "model")
    test = load_texts(SOURCE, None, "validation", ROWS)[1]
    said = [next(iter(row)) for row in model.predict(test.inputs)]
    right = "".join("01"[name == model.labels[label]] for name, label in zip(said, test.labels, strict=True))
    assert right == record.outcomes
    with np.load(features / ("default/evaluation.npz" if name == "plain" else f"{name}/seed1.npz")) as arrays:
        np.testing.assert_allclose(model.encode(test.inputs).numpy(), arrays["test/x"], rtol=0, atol=1e-5)


def test_pairs_are_answered_as_the_record_says(settings, tmp_path):
    encode(tmp_path / "features", source=PAIRS, conditions={name: CONDITIONS[name] for name in ("plain", "contrast")})
    record, definition = run(tmp_path / "features", tmp_path / "records", settings, "contrast", PAIRS)
    model = export_model(record, definition, tmp_path / "features", {}, Texts(validation_rows=ROWS))
    test = load_texts(PAIRS, None, "validation", ROWS)[1]
    pairs = [tuple(text.split(PAIR)) for text in test.inputs]
    said = [next(iter(row)) for row in model.predict(pairs)]
    right = "".join("01"[name == model.labels[label]] for name, label in zip(said, test.labels, strict=True))
    assert right == record.outcomes
    with np.load(tmp_path / "features/contrast/seed1.npz") as arrays:
        np.testing.assert_allclose(model.encode(pairs).numpy(), arrays["test/x"], rtol=0, atol=1e-5)


def test_features_that_are_no_longer_those_of_the_shots_are_refused(features, settings, tmp_path):
    record, definition = run(features, tmp_path / "records", settings, "contrast")
    with np.load(features / "contrast" / "seed1.npz") as arrays:
        changed = {key: arrays[key] for key in arrays.files}
    changed["contrast/train/text"] = changed["contrast/train/text"][::-1]
    provenance = read_provenance(features / "contrast" / "seed1.npz")
    write_features(tmp_path / "contrast" / "seed1.npz", provenance, {k: v for k, v in changed.items() if "/" in k})
    with pytest.raises(RecordError, match="does not see the shots as this file says"):
        export_model(record, definition, tmp_path, {1: record.scores}, Texts(validation_rows=ROWS))
