"""Texts, labels, numbers, precision and pipelines as people use them with any other model."""

import copy
from collections import UserList

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoTokenizer, pipeline

from hsokv.encoders.contexts import FEATURES
from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.encoders.texts import load_text_encoder
from hsokv.exceptions import ConfigurationError, DataError, HsokvError
from hsokv.hub import HSOKVForSequenceClassification, make_model, text_memory
from hsokv.hub.encoders import TextInputs
from tests.encoders.made import save_encoder

from .conftest import answers, build, linear

TEXTS, LABELS = ["w3 w4", "w7 w8", "w5"], ["a", "b", "b"]
LONG = "the plot bears a comedy " * 12


IDS, FEATURE = torch.tensor([[1, 2], [10, 11]]), torch.ones(1, FEATURES)
NAN, NO_TEXT = float("nan"), "\ud800"


def state_with(change):
    """A state_dict of a model that holds an entry more, changed."""
    model = build()
    model.remember(["w5"], ["b"])
    tensors = dict(model.state_dict())
    change(tensors)
    return tensors


class Column(UserList):
    """A column as datasets has it: a sequence that is no list."""


@pytest.fixture(params=["bert", "mpnet"])
def source(request, tmp_path):
    (tmp_path / "encoder").mkdir()
    save_encoder(tmp_path / "encoder", request.param)
    return EncoderSource(folder=str(tmp_path / "encoder"), tokens=20)


@pytest.fixture
def texts_model(source):
    model = text_memory(["good", "bad"], source)
    model.remember(["a charming film", "dull"], ["good", "bad"])
    return model


def generate(values):
    yield from values


@pytest.mark.parametrize("shape", [list, tuple, generate, np.array, pd.Series, pd.Index, Column])
def test_texts_and_labels_come_in_any_shape(shape):
    model, same = build(), build()
    model.remember(shape(TEXTS), shape(LABELS))
    same.remember(TEXTS, LABELS)
    assert model.entries == same.entries
    assert model.predict(shape(TEXTS)) == same.predict(TEXTS)
    assert len(model.predict(shape(TEXTS))) == 3
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


TEXTS_REFUSED = [
    [None], ["w0", NAN], np.array([1.5]), [b"w0"], pd.DataFrame({"text": ["w0"]}), [("w0", "w1")], [f"w0 {NO_TEXT}"],
    {"w0", "w1"}, {"w0": 1}, None, np.array("w0"), "w0", ["hello"],
]  # fmt: skip
REMEMBER_REFUSED = [
    (["w0", None], ["a", "b"]), (["w0"], [None]), (["w0"], [0]), (["w0"], "a"), ("w0", ["a"]), (["w0"], ["z"]),
    (["w0"], ["a", "b"]), (["w0"], ["a"], None), (["w0"], ["a"], NO_TEXT),
]  # fmt: skip
WRITE_REFUSED = [
    (FEATURE.expand(2, -1), [0, 1], ["w0"]), (FEATURE, [0], ["w0", "w5"]), (FEATURE, [0], [3]),
    (FEATURE, [0], ["w0"], None), (NAN * FEATURE, [0]), (FEATURE, [7]),
]  # fmt: skip
FORWARD_REFUSED = [
    {}, {"input_ids": IDS, "features": FEATURE.expand(2, -1)},
    {"pixel_values": torch.zeros(2, 3, 32, 32, dtype=torch.uint8)},
    *({"input_ids": ids} for ids in (IDS.float(), -IDS, IDS + 99, IDS[0], IDS[None], [[1]])),
    *({"features": x} for x in (FEATURE[:, 1:], FEATURE[0], FEATURE.long(), NAN * FEATURE, FEATURE.numpy(), [[1.0]])),
]  # fmt: skip
STATES_REFUSED = [
    lambda tensors: tensors.pop("_extra_state"),
    lambda tensors: tensors.pop("predictor.gate"),
    lambda tensors: tensors.update(_extra_state=torch.zeros(3, dtype=torch.uint8)),
    lambda tensors: tensors.update({"predictor.memory.keys": tensors["predictor.memory.keys"] * NAN}),
    lambda tensors: tensors.update({"predictor.memory.labels": tensors["predictor.memory.labels"] + 7}),
]
REFUSED = {
    "predict": [lambda m, x=x: m.predict(x) for x in TEXTS_REFUSED],
    "remember": [lambda m, x=x: m.remember(*x) for x in REMEMBER_REFUSED],
    "recall": [lambda m, x=x: m.recall(*x) for x in [(None,), ("w0", -1), ("w0", 0), ("w0", 1.5)]],
    "forget": [lambda m, x=x: m.forget(*x) for x in [("w0 w1",), ([None],), (["w0 w9"],), ()]],
    "forget a label": [lambda m: m.forget(label="z")],
    "add_classes": [lambda m, x=x: m.add_classes(x) for x in ("praise", [0], ["c", "c"], [NO_TEXT], ["a"])],
    "gate": [lambda m, x=x: setattr(m, "gate", x) for x in (NAN, "a", None, 2)],
    "write": [lambda m, x=x, y=y, more=more: m.write(x, torch.tensor(y), *more) for x, y, *more in WRITE_REFUSED],
    "forward": [lambda m, given=given: m(**given) for given in FORWARD_REFUSED],
    "load": [
        lambda m, change=change, strict=strict: m.load_state_dict(state_with(change), strict=strict)
        for change in STATES_REFUSED
        for strict in (True, False)
    ],
}


@pytest.mark.parametrize(
    "call", [pytest.param(call, id=f"{what}-{i}") for what, calls in REFUSED.items() for i, call in enumerate(calls)]
)
def test_a_mistake_is_refused_at_once_and_changes_nothing(model, call):
    before, said = copy.deepcopy(model.state_dict()), answers(model)
    with pytest.raises((HsokvError, RuntimeError)):
        call(model)
    assert all(torch.equal(part, before[name]) for name, part in model.state_dict().items())
    assert answers(model) == said


@pytest.mark.parametrize(
    "given",
    [
        *({"labels": labels} for labels in ([0, 1], "ab", [], ["a", "a"], [None, "a"], ["a", "\udcff"])),
        *({"inverse_temperature": value} for value in (-9, NAN, "16")),
        *({"k": 0}, {"k": 2.5}, {"capacity": 0}),
    ],
)
def test_a_memory_that_cannot_be_is_refused_before_its_encoder_is_loaded(given, monkeypatch):
    monkeypatch.setattr("hsokv.hub.factory.resolve_encoder", lambda source: pytest.fail("the encoder was looked for"))
    with pytest.raises((DataError, ConfigurationError)):
        text_memory(**{"labels": ["a", "b"]} | given)


def test_numbers_of_numpy_are_numbers(source, tmp_path):
    model = text_memory(["a", "b"], source, capacity=np.int64(9), k=np.int32(2), inverse_temperature=np.float32(8))
    model.remember(["dull"], ["b"])
    assert len(model.recall("dull", k=np.int64(3))) == 1
    model.save_pretrained(tmp_path / "model")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.predict(["w0", None]), r"texts\[1\].*None"),
        (lambda m: m.remember(TEXTS, ["a", "b", 7]), r"labels\[2\].*7"),
        (lambda m: m.remember(["w0"], ["z"]), "unknown label 'z'.*add_classes"),
        (lambda m: m.forget(["w0 w9"]), "'w0 w9'; did you mean 'w0 w1'"),
    ],
)
def test_the_culprit_is_named(model, call, words):
    with pytest.raises(DataError, match=words):
        call(model)


def test_names_of_classes_are_kept_as_they_are(source, tmp_path):
    names = np.array(["späť", "", "王", "a b\n"])
    model = text_memory(names, source)
    model.save_pretrained(tmp_path / "model")
    assert HSOKVForSequenceClassification.from_pretrained(tmp_path / "model").labels == names.tolist()


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


@pytest.mark.parametrize("batch_size", [1, 2])
def test_a_pipeline_says_what_predict_says(texts_model, tmp_path, batch_size):
    texts_model.save_pretrained(tmp_path / "model")
    texts = ["dull", LONG, "the plot", "a charming film"]
    classify = pipeline("text-classification", str(tmp_path / "model"), top_k=None)
    for row, wanted in zip(classify(texts, batch_size=batch_size), texts_model.predict(texts), strict=True):
        assert {one["label"]: one["score"] for one in row} == pytest.approx(wanted, abs=1e-5)


def test_the_tokenizer_of_a_folder_makes_what_the_model_takes(texts_model, tmp_path):
    texts_model.save_pretrained(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    batch = tokenizer(["dull", LONG], padding=True, return_tensors="pt")
    assert {name: part.shape for name, part in batch.items()} == dict.fromkeys(("input_ids", "attention_mask"), (2, 20))
    wanted = texts_model.log_probs(texts_model.encode(["dull", LONG]))
    torch.testing.assert_close(texts_model(**batch).logits, wanted, atol=1e-5, rtol=0)
    assert len(tokenizer(LONG, truncation=False)["input_ids"]) > 20


def test_a_model_of_pairs_refuses_tokens_of_single_texts(source):
    encoder = load_text_encoder(resolve_encoder(source))
    model = make_model(linear(48), ["a", "b"], TextInputs.of(encoder, True), encoder.tokenizer)
    assert len(model.predict(pd.DataFrame({"one": ["dull", "a"], "other": ["film", "plot"]}))) == 2
    for wrong in (["dull"], [("dull", None)], ["ab"], [("a", "film", "plot")]):
        with pytest.raises(DataError, match=r"texts\[0\]"):
            model.predict(wrong)
    with pytest.raises(DataError, match="input_ids"):
        model(input_ids=torch.ones(2, 5, dtype=torch.int64))


CONVERTED = {
    "half": lambda model: model.half(),
    "bfloat16": lambda model: model.to(torch.bfloat16),
    "double": lambda model: model.double(),
}


@pytest.mark.parametrize("precision", CONVERTED)
@pytest.mark.parametrize("kind", ["texts", "contexts"])
def test_a_model_works_in_every_precision_and_is_saved_in_it(kind, precision, texts_model, tmp_path):
    model, texts, label = (texts_model, ["dull", LONG], "bad") if kind == "texts" else (build(), TEXTS, "b")
    wanted = model.predict(texts)
    CONVERTED[precision](model)
    for row, same in zip(model.predict(texts), wanted, strict=True):
        assert row == pytest.approx(same, abs=0.05)
    model.remember(texts[:1], [label])
    assert model.recall(texts[0])[0].text == texts[0]
    model.save_pretrained(tmp_path / "model")
    loaded = HSOKVForSequenceClassification.from_pretrained(tmp_path / "model")
    assert loaded.dtype == model.dtype
    assert loaded.predict(texts) == model.predict(texts)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_folder_is_loaded_in_the_precision_that_is_asked_for(texts_model, tmp_path, dtype):
    texts_model.save_pretrained(tmp_path / "model")
    loaded = HSOKVForSequenceClassification.from_pretrained(tmp_path / "model", dtype=dtype)
    assert {part.dtype for part in loaded.encoder.parameters()} == {loaded.dtype} == {dtype}
    for row, same in zip(loaded.predict(["dull", LONG]), texts_model.predict(["dull", LONG]), strict=True):
        assert row == pytest.approx(same, abs=0.05)


def test_autocast_and_counts_beyond_half_precision(model):
    model.half()
    memory = model.predictor.memory
    memory.state = memory.state._replace(count=memory.state.count + 4096)
    model.half().remember(["w3"], ["a"])
    assert float(memory.count.max()) == 4097
    with torch.autocast("cpu", torch.bfloat16):
        assert model(input_ids=torch.tensor([[1, 2]])).logits.dtype is torch.float32


def test_a_state_dict_brings_its_texts_classes_and_shapes(model):
    best, said = copy.deepcopy(model.state_dict()), answers(model)
    recalled = model.recall("w0")
    model.remember(TEXTS, LABELS)
    model.add_classes(["c"])
    model.remember(["w6"], ["c"])
    model.load_state_dict(best)
    assert (answers(model), model.recall("w0"), model.labels) == (said, recalled, ["a", "b"])
    model.remember(["w6"], ["b"])
    assert model.recall("w6")[0].text == "w6"
    later = copy.deepcopy(model.state_dict())
    other = build()
    other.load_state_dict(later)
    assert answers(other) == answers(model)


def test_an_optimizer_goes_on_after_a_state_dict_is_loaded(model):
    heads = list(model.predictor.parameters(recurse=False))
    best = copy.deepcopy(model.state_dict())
    model.remember(TEXTS, LABELS)
    model.load_state_dict(best)
    assert all(one is other for one, other in zip(heads, model.predictor.parameters(recurse=False), strict=True))


def test_accelerate_restores_a_state(model, tmp_path):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model = accelerator.prepare(model)
    said = answers(model)
    accelerator.save_state(str(tmp_path))
    model.remember(TEXTS, LABELS)
    accelerator.load_state(str(tmp_path))
    assert answers(model) == said
    assert {one.text for one in model.recall("w0", k=9)} == {"w0 w1", "w1 w2", "w10 w11"}


def test_a_model_is_compiled_whole(model):
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    ids = torch.tensor([[1, 2], [10, 11]])
    assert torch.equal(compiled(input_ids=ids).logits, model(input_ids=ids).logits)


def ranked(rank, folder):
    """What one of two processes recalls after both have written, and a loss has been shared."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/ranks", rank=rank, world_size=2)
    model = build()
    model.remember([f"w{3 + rank} w4"] * (1 + rank), ["ab"[rank]] * (1 + rank))
    parallel = torch.nn.parallel.DistributedDataParallel(model)
    parallel(input_ids=torch.tensor([[1, 2]]), labels=torch.tensor([rank])).loss.backward()
    (folder / str(rank)).write_text(f"{len(model)} {model.recall(f'w{3 + rank} w4')[0].text}")
    torch.distributed.destroy_process_group()


def test_parallel_processes_keep_their_own_entries(tmp_path):
    torch.multiprocessing.spawn(ranked, (tmp_path,), nprocs=2)
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["4 w3 w4", "5 w4 w4"]
