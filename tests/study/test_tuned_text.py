"""Features of conditions whose encoder is tuned for them: what they are tuned on, what it costs, what arms see."""

import numpy as np
import pytest
import torch

from hsokv.arms.registry import METHODS
from hsokv.data.examples import PAIR, draw_shots
from hsokv.encoders.files import MINILM, resolve_encoder
from hsokv.encoders.texts import encoder_flops, load_text_encoder
from hsokv.encoders.tuning import step_flops
from hsokv.exceptions import DataError
from hsokv.study import text, tuned_text
from hsokv.study.benchmarks import module_of, task_of
from hsokv.study.data_manifest import check_contents, describe_contents
from hsokv.study.features import Request, load_episode, read_provenance
from hsokv.study.runs import run_arm
from tests.runs import read_run

SOURCE = {"source": "sst2_synthetic"}
PAIRS = {"source": "mnli_synthetic"}
TUNING = {"layers": 1, "learning_rate": 1e-4, "epochs": 3, "batch": 4, "temperature": 0.1}
OPINIONS = {"templates": ["{}"], "words": [["bad"], ["good"]]}
CONDITIONS = {
    "plain": {"shots": 2},
    "contrast": {"shots": 2, "tuning": {"by": "contrast", **TUNING}, "flops_allowed": 10**12},
    "cross_entropy": {"shots": 2, "tuning": {"by": "cross_entropy", **TUNING}, "flops_allowed": 10**12},
    "guesses": {
        "shots": 2,
        "tuning": {
            "by": "descriptions",
            **TUNING,
            "unlabelled": 20,
            "pseudo_label_fraction": 0.2,
            "descriptions": OPINIONS,
        },
        "flops_allowed": 10**12,
    },
}
BENCHMARK = {"kind": "texts", "source": "sst2_synthetic", "conditions": CONDITIONS, "folds": 2, "flops_allowed": 10**9}
CONDITIONS["learnt_guesses"] = {**CONDITIONS["guesses"], "layer": 5, "learn_pseudo_labels": True}
ON_SHOTS = {name: condition for name, condition in CONDITIONS.items() if "guesses" not in name}


def manifests(source=SOURCE):
    data = {"name": source["source"], "kind": "generated", "synthetic": True, "reason": None, "files": {}}
    return data | describe_contents(source, None), {"reason": None}


def encode(folder, found=None, source=SOURCE, conditions=CONDITIONS):
    said = []
    found = found or manifests(source)
    frozen = {name: condition for name, condition in conditions.items() if "tuning" not in condition}
    asked = Request([1], folder / "default", "stamp", said.append, frozen, source, None, "validation", found, MINILM)
    text.encode_shots(asked, validation_rows=5)
    for name in conditions.keys() - frozen:
        own = asked._replace(folder=folder / name, conditions={name: conditions[name]})
        tuned_text.encode_shots(own, validation_rows=5)
    return said


@pytest.fixture(scope="module")
def features_of_pairs(tmp_path_factory):
    resolve_encoder(download=False)
    folder = tmp_path_factory.mktemp("pairs")
    encode(folder, source=PAIRS, conditions=ON_SHOTS)
    return folder


def episode(features, name, classes):
    return load_episode(features / ("default" if name == "plain" else name), 1, name, classes, folds=2)


@pytest.mark.parametrize(("made", "classes"), [("features", 2), ("features_of_pairs", 3)], ids=["texts", "pairs"])
def test_a_tuned_encoder_sees_the_same_examples_with_other_eyes(made, classes, request):
    features = request.getfixturevalue(made)
    plain = episode(features, "plain", classes)
    for name in CONDITIONS.keys() - {"plain"} if classes == 2 else ("contrast", "cross_entropy"):
        tuned = episode(features, name, classes)
        assert tuned.test.x.shape == plain.test.x.shape
        assert tuned.test.y.tolist() == plain.test.y.tolist()
        assert tuned.train.y[tuned.described :].tolist() == plain.train.y.tolist()
        assert not np.allclose(tuned.test.x, plain.test.x)
        with np.load(features / name / "seed1.npz") as one, np.load(features / "default" / "seed1.npz") as other:
            assert one[f"{name}/train/text"].tolist() == other["plain/train/text"].tolist()


def test_the_same_seed_gives_the_same_bytes(features, tmp_path):
    encode(tmp_path)
    for name in ("contrast", "guesses"):
        assert (tmp_path / name / "seed1.npz").read_bytes() == (features / name / "seed1.npz").read_bytes()


def test_what_is_there_is_kept(features):
    assert encode(features) == []


def test_both_texts_of_a_pair_are_paid_for_and_tuned_on(features_of_pairs, tmp_path):
    pool, evaluation = text.load_texts(PAIRS, None, "validation", 5)
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
    encode(tmp_path, source=PAIRS, conditions=ON_SHOTS)
    for place in ("contrast/seed1.npz", "cross_entropy/seed1.npz"):
        assert (tmp_path / place).read_bytes() == (features_of_pairs / place).read_bytes()


def test_the_operations_and_the_guesses_are_told(features):
    told = {name: read_provenance(features / name / "seed1.npz")["encoder"] for name in ("contrast", "guesses")}
    assert told["guesses"]["tuning_flops"] > told["contrast"]["tuning_flops"] > 0
    assert "guesses_right" not in told["contrast"]
    assert 0 <= told["guesses"]["guesses_right"] <= 1


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


@pytest.mark.parametrize("name", ["plain", "contrast", "guesses"])
def test_every_arm_is_charged_for_the_tuning(features, settings, tmp_path, name):
    benchmark = BENCHMARK | {"conditions": {name: CONDITIONS[name]}}
    run_arm(
        benchmark="b",
        arm="ridge",
        module=module_of("ridge"),
        settings={group: settings[group] for group in METHODS["ridge"].settings},
        task=task_of(benchmark, "ridge"),
        seeds=[1],
        features=features,
        records=tmp_path,
        code="c",
        report=lambda _: None,
    )
    record = read_run("b", name, "ridge", 1, tmp_path)
    tuning = record.data["encoder"].get("tuning_flops", 0)
    assert (tuning > 0) == (name != "plain")
    assert tuning <= record.flops["spent"] < tuning + 10**9
    assert record.flops["allowed"] == CONDITIONS[name].get("flops_allowed", 10**9)


def test_without_data_the_files_say_so(tmp_path):
    data, encoder = manifests()
    assert encode(tmp_path, (data | {"reason": "not there"}, encoder)) == ["not run: not there"] * len(CONDITIONS)
    assert read_provenance(tmp_path / "contrast" / "seed1.npz")["reason"] == "not there"


def test_more_unlabelled_texts_than_there_are_is_refused_before_any_work():
    described = {"texts": {"labels": ["0", "1"], "train": {"0": 10, "1": 10}, "dropped": {}}}
    study = {"data": {"validation_rows": 5}}
    for unlabelled in (2, 3):
        conditions = {"c": {"shots": 2, "tuning": {"unlabelled": unlabelled}}}
        benchmark = {"kind": "texts", "source": "sst2", "conditions": conditions}
        if unlabelled == 2:
            check_contents("b", described, benchmark, study)
        else:
            with pytest.raises(DataError, match="b: c asks for 3 texts without labels, 2 are left"):
                check_contents("b", described, benchmark, study)
