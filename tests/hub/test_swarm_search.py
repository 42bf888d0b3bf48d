"""The swarm around trainers: agents are folders, copied, moved on and charged by the rules of hsokv.swarm.

With true trainers: the search of docs/training.md, in tests/test_documentation.py.
"""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from hsokv.exceptions import ConfigurationError
from hsokv.hub.swarm_search import swarm_search
from hsokv.swarm.manager import ManagerSettings
from hsokv.swarm.state import Axis, SearchSpace
from hsokv.swarm.supervisor import SwarmSettings

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
    assert sorted(path.name for path in (tmp_path / "agents").iterdir()) == ["10", "11", "8", "9"]


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
