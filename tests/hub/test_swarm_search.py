"""The swarm around trainers: agents are folders, copied, moved on and charged by the rules of hsokv.swarm."""

import math

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
from .test_trainer import ROWS

SEARCH_SPACE = SearchSpace(
    (Axis("learning_rate", 1e-6, 0.1, 1e-5), Axis("gate", 0.1, 0.9, 0.5, log=False)), ("sgd", "adamw_torch"), "sgd"
)
SHAPE = SwarmSettings(managers=1, agents=4, rounds=3, ensemble_size=1, manager=ManagerSettings(0.5, 0.1, 0.0))


@pytest.fixture
def make(tmp_path):
    """Trainers of two steps on the small model, and what they were asked for."""
    asked = []

    def maker(point, checkpoint):
        asked.append((point, checkpoint))
        model = HSOKVForSequenceClassification.from_pretrained(checkpoint) if checkpoint else build()
        model.gate = point["gate"]
        plain = {"use_cpu": True, "report_to": [], "disable_tqdm": True, "save_strategy": "no", "max_steps": 2}
        own = {"learning_rate": point["learning_rate"], "optim": point["optimizer"], "seed": point["seed"]}
        args = TrainingArguments(str(tmp_path / "out"), per_device_train_batch_size=5, **plain, **own)
        return HSOKVTrainer(model, args, train_dataset=ROWS, eval_dataset=ROWS[::3])

    return maker, asked


def test_agents_go_on_from_what_they_copied_and_the_best_is_found(make, tmp_path):
    maker, asked = make
    found = swarm_search(maker, SEARCH_SPACE, SHAPE, tmp_path / "agents", flops=10**9)
    assert [point["seed"] for point, _ in asked] == list(range(12))
    assert [folder for _, folder in asked[:4]] == [None] * 4
    for r, parents in enumerate((found.swarm.history[0].parent, found.swarm.history[1].parent)):
        sources = [int(folder.name) for _, folder in asked[4 * r + 4 : 4 * r + 8]]
        assert sources == (parents.flatten() + 4 * r).tolist()
        assert len(set(sources)) < 4, "half of the agents copy"
    scores = found.swarm.history[-1].score
    assert found.score == float(scores.min())
    assert found.folder.name == str(8 + int(scores.argmin()))
    best = HSOKVForSequenceClassification.from_pretrained(found.folder)
    assert best.gate == pytest.approx(found.hyperparameters["gate"])
    trainer = maker(asked[8 + int(scores.argmin())][0], found.folder)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(found.score, abs=1e-6)
    assert sorted(path.name for path in (tmp_path / "agents").iterdir()) == ["10", "11", "8", "9"]


def test_the_same_seed_finds_the_same_and_no_round_is_begun_without_means(make, tmp_path):
    shape = SHAPE._replace(agents=2, rounds=2)
    one, two = (swarm_search(make[0], SEARCH_SPACE, shape, tmp_path / name, flops=10**9) for name in ("one", "two"))
    assert torch.equal(one.swarm.score, two.swarm.score)
    first, second = (past.spent for past in one.swarm.history)
    assert 0 < first < second
    short = swarm_search(make[0], SEARCH_SPACE, shape, tmp_path / "short", flops=2 * first - 1)
    assert [past.spent for past in short.swarm.history] == [first]


def test_an_agent_that_fails_is_not_copied(make, tmp_path):
    maker, asked = make

    def first_fails(point, checkpoint):
        trainer = maker(point, checkpoint)
        if point["seed"] == 0:
            trainer.evaluate = lambda: {"eval_loss": math.nan}
        return trainer

    found = swarm_search(first_fails, SEARCH_SPACE, SHAPE._replace(rounds=2), tmp_path / "agents", flops=10**9)
    assert math.isinf(found.swarm.history[0].score[0, 0])
    assert "0" not in [folder.name for _, folder in asked[4:]]


def test_a_folder_that_holds_something_is_refused_before_any_work(make, tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(ConfigurationError, match="empty"):
        swarm_search(make[0], SEARCH_SPACE, SHAPE, tmp_path, flops=10**9)
    assert make[1] == []
