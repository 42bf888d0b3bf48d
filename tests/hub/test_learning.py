"""A model that goes on learning after it was loaded: remember, forget, recall, classes added."""

import pytest
import torch

from hsokv.exceptions import ModelError
from hsokv.hub import HSOKVForSequenceClassification, make_model

from .conftest import answers, build, linear


def test_what_was_remembered_is_recalled_with_its_source(model):
    model.remember(["w3 w4"], ["b"], source="a letter")
    first = model.recall("w3 w4")[0]
    assert (first.text, first.label, first.count, first.source) == ("w3 w4", "b", 1.0, "a letter")
    assert first.similarity == pytest.approx(1.0)


def test_recall_is_ranked_and_its_shares_are_of_one_whole(model):
    found = model.recall("w0 w2", k=10)
    shares = [one.share for one in found]
    assert len(found) == len(model) == 3
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0)
    assert model.recall("w0 w2", k=2) == found[:2]


def test_remembering_in_parts_equals_remembering_at_once(model):
    texts, labels = ["w3 w4", "w4 w5", "w6"], ["a", "b", "a"]
    other = build()
    model.remember(texts, labels)
    for text, label in zip(texts, labels, strict=True):
        other.remember([text], [label])
    for one, same in zip(answers(model), answers(other), strict=True):
        assert [p for _, p in one] == pytest.approx([p for _, p in same])
    assert model.entries == other.entries


def test_forgetting_undoes_remembering(model):
    before = answers(model)
    model.remember(["w3 w4", "w4 w5"], ["b", "b"])
    assert answers(model) != before
    assert model.forget(["w3 w4", "w4 w5"]) == 2
    for one, same in zip(answers(model), before, strict=True):
        assert [p for _, p in one] == pytest.approx([p for _, p in same])


def test_a_label_is_forgotten_whole(model):
    assert model.forget(label="a") == 2
    assert [one.label for one in model.recall("w0")] == ["b"]
    assert [entry["text"] for entry in model.entries.values()] == ["w10 w11"]


def test_an_empty_memory_can_be_filled_again(model):
    model.forget(label="a")
    model.forget(label="b")
    assert (len(model), model.recall("w0")) == (0, [])
    model.remember(["w0"], ["a"])
    assert [one.text for one in model.recall("w0")] == ["w0"]


def test_one_text_of_a_new_class_is_enough(model):
    model.gate = 0.0
    before = model.predict(["w0 w1"])[0]
    model.add_classes(["c"])
    after = model.predict(["w0 w1"])[0]
    assert after == pytest.approx(before | {"c": 0}, abs=1e-3), "only the memory can know of it"
    model.remember(["w5 w6"], ["c"])
    said = model.predict(["w5 w6"])[0]
    assert next(iter(said)) == "c"
    assert sum(said.values()) == pytest.approx(1.0)


def test_with_classes_added_the_others_keep_their_odds(model):
    model.gate = 0.0
    before = model.predict(["w5 w7"])[0]
    model.add_classes(["c"])
    model.remember(["w5 w6"], ["c"])
    after = model.predict(["w5 w7"])[0]
    assert after["a"] / after["b"] == pytest.approx(before["a"] / before["b"], rel=1e-3)


def test_a_full_memory_folds_and_keeps_every_class():
    model = build(capacity=4)
    model.remember([f"w{i} w{i + 1}" for i in range(9)], ["a"] * 5 + ["b"] * 4)
    found = model.recall("w0", k=10)
    assert len(model) == 4
    assert {one.label for one in found} == {"a", "b"}
    assert sum(one.count for one in found) == 12
    assert len(model.entries) == 4


def test_a_gate_of_zero_leaves_the_memory_out_and_says_so():
    model = build()
    model.gate = 0.0
    before = answers(model)
    with pytest.warns(UserWarning, match=r"the gate is 0.*set model.gate"):
        model.remember(["w3"], ["a"])
    assert answers(model) == before


def test_predicting_and_recalling_change_nothing(model):
    before = {name: part.clone() for name, part in model.state_dict().items()}
    model.predict(["w0"])
    model.recall("w0")
    model(input_ids=torch.tensor([[1, 2]]), labels=torch.tensor([0]))
    assert all(torch.equal(part, before[name]) for name, part in model.state_dict().items())


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
