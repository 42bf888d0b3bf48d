"""The swarm around trainers: agents are folders, copied, moved on and charged by the rules of hsokv.swarm."""

import math
from types import SimpleNamespace

import pytest
import torch
from transformers import TrainingArguments

from hsokv.exceptions import ConfigurationError
from hsokv.hub import HSOKVForSequenceClassification
from hsokv.hub.swarm_search import swarm_search
from hsokv.hub.trainer import HSOKVTrainer
from hsokv.swarm.manager import ManagerSettings
from hsokv.swarm.state import Axis, SearchSpace
from hsokv.swarm.supervisor import SwarmSettings

from .conftest import build
from .test_trainer import PLAIN, ROWS

SEARCH_SPACE = SearchSpace(
    (Axis("learning_rate", 1e-6, 0.1, 1e-5), Axis("gate", 0.1, 0.9, 0.5, log=False)), ("sgd", "adamw_torch"), "sgd"
)
SHAPE = SwarmSettings(managers=1, agents=4, rounds=2, ensemble_size=1, manager=ManagerSettings(0.5, 0.1, 0.0))


def pretended(point, checkpoint):
    """A trainer whose loss is a function of its hyperparameters and of nothing else, at 100 operations."""

    def save_model(folder):
        build().save_pretrained(folder)

    def evaluate():
        return {"eval_loss": abs(point["gate"] - 0.7)}

    state = SimpleNamespace(total_flos=100)
    return SimpleNamespace(train=lambda: None, evaluate=evaluate, state=state, save_model=save_model)


def test_agents_go_on_from_what_they_copied_one_that_fails_is_not_copied_and_the_best_is_found(tmp_path):
    asked = []

    def make(point, checkpoint):
        asked.append((point, checkpoint))
        model = HSOKVForSequenceClassification.from_pretrained(checkpoint) if checkpoint else build()
        model.gate = point["gate"]
        own = {"learning_rate": point["learning_rate"], "optim": point["optimizer"], "seed": point["seed"]}
        args = TrainingArguments(str(tmp_path / "out"), per_device_train_batch_size=5, max_steps=2, **PLAIN, **own)
        trainer = HSOKVTrainer(model, args, train_dataset=ROWS, eval_dataset=ROWS[::3])
        if point["seed"] == 0:
            trainer.evaluate = lambda: {"eval_loss": math.nan}
        return trainer

    found = swarm_search(make, SEARCH_SPACE, SHAPE, tmp_path / "agents", flops=10**9)
    assert [point["seed"] for point, _ in asked] == list(range(8))
    assert [folder for _, folder in asked[:4]] == [None] * 4
    assert math.isinf(found.swarm.history[0].score[0, 0])
    sources = [int(folder.name) for _, folder in asked[4:]]
    assert sources == found.swarm.history[0].parent.flatten().tolist()
    assert 0 not in sources
    assert len(set(sources)) < 4, "half of the agents copy"
    scores = found.swarm.history[-1].score
    assert found.score == float(scores.min())
    assert found.folder.name == str(4 + int(scores.argmin()))
    best = HSOKVForSequenceClassification.from_pretrained(found.folder)
    assert best.gate == pytest.approx(found.hyperparameters["gate"])
    trainer = make(asked[4 + int(scores.argmin())][0], found.folder)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(found.score, abs=1e-6)
    assert sorted(path.name for path in (tmp_path / "agents").iterdir()) == ["4", "5", "6", "7"]


def test_the_same_seed_finds_the_same_and_no_round_is_begun_without_means(tmp_path):
    whole, short = (
        swarm_search(pretended, SEARCH_SPACE, SHAPE, tmp_path / str(flops), flops=flops) for flops in (10**6, 799)
    )
    assert [past.spent for past in whole.swarm.history] == [400, 800]
    assert [past.spent for past in short.swarm.history] == [400]
    assert torch.equal(short.swarm.history[0].score, whole.swarm.history[0].score)


def test_a_folder_that_holds_something_is_refused_before_any_work(tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(ConfigurationError, match="empty"):
        swarm_search(lambda *_: pytest.fail("a trainer was made"), SEARCH_SPACE, SHAPE, tmp_path, flops=10**9)
