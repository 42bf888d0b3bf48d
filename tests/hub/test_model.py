"""A model that goes on learning after it was loaded, in the shapes in which people use any other model."""

import copy
from collections import UserList

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoTokenizer, pipeline

from hsokv.encoders.contexts import FEATURES
from hsokv.encoders.files import resolve_encoder
from hsokv.encoders.texts import load_text_encoder
from hsokv.exceptions import ConfigurationError, DataError, HsokvError, ModelError
from hsokv.hub import HSOKVForSequenceClassification, make_model, text_memory
from hsokv.hub.encoders import TextInputs

from .conftest import answers, build, linear, same_tensors, tensors

TEXTS, LABELS = ["w3 w4", "w7 w8", "w5"], ["a", "b", "b"]
LONG = "the plot bears a comedy " * 12
IDS, FEATURE = torch.tensor([[1, 2], [10, 11]]), torch.ones(1, FEATURES)
NAN, NO_TEXT = float("nan"), "\ud800"


class Column(UserList):
    """A column as datasets has it: a sequence that is no list."""


def generate(values):
    yield from values


def load(folder, **given):
    return HSOKVForSequenceClassification.from_pretrained(folder, **given)


# --- it goes on learning


def near(rows, wanted, within=1e-6):
    for row, same in zip(rows, wanted, strict=True):
        assert row == pytest.approx(same, abs=within)


def test_what_was_remembered_is_recalled_ranked_with_its_source_and_shares_of_one_whole(model):
    model.remember(["w3 w4"], ["b"], source="a letter")
    first = model.recall("w3 w4")[0]
    assert (first.text, first.label, first.count, first.source) == ("w3 w4", "b", 1.0, "a letter")
    assert first.similarity == pytest.approx(1.0)
    before, found = tensors(model), model.recall("w0 w2", k=10)
    shares = [one.share for one in found]
    assert len(found) == len(model) == 4
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0)
    assert model.recall("w0 w2", k=2) == found[:2]
    model.predict(TEXTS)
    model(input_ids=IDS, labels=torch.tensor([0, 1]))
    assert same_tensors(model, before), "reading changes nothing"


def test_remembering_in_parts_equals_at_once_and_forgetting_undoes_it(model):
    other = build()
    model.remember(TEXTS, LABELS)
    for text, label in zip(TEXTS, LABELS, strict=True):
        other.remember([text], [label])
    near(model.predict(TEXTS), other.predict(TEXTS))
    assert model.entries == other.entries
    assert answers(model) != answers(build())
    assert model.forget(TEXTS) == 3
    near(model.predict(TEXTS), build().predict(TEXTS))


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


def test_a_model_without_a_memory_says_so():
    model = make_model(linear(3), ["a", "b"])
    with pytest.raises(ModelError, match="has no memory"):
        model.add_classes(["c"])
    with pytest.raises(ModelError, match="not texts"):
        model.predict(["x"])


def test_what_was_learnt_after_loading_is_saved_too(model, tmp_path):
    model.save_pretrained(tmp_path / "one")
    loaded = load(tmp_path / "one")
    loaded.add_classes(["c"])
    loaded.remember(["w5 w6", "w3"], ["c", "a"])
    loaded.save_pretrained(tmp_path / "two")
    again = load(tmp_path / "two")
    assert answers(again) == answers(loaded)
    assert again.recall("w5") == loaded.recall("w5")
    assert again.labels == ["a", "b", "c"]
    assert answers(load(tmp_path / "one")) == answers(model)


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


# --- what is taken


@pytest.mark.parametrize("shape", [list, tuple, generate, np.array, pd.Series, pd.Index, Column])
def test_texts_and_labels_come_in_any_shape(shape):
    model, same = build(), build()
    model.remember(shape(TEXTS), shape(LABELS))
    same.remember(TEXTS, LABELS)
    assert model.entries == same.entries
    assert model.predict(shape(TEXTS)) == same.predict(TEXTS)
    assert model.forget(shape(["w5"])) == 1


def test_nothing_is_an_answer_to_nothing(model, texts_model):
    assert model.predict([]) == texts_model.predict(generate([])) == []
    model.remember([], [])
    assert len(model) == 3
    for each in (model, texts_model):
        for length in (0, 3):
            assert each(input_ids=torch.zeros(0, length, dtype=torch.int64)).logits.shape == (0, 2)
    hidden = texts_model(input_ids=torch.ones(1, 3, dtype=torch.int64), attention_mask=torch.zeros(1, 3))
    assert hidden.logits.isfinite().all()
    assert isinstance(model(input_ids=IDS, return_dict=False), tuple)


def test_numbers_of_numpy_and_any_names_of_classes_are_kept(source, tmp_path):
    names, numbers = np.array(["späť", "", "王", "a b\n"]), {"capacity": np.int64(9), "k": np.int32(2)}
    model = text_memory(names, source, **numbers, inverse_temperature=np.float32(8))
    model.remember(["dull"], ["王"])
    assert len(model.recall("dull", k=np.int64(3))) == 1
    model.save_pretrained(tmp_path)
    assert load(tmp_path).labels == names.tolist()
    assert source.folder not in (tmp_path / "config.json").read_text(), "a folder of this machine is nobody else's"


# --- what is refused

NO_TEXTS = [
    [None], ["w0", NAN], np.array([1.5]), [b"w0"], pd.DataFrame({"text": ["w0"]}), [("w0", "w1")], [NO_TEXT],
    {"w0", "w1"}, {"w0": 1}, None, np.array("w0"), "w0", ["hello"],
]  # fmt: skip
NO_EXAMPLES = [
    (["w0", None], ["a", "b"]), (["w0"], [None]), (["w0"], [0]), (["w0"], "a"), ("w0", ["a"]), (["w0"], ["z"]),
    (["w0"], ["a", "b"]), (["w0"], ["a"], None), (["w0"], ["a"], NO_TEXT),
]  # fmt: skip
NO_FEATURES = [
    (FEATURE.expand(2, -1), [0, 1], ["w0"]), (FEATURE, [0], [3]), (NAN * FEATURE, [0]), (FEATURE, [7]),
]  # fmt: skip
NO_INPUTS = [
    {}, {"input_ids": IDS, "features": FEATURE.expand(2, -1)}, {"pixel_values": torch.zeros(2, 3, 32, 32).byte()},
    *({"input_ids": ids} for ids in (IDS.float(), -IDS, IDS + 99, IDS[0], IDS[None], [[1]])),
    *({"features": x} for x in (FEATURE[:, 1:], FEATURE[0], FEATURE.long(), NAN * FEATURE, FEATURE.numpy())),
]  # fmt: skip
MEMORY = "predictor.memory."
NO_STATES = [
    lambda state: state.pop("_extra_state"),
    lambda state: state.pop("predictor.gate"),
    lambda state: state.update(_extra_state=torch.zeros(3, dtype=torch.uint8)),
    lambda state: state.update({f"{MEMORY}keys": state[f"{MEMORY}keys"] * NAN}),
    lambda state: state.update({f"{MEMORY}labels": state[f"{MEMORY}labels"] + 7}),
]


def load_changed(model, change, strict):
    other = build()
    other.remember(["w5"], ["b"])
    state = dict(other.state_dict())
    change(state)
    model.load_state_dict(state, strict=strict)


REFUSED = {
    "predict": [lambda m, x=x: m.predict(x) for x in NO_TEXTS],
    "remember": [lambda m, x=x: m.remember(*x) for x in NO_EXAMPLES],
    "recall": [lambda m, x=x: m.recall(*x) for x in [(None,), ("w0", -1), ("w0", 0), ("w0", 1.5)]],
    "forget": [lambda m, x=x: m.forget(*x) for x in [("w0 w1",), ([None],), (["w0 w9"],), ()]],
    "forget a label": [lambda m: m.forget(label="z")],
    "add_classes": [lambda m, x=x: m.add_classes(x) for x in ("praise", [0], ["c", "c"], [NO_TEXT], ["a"])],
    "gate": [lambda m, x=x: setattr(m, "gate", x) for x in (NAN, "a", None, 2)],
    "write": [lambda m, x=x, y=y, more=more: m.write(x, torch.tensor(y), *more) for x, y, *more in NO_FEATURES],
    "forward": [lambda m, given=given: m(**given) for given in NO_INPUTS],
    "load": [lambda m, change=change, b=b: load_changed(m, change, b) for change in NO_STATES for b in (True, False)],
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_mistake_is_refused_at_once_and_changes_nothing(model, what):
    before, said = tensors(model), answers(model)
    for i, call in enumerate(REFUSED[what]):
        with pytest.raises((HsokvError, RuntimeError)):
            call(model)
        assert same_tensors(model, before), i
        assert answers(model) == said, i


def test_the_culprit_is_named(model):
    with pytest.raises(DataError, match=r"texts\[1\].*None"):
        model.predict(["w0", None])
    with pytest.raises(DataError, match=r"unknown label 'z'.*add_classes"):
        model.remember(["w0"], ["z"])
    with pytest.raises(DataError, match="'w0 w9'; did you mean 'w0 w1'"):
        model.forget(["w0 w9"])


def test_a_memory_that_cannot_be_is_refused_before_its_encoder_is_loaded(monkeypatch):
    monkeypatch.setattr("hsokv.hub.factory.resolve_encoder", lambda source: pytest.fail("the encoder was looked for"))
    for labels in ([0, 1], "ab", [], ["a", "a"], [None, "a"], ["a", NO_TEXT]):
        with pytest.raises((DataError, ConfigurationError)):
            text_memory(labels)
    for given in ({"inverse_temperature": NAN}, {"inverse_temperature": "16"}, {"k": 2.5}, {"capacity": 0}):
        with pytest.raises(ConfigurationError):
            text_memory(["a", "b"], **given)


def test_a_model_of_pairs_reads_them_as_texts_and_as_tokens_and_refuses_single_texts(source):
    encoder = load_text_encoder(resolve_encoder(source))
    model = make_model(linear(48), ["a", "b"], TextInputs.of(encoder, True), encoder.tokenizer)
    assert len(model.predict(pd.DataFrame({"one": ["dull", "a"], "other": ["film", "plot"]}))) == 2
    batch = model.encoder.batch(pairs := [("a charming film", "dull"), ("the plot", LONG)], model.tokenizer)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, 2, 20)
    torch.testing.assert_close(model.encoder(**batch), model.encode(pairs), atol=1e-5, rtol=0)
    for wrong in (["dull"], [("dull", None)], ["ab"], [("a", "film", "plot")]):
        with pytest.raises(DataError, match=r"texts\[0\]"):
            model.predict(wrong)
    with pytest.raises(DataError, match="input_ids"):
        model(input_ids=torch.ones(2, 5, dtype=torch.int64))


# --- modes, precision, tokenizers


@pytest.mark.parametrize("how", ["train", "inference"])
def test_remembering_encodes_as_in_evaluation_whatever_the_mode(texts_model, how):
    same = copy.deepcopy(texts_model)
    same.remember([LONG], ["bad"])
    if how == "train":
        texts_model.train().remember([LONG], ["bad"])
        assert all(module.training for module in texts_model.modules()), "the mode is left as it was"
        assert texts_model.predict([LONG]) == same.predict([LONG])
    else:
        with torch.inference_mode():
            texts_model.gate = 1.0
            texts_model.remember([LONG], ["bad"])
            texts_model.load_state_dict(texts_model.state_dict())
    own, other = (model.predictor.memory.state for model in (texts_model, same))
    assert torch.equal(own.keys, other.keys)
    texts_model.encoder.requires_grad_()
    batch = texts_model.encoder.batch(["dull"], texts_model.tokenizer)
    texts_model(**batch, labels=torch.tensor([1])).loss.backward()


def test_pipelines_and_tokenizers_of_a_folder_do_what_predict_does(texts_model, tmp_path):
    texts_model.save_pretrained(tmp_path)
    texts = ["dull", LONG, "the plot", "a charming film"]
    classify = pipeline("text-classification", str(tmp_path), top_k=None)
    for batch_size in (1, 2):
        for row, wanted in zip(classify(texts, batch_size=batch_size), texts_model.predict(texts), strict=True):
            assert {one["label"]: one["score"] for one in row} == pytest.approx(wanted, abs=1e-5)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    batch = tokenizer(texts[:2], padding=True, return_tensors="pt")
    assert {name: part.shape for name, part in batch.items()} == dict.fromkeys(("input_ids", "attention_mask"), (2, 20))
    wanted = texts_model.log_probs(texts_model.encode(texts[:2]))
    torch.testing.assert_close(texts_model(**batch).logits, wanted, atol=1e-5, rtol=0)
    assert len(tokenizer(LONG, truncation=False)["input_ids"]) > 20


def works(model, dtype, texts, label, folder):
    wanted = model.predict(texts)
    model.to(dtype)
    near(model.predict(texts), wanted, 0.05)
    model.remember(texts[:1], [label])
    assert model.recall(texts[0])[0].text == texts[0]
    model.save_pretrained(folder)
    loaded = load(folder)
    assert loaded.dtype == model.dtype
    assert loaded.predict(texts) == model.predict(texts)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_model_works_in_every_precision_and_is_saved_and_loaded_in_it(dtype, texts_model, tmp_path):
    texts_model.save_pretrained(tmp_path)
    loaded = load(tmp_path, dtype=dtype)
    assert {part.dtype for part in loaded.encoder.parameters()} == {loaded.dtype} == {dtype}
    near(loaded.predict(["dull", LONG]), texts_model.predict(["dull", LONG]), 0.05)
    works(texts_model, dtype, ["dull", LONG], "bad", tmp_path)
    works(build(), dtype, TEXTS, "b", tmp_path)


def test_a_model_is_compiled_whole_and_autocast_leaves_its_answers_wide(model):
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(compiled(input_ids=IDS).logits, model(input_ids=IDS).logits)
    with torch.autocast("cpu", torch.bfloat16):
        assert model(input_ids=IDS).logits.dtype is torch.float32
