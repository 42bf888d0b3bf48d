"""Encoder and head, end to end, on images of a stream."""

import pytest
import torch

from hsokv.arms import fine_tune
from hsokv.arms.interface import StreamShape
from hsokv.data.episode import Shots
from hsokv.encoders.patches import PatchDictionary, learn_dictionary
from hsokv.exceptions import BudgetError
from hsokv.learning.budget import Budget

SETTINGS = {"fine_tune": {"encoder_rate": 0.01, "head_rate": 1.0}}
ALLOWED = 10**11


def striped(count, classes, seed):
    """Flat images of stripes: upright for even labels, level for odd ones; in noise."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % len(classes)
    stripes = (torch.arange(32) // 3 % 2 * 160)[None, :].expand(32, 32)
    images = torch.stack([stripes if classes[c] % 2 == 0 else stripes.T for c in y])[:, None].expand(-1, 3, -1, -1)
    noise = torch.randint(60, images.shape, generator=generator)
    return Shots((images + noise).to(torch.uint8).flatten(1), torch.tensor(classes)[y])


@pytest.fixture(scope="module")
def shape():
    images = striped(40, [0, 1], 9).x.unflatten(1, (3, 32, 32))
    dictionary = learn_dictionary(images, 8, torch.Generator().manual_seed(0), patches=400, steps=2)
    return StreamShape(4, 2, 3 * 32 * 32, passes=1, capacity=100, dictionary=dictionary)


@pytest.fixture(scope="module")
def stream():
    return striped(64, [0, 1], 1), striped(64, [2, 3], 2)


def learn(tasks, shape, budget=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return list(fine_tune.learn(iter(tasks), shape, SETTINGS, budget or Budget(ALLOWED), generator))


def test_the_task_at_hand_is_learnt(shape, stream):
    tests = striped(20, [0, 1], 3), striped(20, [2, 3], 4)
    for fitted, test in zip(learn(stream, shape), tests, strict=True):
        assert torch.equal(fitted.predict(test.x).log_probs.argmax(1), test.y)


def test_classes_that_have_not_come_are_impossible(shape, stream):
    first = learn(stream, shape)[0].predict(stream[0].x).log_probs
    assert torch.isinf(first[:, 2:]).all()
    torch.testing.assert_close(first[:, :2].logsumexp(1), torch.zeros(len(first)), rtol=0, atol=1e-5)


def test_a_task_is_learnt_whatever_comes_after_it(shape, stream):
    both, alone = learn(stream, shape)[0], learn(stream[:1], shape)[0]
    assert torch.equal(both.predict(stream[0].x).log_probs, alone.predict(stream[0].x).log_probs)


def test_the_gradient_reaches_encoder_and_head(shape, stream):
    first, second = (fitted.predict.state_dict() for fitted in learn(stream, shape))
    for name in (*shape.dictionary._fields, "weight", "bias"):
        assert not torch.equal(first[name], second[name][..., : first[name].shape[-1]]), name


def test_the_dictionary_stays_as_it_was_and_only_weights_are_carried(shape, stream):
    before = [part.clone() for part in shape.dictionary]
    carried = learn(stream, shape)[1].instruments["carried"]
    assert all(torch.equal(*parts) for parts in zip(before, shape.dictionary, strict=True))
    assert (carried["entries_bytes"], carried["statistics_bytes"]) == (0, 0)
    assert carried["weights_bytes"] > 0


def test_what_is_spent_is_charged_and_refused_beyond_the_allowance(shape, stream):
    budget = Budget(ALLOWED)
    learn(stream, shape, budget)
    assert 0 < budget.spent <= ALLOWED
    with pytest.raises(BudgetError, match="raise flops_allowed"):
        learn(stream, shape, Budget(10**6))


def test_all_is_learnt_on_the_device_of_the_dictionary(shape, stream):
    """The meta device computes nothing, and refuses a tensor of another device as a GPU would."""
    elsewhere = shape._replace(dictionary=PatchDictionary(*(part.to("meta") for part in shape.dictionary)))
    predict = learn(stream, elsewhere)[-1].predict
    assert {part.device.type for part in predict.state_dict().values()} == {"meta"}
