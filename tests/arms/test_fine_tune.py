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


STREAM = striped(64, [0, 1], 1), striped(64, [2, 3], 2)


def dictionary():
    images = striped(40, [0, 1], 9).x.unflatten(1, (3, 32, 32))
    return learn_dictionary(images, 8, torch.Generator().manual_seed(0), patches=400, steps=2)


def learn(tasks, dictionary, budget=None):
    shape = StreamShape(4, 2, 3 * 32 * 32, passes=1, capacity=100, dictionary=dictionary)
    return list(
        fine_tune.learn(iter(tasks), shape, SETTINGS, budget or Budget(ALLOWED), torch.Generator().manual_seed(0))
    )


@pytest.fixture(scope="module")
def learnt():
    """The dictionary, what was spent and the two answers."""
    start, budget = dictionary(), Budget(ALLOWED)
    return start, budget, learn(STREAM, start, budget)


def test_the_task_at_hand_is_learnt_and_classes_that_have_not_come_are_impossible(learnt):
    for fitted, test in zip(learnt[2], (striped(20, [0, 1], 3), striped(20, [2, 3], 4)), strict=True):
        log_probs = fitted.predict(test.x).log_probs
        assert torch.equal(log_probs.argmax(1), test.y)
        torch.testing.assert_close(log_probs.logsumexp(1), torch.zeros(len(log_probs)), rtol=0, atol=1e-5)
        assert (log_probs[:, int(test.y.max()) + 1 :] == -torch.inf).all()


def test_a_task_is_learnt_whatever_comes_after_it(learnt):
    both, alone = learnt[2][0], learn(STREAM[:1], learnt[0])[0]
    assert torch.equal(both.predict(STREAM[0].x).log_probs, alone.predict(STREAM[0].x).log_probs)


def test_the_gradient_reaches_encoder_and_head_and_leaves_the_dictionary_as_it_was(learnt):
    first, second = (fitted.predict.state_dict() for fitted in learnt[2])
    for name in (*PatchDictionary._fields, "weight", "bias"):
        assert not torch.equal(first[name], second[name][..., : first[name].shape[-1]]), name
    assert all(torch.equal(*parts) for parts in zip(learnt[0], dictionary(), strict=True))


def test_only_weights_are_carried(learnt):
    carried = learnt[2][1].instruments["carried"]
    assert (carried["entries_bytes"], carried["statistics_bytes"]) == (0, 0)
    assert carried["weights_bytes"] > 0


def test_what_is_spent_is_charged_and_refused_beyond_the_allowance(learnt):
    assert 0 < learnt[1].spent <= ALLOWED
    with pytest.raises(BudgetError, match="raise flops_allowed"):
        learn(STREAM, learnt[0], Budget(10**6))


def test_all_is_learnt_on_the_device_of_the_dictionary(learnt):
    """The meta device computes nothing, and refuses a tensor of another device as a GPU would."""
    elsewhere = PatchDictionary(*(part.to("meta") for part in learnt[0]))
    predict = learn(STREAM, elsewhere)[-1].predict
    assert {part.device.type for part in predict.state_dict().values()} == {"meta"}
