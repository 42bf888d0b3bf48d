"""Training a model with a memory: what is written when, counted, read alone, resumed to the same bytes."""

import json

import pandas as pd
import pytest
import torch
from transformers import TrainerCallback, TrainingArguments

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.hub import HSOKVForSequenceClassification, make_model
from hsokv.hub.trainer import HSOKVTrainer, counted
from hsokv.learning.budget import count_flops

from .conftest import build, linear

ROWS = [{"text": f"w{i} w{(i + 1) % 5}", "label": "a"} for i in range(5)]
ROWS += [{"text": f"w{i + 6} w{(i + 1) % 5 + 6}", "label": "b"} for i in range(5)]


@pytest.fixture
def make(tmp_path):
    """A trainer of the small model on ROWS, batches of 4: three steps an epoch."""

    def maker(model=None, folder="out", callbacks=None, rows=ROWS, **changed):
        plain = {"use_cpu": True, "report_to": [], "disable_tqdm": True, "save_strategy": "no", "learning_rate": 0.1}
        given = plain | {"per_device_train_batch_size": 4, "num_train_epochs": 2, "lr_scheduler_type": "constant"}
        args = TrainingArguments(str(tmp_path / folder), **(given | changed))
        return HSOKVTrainer(model or build(), args, train_dataset=rows, eval_dataset=ROWS[::3], callbacks=callbacks)

    return maker


class Watch(TrainerCallback):
    """Notes after each step how many entries there are and how near the nearest one to a row of that step was."""

    def __init__(self):
        self.entries, self.logged = [], []

    def on_step_end(self, args, state, control, model=None, **_):
        self.entries.append(len(model))

    def on_log(self, args, state, control, logs=None, **_):
        self.logged.append(logs)


def test_examples_are_written_once_an_epoch_after_their_step(make):
    watch = Watch()
    trainer = make(callbacks=[watch])
    trainer.train()
    assert watch.entries == [7, 11, 13] * 2, "three entries from before, and 4 + 4 + 2 rows"
    told = list(trainer.model.entries.values())
    assert sorted(entry["text"] for entry in told[3:]) == sorted(row["text"] for row in ROWS)
    assert [entry["source"] for entry in told] == ["remembered"] * 3 + ["training"] * 10
    assert "loss" in watch.logged[-1] or "train_loss" in watch.logged[-1]


def test_no_example_finds_itself(make):
    trainer, before = make(num_train_epochs=3), []
    write = trainer.model.write

    def watched(features, numbers, texts, *more):
        held = {entry["text"] for entry in trainer.model.entries.values() if entry["source"] == "training"}
        before.append(held & set(texts))
        write(features, numbers, texts, *more)

    trainer.model.write = watched
    trainer.train()
    assert len(before) == 9
    assert not any(before)


def test_a_training_that_is_cut_short_leaves_all_examples_in_the_memory(make):
    trainer = make(max_steps=4)
    trainer.train()
    texts = [entry["text"] for entry in trainer.model.entries.values() if entry["source"] == "training"]
    assert texts == [row["text"] for row in ROWS]


def test_training_lowers_the_loss_of_the_heads(make):
    model = build()
    model.gate = 0.0
    trainer = make(model, num_train_epochs=10)
    before = trainer.evaluate()
    trainer.train()
    after = trainer.evaluate()
    assert after["eval_loss"] < before["eval_loss"]
    assert after["eval_accuracy"] == 1


def test_evaluation_changes_nothing(make):
    trainer = make()
    trainer.train()
    before = {name: part.clone() for name, part in trainer.model.state_dict().items()}
    entries, spent = dict(trainer.model.entries), trainer.state.total_flos
    trainer.evaluate()
    trainer.predict(ROWS)
    assert all(torch.equal(part, before[name]) for name, part in trainer.model.state_dict().items())
    assert (trainer.model.entries, trainer.state.total_flos) == (entries, spent)


@pytest.mark.parametrize(("every", "cut"), [("epoch", 3), ("steps", 2)])
def test_a_checkpoint_resumes_to_the_same_bytes(make, tmp_path, every, cut):
    often = {"save_strategy": every, "save_steps": 2}
    make(folder="whole", **often).train()
    make(folder="resumed", **often).train(resume_from_checkpoint=str(tmp_path / "whole" / f"checkpoint-{cut}"))
    whole, resumed = tmp_path / "whole" / "checkpoint-6", tmp_path / "resumed" / "checkpoint-6"
    for file in ("model.safetensors", "hsokv.json", "config.json"):
        assert (whole / file).read_bytes() == (resumed / file).read_bytes(), file
    flops = [json.loads((folder / "trainer_state.json").read_text())["total_flos"] for folder in (whole, resumed)]
    assert flops[0] == flops[1] > 0
    assert len(HSOKVForSequenceClassification.from_pretrained(whole)) == 13


def test_the_best_checkpoint_comes_back_with_its_memory(make):
    best = {"load_best_model_at_end": True, "metric_for_best_model": "loss", "eval_strategy": "epoch"}
    trainer = make(save_strategy="epoch", learning_rate=50.0, num_train_epochs=3, **best)
    trainer.train()
    kept = HSOKVForSequenceClassification.from_pretrained(trainer.state.best_model_checkpoint)
    for name, part in trainer.model.state_dict().items():
        assert torch.equal(part, kept.state_dict()[name]), name
    assert trainer.model.entries == kept.entries


def test_accumulated_steps_are_those_of_one_batch(make):
    one = make(per_device_train_batch_size=10, optim="sgd")
    parts = make(per_device_train_batch_size=5, gradient_accumulation_steps=2, optim="sgd")
    for trainer in (one, parts):
        trainer.train()
    for name, part in one.model.state_dict().items():
        if not name.startswith("predictor.memory"):  # in another order
            assert torch.allclose(part, parts.model.state_dict()[name], atol=1e-5), name
    assert len(one.model) == len(parts.model) == 13


def test_operations_are_counted_as_the_study_counts_them():
    model, ids = build(), torch.tensor([[1, 2], [4, 5]])
    with torch.no_grad():
        assert counted(model.log_probs, model.features(ids))[1] == count_flops(model.log_probs, model.features(ids))[1]


def test_writes_are_counted_and_memory_that_grows_costs_more(make):
    spent = []
    for rows in (ROWS, ROWS[:4]):
        trainer = make(rows=rows, num_train_epochs=1, per_device_train_batch_size=2)
        trainer.train()
        spent.append(trainer.state.total_flos)
    assert spent[0] / 5 > spent[1] / 2 > 0


def test_a_model_without_a_memory_is_trained_all_the_same(make):
    model = make_model(linear(3), ["a", "b"])
    rows = [{"features": torch.eye(3)[i % 2], "labels": i % 2} for i in range(8)]
    make(model, rows=rows).train()
    with torch.no_grad():
        assert model(features=torch.eye(3)[:2]).logits.argmax(1).tolist() == [0, 1]


def test_what_cannot_be_trained_is_refused_before_any_work(make):
    with pytest.raises(DataError, match="unknown label 'aa'; did you mean 'a'"):
        make(rows=[{"text": "w0", "label": "aa"}])
    with pytest.raises(DataError, match="records"):
        make(rows=pd.DataFrame(ROWS))
    with pytest.raises(ConfigurationError, match=r"nothing to train.*set model.gate below 1"):
        make(build(gate=1.0))
    with pytest.raises(ConfigurationError, match="Linear"):
        make(torch.nn.Linear(2, 2))


def test_rows_without_labels_are_predicted(make):
    trainer = make()
    trainer.train()
    bare = [{"text": row["text"]} for row in ROWS]
    result = trainer.predict(bare)
    assert result.label_ids is None
    assert (result.predictions == trainer.predict(ROWS).predictions).all()
    assert (trainer.predict([row | {"label": None} for row in bare]).predictions == result.predictions).all()
    for wrong in ([*bare[:3], ROWS[0]], [ROWS[0] | {"label": "z"}], [{"text": None}], [{"sentence": "w0"}]):
        with pytest.raises(DataError):
            trainer.predict(wrong)
