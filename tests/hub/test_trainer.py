"""Training a model with a memory: what is written when, counted, read alone, resumed to the same bytes; the swarm."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from transformers import TrainerCallback, TrainingArguments

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.hub import HSOKVForSequenceClassification, make_model, text_memory
from hsokv.hub.swarm_search import swarm_search
from hsokv.hub.trainer import HSOKVTrainer, counted
from hsokv.learning.budget import count_flops
from hsokv.swarm.manager import ManagerSettings
from hsokv.swarm.state import Axis, SearchSpace
from hsokv.swarm.supervisor import SwarmSettings

from .conftest import build, linear, same_tensors, tensors

ROWS = [{"text": f"w{i} w{(i + 1) % 5}", "label": "a"} for i in range(5)]
ROWS += [{"text": f"w{i + 6} w{(i + 1) % 5 + 6}", "label": "b"} for i in range(5)]
PLAIN = {"use_cpu": True, "report_to": [], "disable_tqdm": True, "save_strategy": "no"}


@pytest.fixture
def make(tmp_path):
    """A trainer of the small model on ROWS, batches of 4: three steps an epoch."""

    def maker(model=None, folder="out", callbacks=None, rows=ROWS, **changed):
        given = {"per_device_train_batch_size": 4, "num_train_epochs": 2, "lr_scheduler_type": "constant"}
        args = TrainingArguments(str(tmp_path / folder), **(PLAIN | given | {"learning_rate": 0.1} | changed))
        return HSOKVTrainer(model or build(), args, train_dataset=rows, eval_dataset=ROWS[::3], callbacks=callbacks)

    return maker


class Watch(TrainerCallback):
    """Notes after each step how many entries there are."""

    def __init__(self):
        self.entries = []

    def on_step_end(self, args, state, control, model=None, **_):
        self.entries.append(len(model))


def trained_on(trainer):
    return [entry["text"] for entry in trainer.model.entries.values() if entry["source"] == "training"]


def test_examples_are_written_once_an_epoch_after_their_step_so_that_none_finds_itself(make):
    watch, found = Watch(), []
    trainer = make(callbacks=[watch])
    write = trainer.model.write

    def watched(features, numbers, texts, *more):
        found.append(set(trained_on(trainer)) & set(texts))
        write(features, numbers, texts, *more)

    trainer.model.write = watched
    trainer.train()
    assert watch.entries == [7, 11, 13] * 2, "three entries from before, and 4 + 4 + 2 rows"
    assert found == [set()] * 6
    told = list(trainer.model.entries.values())
    assert sorted(entry["text"] for entry in told[3:]) == sorted(row["text"] for row in ROWS)
    assert [entry["source"] for entry in told] == ["remembered"] * 3 + ["training"] * 10


def test_a_training_that_is_cut_short_leaves_all_examples_in_the_memory(make):
    trainer = make(max_steps=4)
    trainer.train()
    assert trained_on(trainer) == [row["text"] for row in ROWS]


def test_training_lowers_the_loss_of_the_heads_and_evaluation_changes_nothing(make):
    model = build()
    model.gate = 0.0
    trainer = make(model, num_train_epochs=10)
    before = trainer.evaluate()
    trainer.train()
    held, entries, spent = tensors(model), dict(model.entries), trainer.state.total_flos
    after, predicted = trainer.evaluate(), trainer.predict(ROWS).predictions
    assert after["eval_loss"] < before["eval_loss"]
    assert after["eval_accuracy"] == 1
    bare = [{"text": row["text"]} for row in ROWS]
    for rows in (bare, [row | {"label": None} for row in bare]):
        result = trainer.predict(rows)
        assert result.label_ids is None
        assert (result.predictions == predicted).all()
    for wrong in ([*bare[:3], ROWS[0]], [ROWS[0] | {"label": "z"}], [{"text": None}], [{"sentence": "w0"}]):
        with pytest.raises(DataError):
            trainer.predict(wrong)
    assert same_tensors(model, held)
    assert (model.entries, trainer.state.total_flos) == (entries, spent)


def test_a_checkpoint_resumes_to_the_same_bytes(make, tmp_path):
    often = {"save_strategy": "steps", "save_steps": 1}
    make(folder="whole", **often).train()
    whole = tmp_path / "whole" / "checkpoint-6"
    assert len(HSOKVForSequenceClassification.from_pretrained(whole)) == 13
    for cut in (2, 3):  # in the middle of an epoch, and at the end of one
        make(folder=str(cut), **often).train(resume_from_checkpoint=str(tmp_path / "whole" / f"checkpoint-{cut}"))
        resumed = tmp_path / str(cut) / "checkpoint-6"
        for file in ("model.safetensors", "hsokv.json", "config.json"):
            assert (whole / file).read_bytes() == (resumed / file).read_bytes(), file
        flops = [json.loads((folder / "trainer_state.json").read_text())["total_flos"] for folder in (whole, resumed)]
        assert flops[0] == flops[1] > 0


def test_what_was_remembered_or_forgotten_before_a_training_is_so_after_it(make):
    trainer = make(build())
    model = trainer.model
    for text, other in (("w0 w2", "w1 w3"), ("w1 w3", "w0 w2")):
        model.remember([text], ["a"])
        trainer.train()
        texts = [entry.get("text") for entry in model.entries.values()]
        assert text in texts
        assert other not in texts
        model.forget([text])


def test_the_best_checkpoint_comes_back_with_its_memory(make):
    best = {"load_best_model_at_end": True, "metric_for_best_model": "loss", "eval_strategy": "epoch"}
    trainer = make(save_strategy="epoch", learning_rate=50.0, **best)
    trainer.train()
    kept = HSOKVForSequenceClassification.from_pretrained(trainer.state.best_model_checkpoint)
    assert same_tensors(trainer.model, tensors(kept))
    assert trainer.model.entries == kept.entries


def test_accumulated_steps_are_those_of_one_batch(make):
    one = make(per_device_train_batch_size=10, optim="sgd")
    parts = make(per_device_train_batch_size=5, gradient_accumulation_steps=2, optim="sgd")
    for trainer in (one, parts):
        trainer.train()
    for name, part in one.model.predictor.named_parameters(recurse=False):
        torch.testing.assert_close(part, getattr(parts.model.predictor, name), atol=1e-5, rtol=1e-5)
    assert len(one.model) == len(parts.model) == 13


def test_operations_are_counted_as_the_study_counts_them_writes_included(make):
    model, ids, spent = build(), torch.tensor([[1, 2], [4, 5]]), []
    with torch.no_grad():
        assert counted(model.log_probs, model.features(ids))[1] == count_flops(model.log_probs, model.features(ids))[1]
    for rows in (ROWS, ROWS[:4]):
        trainer = make(rows=rows, num_train_epochs=1, per_device_train_batch_size=2)
        trainer.train()
        spent.append(trainer.state.total_flos)
    assert spent[0] / 5 > spent[1] / 2 > 0, "a memory that grows costs more"


def test_a_model_without_a_memory_is_trained_all_the_same(make):
    model = make_model(linear(3), ["a", "b"])
    rows = [{"features": torch.eye(3)[i % 2], "labels": i % 2} for i in range(8)]
    make(model, rows=rows).train()
    with torch.no_grad():
        assert model(features=torch.eye(3)[:2]).logits.argmax(1).tolist() == [0, 1]


def test_an_encoder_that_is_trained_makes_the_keys_anew(source, tmp_path):
    texts, model = ["a charming film", "dull", "the plot bears a comedy"], text_memory(["a", "b"], source)
    model.gate = 0.5
    model.encoder.requires_grad_(True)
    model.remember(texts[:1], ["a"])
    rows = [{"text": text, "label": label} for text, label in zip(texts[1:], "ab", strict=True)]
    before = model.encode(texts)
    HSOKVTrainer(model, TrainingArguments(str(tmp_path), learning_rate=0.01, **PLAIN), train_dataset=rows).train()
    state = model.eval().predictor.memory.state
    assert (model.encode(texts) - before).abs().max() > 1e-3
    torch.testing.assert_close(state.keys[state.occupied], model.encode(texts), atol=1e-5, rtol=0)


def test_what_cannot_be_trained_is_refused_before_any_work(make):
    with pytest.raises(DataError, match="unknown label 'aa'; did you mean 'a'"):
        make(rows=[{"text": "w0", "label": "aa"}])
    with pytest.raises(DataError, match="records"):
        make(rows=pd.DataFrame(ROWS))
    with pytest.raises(ConfigurationError, match=r"nothing to train.*set model.gate below 1"):
        make(build(gate=1.0))
    with pytest.raises(ConfigurationError, match="Linear"):
        make(torch.nn.Linear(2, 2))


# --- the swarm around trainers; with true ones: docs/training.md, run by tests/test_documentation.py

SEARCH_SPACE = SearchSpace(
    (Axis("learning_rate", 1e-6, 0.1, 1e-5), Axis("gate", 0.1, 0.9, 0.5, log=False)), ("sgd", "adamw_torch"), "sgd"
)
SHAPE = SwarmSettings(managers=1, agents=4, rounds=3, ensemble_size=1, manager=ManagerSettings(0.5, 0.1, 0.0))


def search(folder, flops=10**9):
    """A search of trainers that take 100 operations, and all that was asked of them; the first of all fails."""
    asked = []

    def make_trainer(point, checkpoint):
        asked.append((point, checkpoint))
        assert checkpoint is None or (checkpoint / "model").exists()
        (folder / "logs").mkdir(parents=True, exist_ok=True)  # as a trainer whose output_dir it is
        return SimpleNamespace(
            train=lambda: None,
            evaluate=lambda: {"eval_loss": abs(point["gate"] - 0.7) if point["seed"] else math.nan},
            state=SimpleNamespace(total_flos=100),
            save_model=lambda to: (Path(to).mkdir(parents=True), (Path(to) / "model").write_text(str(point))),
        )

    return swarm_search(make_trainer, SEARCH_SPACE, SHAPE, folder, flops), asked


def test_agents_go_on_from_what_they_copied_one_that_fails_is_not_copied_and_the_best_is_found(tmp_path):
    found, asked = search(tmp_path / "agents")
    assert [point["seed"] for point, _ in asked] == list(range(12))
    assert [folder for _, folder in asked[:4]] == [None] * 4
    assert math.isinf(found.swarm.history[0].score[0, 0])
    for r, past in enumerate(found.swarm.history[:2]):
        sources = [int(folder.name) for _, folder in asked[4 * r + 4 : 4 * r + 8]]
        assert sources == (past.parent.flatten() + 4 * r).tolist()
        assert len(set(sources)) < 4, "half of the agents copy"
        assert 0 not in sources
    scores = found.swarm.history[-1].score
    best = 8 + int(scores.argmin())
    assert (found.score, found.folder.name) == (float(scores.min()), str(best))
    assert found.hyperparameters["gate"] == pytest.approx(asked[best][0]["gate"])
    assert (found.folder / "model").read_text() == str(asked[best][0])
    assert sorted(path.name for path in (tmp_path / "agents").iterdir()) == ["10", "11", "8", "9", "logs"]


def test_the_same_seed_finds_the_same_and_no_round_is_begun_without_means(tmp_path):
    (whole, _), (short, _) = search(tmp_path / "whole"), search(tmp_path / "short", flops=1199)
    assert [past.spent for past in whole.swarm.history] == [400, 800, 1200]
    assert [past.spent for past in short.swarm.history] == [400, 800]
    for one, other in zip(short.swarm.history, whole.swarm.history, strict=False):
        assert torch.equal(one.score, other.score)


def test_a_folder_that_holds_something_is_refused_before_any_work(tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(ConfigurationError, match="empty"):
        search(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
