"""Small generated episodes that the tests of the core share."""

from pathlib import Path

import pytest
import torch

from hsokv.archive.artifact import pack_artifact
from hsokv.data.episode import Background, Fold, Shots, shots_episode, words_episode
from tests.made_study import make

CLASSES, KEY_DIM = 4, 12


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def draw_shots(generator, per_class, noise):
    """Unit vectors around one axis per class, in a shuffled order."""
    y = torch.arange(CLASSES).repeat(per_class)[torch.randperm(CLASSES * per_class, generator=generator)]
    x = torch.eye(CLASSES, KEY_DIM)[y] + noise * torch.randn(len(y), KEY_DIM, generator=generator)
    return Shots(torch.nn.functional.normalize(x, dim=-1), y)


def draw_episode(kind, noise=0.25, seed=0, shots=8):
    """An episode of kind "shots" (folds of the train shots), "described" (the same, two descriptions a class before
    them) or "words" (one shot per class, a background)."""
    generator = torch.Generator().manual_seed(seed)
    if kind in ("shots", "described"):
        train, dev, test = (draw_shots(generator, count, noise) for count in (shots, shots, 10))
        descriptions = draw_shots(generator, 2, noise) if kind == "described" else None
        return shots_episode(train, dev, test, CLASSES, 4, descriptions)
    fold, dev, test = (Fold(draw_shots(generator, 1, noise), draw_shots(generator, 6, noise)) for _ in range(3))
    maps = torch.eye(KEY_DIM) + 0.1, torch.eye(KEY_DIM) - 0.1
    background = Background(noise**2 * torch.eye(KEY_DIM), 100, torch.eye(KEY_DIM) / CLASSES, *maps, map_flops=1)
    return words_episode(fold, dev, test, CLASSES, background)


@pytest.fixture(scope="session")
def make_episode():
    return draw_episode


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> tuple[Path, dict]:
    """The folder of a made-up study, finished, and its configuration: to be read; tests that change it copy it."""
    base = tmp_path_factory.mktemp("study")
    return base, make(base)


@pytest.fixture(scope="session")
def packed(study, tmp_path_factory) -> Path:
    """The artifact of the made-up study."""
    base, configuration = study
    path = tmp_path_factory.mktemp("packed") / "a.tar.gz"
    pack_artifact(base, base / "results", configuration, "1.2.3", path)
    return path


@pytest.fixture
def settings():
    """All groups of the configuration's `methods`, small; a copy for each test."""
    return {
        "head": {"optimizer": "sgd", "learning_rate": 1.0, "weight_decay": 1.0, "steps": 12},
        "memory": {"capacity": 100, "k": 5, "inverse_temperature": 10.0},
        "keys": {"shrinkage": 0.1, "directions": 6},
        "maps": {"steps": 10, "words": 20, "learning_rate": 0.03},
        "swarm": {
            "managers": 2,
            "agents": 3,
            "rounds": 3,
            "ensemble_size": 2,
            "truncation_fraction": 0.34,
            "perturb_scale": 0.2,
            "resample_prob": 0.25,
            "search_space": {
                "learning_rate": [0.4, 2.5],
                "weight_decay": [0.4, 2.5],
                "inverse_temperature": [5.0, 20.0],
            },
        },
        "knn": {"k": 1},
        "ridge": {"shrinkage": [0.1, 0.5]},
        "maml": {"inner_steps": 3, "outer_steps": 6, "inner_rate": 1.5, "outer_rate": 0.0003, "classes": 3},
        "linear_probe": {"strengths": [1.0, 100.0], "steps": 60},
    }
