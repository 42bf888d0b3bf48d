"""A model that goes on learning after it was loaded: remember, forget, recall, classes added, and copies of it."""

import copy

import pytest
import torch

from hsokv.exceptions import ModelError
from hsokv.hub import HSOKVForSequenceClassification, make_model

from .conftest import answers, build, linear, same_tensors, tensors

TEXTS, LABELS = ["w3 w4", "w7 w8", "w5"], ["a", "b", "b"]


def near(one, other):
    for row, same in zip(answers(one), answers(other), strict=True):
        assert [p for _, p in row] == pytest.approx([p for _, p in same])


def test_what_was_remembered_is_recalled_ranked_with_its_source_and_shares_of_one_whole(model):
    model.remember(["w3 w4"], ["b"], source="a letter")
    first = model.recall("w3 w4")[0]
    assert (first.text, first.label, first.count, first.source) == ("w3 w4", "b", 1.0, "a letter")
    assert first.similarity == pytest.approx(1.0)
    found = model.recall("w0 w2", k=10)
    shares = [one.share for one in found]
    assert len(found) == len(model) == 4
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0)
    assert model.recall("w0 w2", k=2) == found[:2]


def test_remembering_in_parts_equals_at_once_and_forgetting_undoes_it(model):
    other = build()
    model.remember(TEXTS, LABELS)
    for text, label in zip(TEXTS, LABELS, strict=True):
        other.remember([text], [label])
    near(model, other)
    assert model.entries == other.entries
    assert answers(model) != answers(build())
    assert model.forget(TEXTS) == 3
    near(model, build())


def test_a_label_is_forgotten_whole_and_an_empty_memory_can_be_filled_again(model):
    assert model.forget(label="a") == 2
    assert [one.label for one in model.recall("w0")] == ["b"]
    assert [entry["text"] for entry in model.entries.values()] == ["w10 w11"]
    model.forget(label="b")
    assert (len(model), model.recall("w0")) == (0, [])
    model.remember(["w0"], ["a"])
    assert [one.text for one in model.recall("w0")] == ["w0"]


def test_one_text_of_a_new_class_is_enough_and_the_others_keep_their_odds(model):
    model.gate = 0.0
    before = model.predict(["w0 w1"])[0]
    model.add_classes(["c"])
    assert model.predict(["w0 w1"])[0] == pytest.approx(before | {"c": 0}, abs=1e-3), "only the memory can know of it"
    model.remember(["w5 w6"], ["c"])
    said = model.predict(["w5 w6", "w0 w1"])
    assert next(iter(said[0])) == "c"
    assert sum(said[0].values()) == pytest.approx(1.0)
    assert said[1]["a"] / said[1]["b"] == pytest.approx(before["a"] / before["b"], rel=1e-3)


def test_a_full_memory_folds_and_keeps_every_class():
    model = build(capacity=4)
    model.remember([f"w{i} w{i + 1}" for i in range(9)], ["a"] * 5 + ["b"] * 4)
    found = model.recall("w0", k=10)
    assert len(model) == len(model.entries) == 4
    assert {one.label for one in found} == {"a", "b"}
    assert sum(one.count for one in found) == 12


def test_a_gate_of_zero_leaves_the_memory_out_and_says_so(model):
    model.gate = 0.0
    before = answers(model)
    with pytest.warns(UserWarning, match=r"the gate is 0.*set model.gate"):
        model.remember(["w3"], ["a"])
    assert answers(model) == before


def test_predicting_and_recalling_change_nothing(model):
    before = tensors(model)
    model.predict(["w0"])
    model.recall("w0")
    model(input_ids=torch.tensor([[1, 2]]), labels=torch.tensor([0]))
    assert same_tensors(model, before)


def test_a_model_without_a_memory_says_so():
    model = make_model(linear(3), ["a", "b"])
    with pytest.raises(ModelError, match="has no memory"):
        model.add_classes(["c"])
    with pytest.raises(ModelError, match="not texts"):
        model.predict(["x"])


def test_what_was_learnt_after_loading_is_saved_too(model, tmp_path):
    model.save_pretrained(tmp_path / "one")
    loaded = HSOKVForSequenceClassification.from_pretrained(tmp_path / "one")
    loaded.add_classes(["c"])
    loaded.remember(["w5 w6", "w3"], ["c", "a"])
    loaded.save_pretrained(tmp_path / "two")
    again = HSOKVForSequenceClassification.from_pretrained(tmp_path / "two")
    assert answers(again) == answers(loaded)
    assert again.recall("w5") == loaded.recall("w5")
    assert again.labels == ["a", "b", "c"]
    assert answers(HSOKVForSequenceClassification.from_pretrained(tmp_path / "one")) == answers(model)


def test_a_state_dict_brings_its_texts_classes_and_shapes_and_an_optimizer_goes_on(model):
    best, said, recalled = copy.deepcopy(model.state_dict()), answers(model), model.recall("w0")
    model.remember(TEXTS, LABELS)
    heads = list(model.predictor.parameters(recurse=False))
    model.load_state_dict(best)
    assert all(one is other for one, other in zip(heads, model.predictor.parameters(recurse=False), strict=True))
    model.add_classes(["c"])
    model.remember(["w6"], ["c"])
    model.load_state_dict(best)
    assert (answers(model), model.recall("w0"), model.labels) == (said, recalled, ["a", "b"])
    model.remember(["w6"], ["b"])
    assert model.recall("w6")[0].text == "w6"
    other = build()
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    assert answers(other) == answers(model)


def test_accelerate_restores_a_state(model, tmp_path):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model = accelerator.prepare(model)
    said, recalled = answers(model), model.recall("w0", k=9)
    accelerator.save_state(str(tmp_path))
    model.remember(TEXTS, LABELS)
    accelerator.load_state(str(tmp_path))
    assert (answers(model), model.recall("w0", k=9)) == (said, recalled)
