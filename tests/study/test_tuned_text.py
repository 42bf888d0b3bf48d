"""Conditions whose encoder is tuned for them: what they are tuned on, what it costs, what arms see, their models."""

import numpy as np
import pytest
import torch

from hsokv.data.examples import PAIR, draw_shots
from hsokv.encoders.files import MINILM, resolve_encoder
from hsokv.encoders.texts import encoder_flops, load_text_encoder
from hsokv.encoders.tuning import step_flops
from hsokv.exceptions import RecordError
from hsokv.hub import HSOKVForSequenceClassification
from hsokv.study import text, tuned_text
from hsokv.study.data_manifest import describe_contents
from hsokv.study.export import Texts, export_model
from hsokv.study.features import Request, load_episode, read_provenance, write_features

from .helpers import run_once

SOURCE = {"source": "sst2_synthetic"}
PAIRS = {"source": "mnli_synthetic"}
TUNING = {"layers": 1, "learning_rate": 1e-4, "epochs": 3, "batch": 4, "temperature": 0.1}
OPINIONS = {"templates": ["{}"], "words": [["bad"], ["good"]]}
UNLABELLED = {"unlabelled": 20, "pseudo_label_fraction": 0.2, "descriptions": OPINIONS}
CONDITIONS = {
    "plain": {"shots": 2},
    "contrast": {"shots": 2, "tuning": {"by": "contrast", **TUNING}, "flops_allowed": 10**12},
    "cross_entropy": {"shots": 2, "tuning": {"by": "cross_entropy", **TUNING}, "flops_allowed": 10**12},
    "guesses": {"shots": 2, "tuning": {"by": "descriptions", **TUNING, **UNLABELLED}, "flops_allowed": 10**12},
}
BENCHMARK = {"kind": "texts", "source": "sst2_synthetic", "conditions": CONDITIONS, "folds": 2, "flops_allowed": 10**9}
CONDITIONS["learnt_guesses"] = {**CONDITIONS["guesses"], "layer": 5, "learn_pseudo_labels": True}
ROWS = 5


def manifests(source=SOURCE):
    data = {"name": source["source"], "kind": "generated", "synthetic": True, "reason": None, "files": {}}
    return data | describe_contents(source, None), {"reason": None}


def encode(folder, found=None, source=SOURCE, conditions=CONDITIONS):
    said = []
    found = found or manifests(source)
    frozen = {name: condition for name, condition in conditions.items() if "tuning" not in condition}
    asked = Request([1], folder / "default", "stamp", said.append, frozen, source, None, "validation", found, MINILM)
    if frozen:
        text.encode_shots(asked, validation_rows=ROWS)
    for name in conditions.keys() - frozen:
        own = asked._replace(folder=folder / name, conditions={name: conditions[name]})
        tuned_text.encode_shots(own, validation_rows=ROWS)
    return said


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """Of texts, on all conditions; nobody writes to them."""
    resolve_encoder(download=False)
    folder = tmp_path_factory.mktemp("features")
    encode(folder)
    assert encode(folder) == [], "what is there is kept"
    return folder


@pytest.fixture(scope="module")
def features_of_pairs(tmp_path_factory):
    resolve_encoder(download=False)
    folder = tmp_path_factory.mktemp("pairs")
    encode(folder, source=PAIRS, conditions={name: CONDITIONS[name] for name in ("plain", "contrast")})
    return folder


def episode(features, name, classes):
    return load_episode(features / ("default" if name == "plain" else name), 1, name, classes, folds=2)


@pytest.mark.parametrize(
    ("made", "classes", "names"),
    [("features", 2, CONDITIONS.keys() - {"plain"}), ("features_of_pairs", 3, ["contrast"])],
    ids=["texts", "pairs"],
)
def test_a_tuned_encoder_sees_the_same_examples_with_other_eyes(made, classes, names, request):
    features = request.getfixturevalue(made)
    plain = episode(features, "plain", classes)
    for name in names:
        tuned = episode(features, name, classes)
        assert tuned.test.y.tolist() == plain.test.y.tolist()
        assert tuned.train.y[tuned.described :].tolist() == plain.train.y.tolist()
        assert not np.allclose(tuned.test.x, plain.test.x)
        with np.load(features / name / "seed1.npz") as one, np.load(features / "default" / "seed1.npz") as other:
            assert one[f"{name}/train/text"].tolist() == other["plain/train/text"].tolist()


def test_the_same_seed_gives_the_same_bytes(features, tmp_path):
    encode(tmp_path, conditions={name: CONDITIONS[name] for name in ("contrast", "guesses")})
    for name in ("contrast", "guesses"):
        assert (tmp_path / name / "seed1.npz").read_bytes() == (features / name / "seed1.npz").read_bytes()


def test_both_texts_of_a_pair_are_paid_for_and_tuned_on(features_of_pairs):
    pool, evaluation = text.load_texts(PAIRS, None, "validation", ROWS)
    train, dev = draw_shots(pool, 2, 1)
    encoder = load_text_encoder(resolve_encoder(download=False))
    pairs = [pair for part in (train, dev, evaluation) for pair in part.inputs]
    lengths = encoder.lengths([text for pair in pairs for text in pair.split(PAIR)])
    generator, flops = torch.Generator().manual_seed(1), 0
    for _ in range(TUNING["epochs"]):
        for rows in torch.randperm(6, generator=generator).tensor_split(2):
            chosen = torch.tensor(lengths[:12]).view(6, 2)[rows].flatten().tolist()
            flops += step_flops(chosen, encoder.above(5).size, columns=2)
    told = read_provenance(features_of_pairs / "contrast" / "seed1.npz")["encoder"]
    assert told["flops"] == encoder_flops(lengths, encoder.size)
    assert told["tuning_flops"] == flops


def test_arms_learn_from_pseudo_labelled_texts_before_the_shots_around_their_mean(features):
    learnt, shots = episode(features, "learnt_guesses", 2), episode(features, "guesses", 2)
    assert (learnt.described, len(learnt.train.y)) == (8, 8 + len(shots.train.y))
    assert torch.bincount(learnt.train.y[:8]).tolist() == [4, 4]
    assert [len(fold.fit.y) for fold in learnt.folds] == [8 + len(fold.fit.y) for fold in shots.folds]
    with np.load(features / "learnt_guesses/seed1.npz") as arrays:
        x, mean = arrays["learnt_guesses/pseudo/x"], arrays["learnt_guesses/pseudo/x"].mean(0)
        test = arrays["test/x"] - mean
        assert len(arrays["learnt_guesses/pseudo/text"]) == 8
    for actual, expected in ((learnt.train.x[:8], x - mean), (learnt.test.x, test)):
        expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(actual.numpy(), expected, atol=1e-5)


def test_every_arm_is_charged_for_the_tuning_and_guesses_are_told(features, settings, tmp_path):
    spent = {}
    for name in ("plain", "contrast", "guesses"):
        benchmark = BENCHMARK | {"conditions": {name: CONDITIONS[name]}}
        record = run_once("ridge", benchmark, settings, features, tmp_path / name)
        told = record.data["encoder"]
        spent[name] = told.get("tuning_flops", 0)
        assert spent[name] <= record.flops["spent"] < spent[name] + 10**9
        assert record.flops["allowed"] == CONDITIONS[name].get("flops_allowed", 10**9)
        assert ("guesses_right" in told) == (name == "guesses")
    assert 0 == spent["plain"] < spent["contrast"] < spent["guesses"]
    assert 0 <= told["guesses_right"] <= 1


def test_without_data_the_files_say_so(tmp_path):
    data, encoder = manifests()
    assert encode(tmp_path, (data | {"reason": "not there"}, encoder)) == ["not run: not there"] * len(CONDITIONS)
    assert read_provenance(tmp_path / "contrast" / "seed1.npz")["reason"] == "not there"


def answers_as_recorded(features, settings, folder, name, source):
    """The model of a run answers the test texts as the record says, and sees them as the features say."""
    benchmark = BENCHMARK | source | {"conditions": {name: CONDITIONS[name]}}
    record = run_once("kv_only", benchmark, settings, features, folder, name=source["source"])
    made = export_model(record, benchmark, features, {1: record.scores}, Texts(validation_rows=ROWS))
    made.save_pretrained(folder / "model")
    model = HSOKVForSequenceClassification.from_pretrained(folder / "model")
    test = text.load_texts(source, None, "validation", ROWS)[1]
    asked = [tuple(each.split(PAIR)) if PAIR in each else each for each in test.inputs]
    said = [next(iter(row)) for row in model.predict(asked)]
    right = "".join("01"[name == model.labels[label]] for name, label in zip(said, test.labels, strict=True))
    assert right == record.outcomes
    with np.load(features / ("default/evaluation.npz" if name == "plain" else f"{name}/seed1.npz")) as arrays:
        np.testing.assert_allclose(model.encode(asked).numpy(), arrays["test/x"], rtol=0, atol=1e-5)
    return record, benchmark, model


@pytest.mark.parametrize("name", ["plain", "learnt_guesses"])
def test_a_model_answers_texts_as_the_record_says(features, settings, tmp_path, name):
    _, _, model = answers_as_recorded(features, settings, tmp_path, name, SOURCE)
    assert model.labels == ["negative", "positive"]


def test_a_model_answers_pairs_as_the_record_says(features_of_pairs, settings, tmp_path):
    answers_as_recorded(features_of_pairs, settings, tmp_path, "contrast", PAIRS)


def test_features_that_are_no_longer_those_of_the_shots_are_refused(features, settings, tmp_path):
    record, benchmark, _ = answers_as_recorded(features, settings, tmp_path, "contrast", SOURCE)
    with np.load(features / "contrast" / "seed1.npz") as arrays:
        changed = {key: arrays[key] for key in arrays.files if "/" in key}
    changed["contrast/train/text"] = changed["contrast/train/text"][::-1]
    provenance = read_provenance(features / "contrast" / "seed1.npz")
    write_features(tmp_path / "contrast" / "seed1.npz", provenance, changed)
    with pytest.raises(RecordError, match="does not see the shots as this file says"):
        export_model(record, benchmark, tmp_path, {1: record.scores}, Texts(validation_rows=ROWS))
