"""Every arm of the study, saved as a model and loaded back: the same bits on the CPU."""

from importlib import import_module

import pytest
import torch

from hsokv.arms import fine_tune
from hsokv.arms.registry import METHODS
from hsokv.data.episode import Shots
from hsokv.encoders.patches import learn_dictionary
from hsokv.hub import HSOKVForSequenceClassification, make_model
from hsokv.learning.budget import Budget

from ..arms.streams import SHAPE, draw_stream

EPISODES = [arm for arm, method in METHODS.items() if "episode" in method.protocols]
STREAMS = [arm for arm, method in METHODS.items() if "stream" in method.protocols and not method.images]


def comes_back(predictor, x, folder):
    """Save and load a model around a predictor; the loaded one says the same, and is described by the same shapes."""
    model = make_model(predictor, [f"class {c}" for c in range(predictor.classes)])
    model.save_pretrained(folder)
    loaded = HSOKVForSequenceClassification.from_pretrained(folder)
    assert loaded.predictor.describe() == predictor.describe()
    assert loaded.labels == model.labels
    with torch.no_grad():
        said = predictor(x).log_probs
        assert torch.equal(model(features=x).logits, said)
        assert torch.equal(loaded(features=x).logits, said)


def module(arm):
    return import_module(f"hsokv.arms.{METHODS[arm].module}")


def groups(settings, arm):
    return {name: settings[name] for name in METHODS[arm].settings}


@pytest.mark.parametrize("kind", ["shots", "words"])
@pytest.mark.parametrize("arm", EPISODES)
def test_an_arm_of_an_episode_comes_back(arm, kind, make_episode, settings, tmp_path):
    episode, generator = make_episode(kind), torch.Generator().manual_seed(0)
    fitted = module(arm).fit(episode, groups(settings, arm), Budget(2 * 10**7), generator)
    comes_back(fitted.predict, episode.test.x, tmp_path)


@pytest.mark.parametrize("arm", STREAMS)
def test_an_arm_of_a_stream_comes_back_after_every_task(arm, settings, tmp_path):
    stream, generator = draw_stream(), torch.Generator().manual_seed(0)
    answers = module(arm).learn(iter(stream.tasks), SHAPE, groups(settings, arm), Budget(10**9), generator)
    for task, fitted in enumerate(answers):
        if task != 1:  # the first, with classes that have not come, and the last
            comes_back(fitted.predict, stream.test.x, tmp_path / str(task))


def test_an_arm_that_learns_from_images_comes_back(tmp_path):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (16, 3, 32, 32), dtype=torch.uint8, generator=generator)
    dictionary = learn_dictionary(images, 4, generator, patches=50, steps=1)
    y = torch.arange(16) % 2
    shape = SHAPE._replace(classes=4, key_dim=3072, dictionary=dictionary)
    tasks = [Shots(images.flatten(1), y + first) for first in (0, 2)]
    rates = {"fine_tune": {"encoder_rate": 0.01, "head_rate": 1.0}}
    *_, fitted = fine_tune.learn(iter(tasks), shape, rates, Budget(10**11), generator)
    comes_back(fitted.predict, images.flatten(1), tmp_path)
