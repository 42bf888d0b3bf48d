import numpy as np
import pytest
import torch

from hsokv.learning.optimizers import OPTIMIZERS, init_state, update

RATE, DECAY, EPS = 0.1, 0.02, 1e-8


def gradients(*shape):
    return torch.randn(3, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def reference(optimizer, w, slopes):
    """Three steps by the published rules, in plain numpy."""
    m, v = np.zeros_like(w), np.zeros((len(w), 1, 1))
    momentum = np.zeros_like(w)
    for t, g in enumerate(slopes, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * (g * g).mean((1, 2), keepdims=True)
        momentum = 0.9 * momentum + g
        scale = np.sqrt(v / (1 - 0.999**t)) + EPS
        direction = {"adam_norm": m / (1 - 0.9**t) / scale, "sgd": momentum, "rmsprop_norm": g / scale}[optimizer]
        w = (w - RATE * direction) / (1 + RATE * DECAY)
    return w


def three_steps(w, slopes, optimizer, rate, decay):
    moments = init_state(w, optimizer.shape)
    for g in slopes:
        w, moments = update(w, g, moments, optimizer, rate, decay)
    return w, moments


def constants(batch, optimizer):
    return torch.full(batch, optimizer), *(torch.full(batch, value, dtype=torch.float64) for value in (RATE, DECAY))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_rule_equals_its_reference(optimizer):
    w, slopes = torch.ones(2, 4, 3, dtype=torch.float64), gradients(2, 4, 3)
    moved, moments = three_steps(w, slopes, *constants((2,), OPTIMIZERS.index(optimizer)))
    np.testing.assert_allclose(moved.numpy(), reference(optimizer, w.numpy(), slopes.numpy()), rtol=1e-12)
    assert moments.steps.tolist() == [3.0, 3.0]


def test_agents_with_different_rules_do_not_touch_each_other():
    w, slopes = torch.ones(3, 4), gradients(3, 4).float()
    mixed = torch.arange(3), torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.0, 0.1, 0.2])
    together, moments = three_steps(w, slopes, *mixed)
    for i in range(3):
        alone, own = three_steps(w[i : i + 1], slopes[:, i : i + 1], *(part[i : i + 1] for part in mixed))
        torch.testing.assert_close(together[i : i + 1], alone)
        torch.testing.assert_close(moments.second[i : i + 1], own.second)


def test_moments_do_not_depend_on_the_rule_so_that_a_copy_keeps_its_history():
    w, slopes = torch.ones(1, 4, dtype=torch.float64), gradients(1, 4)
    found = [three_steps(w, slopes, *constants((1,), rule))[1] for rule in range(len(OPTIMIZERS))]
    assert all(torch.equal(found[0].first, other.first) for other in found)
    assert all(torch.equal(found[0].second, other.second) for other in found)


def test_decay_alone_shrinks_the_parameter():
    w = torch.full((1, 2), 2.0)
    moved, _ = update(w, torch.zeros(1, 2), init_state(w, (1,)), *constants((1,), 0))
    torch.testing.assert_close(moved, w / (1 + RATE * DECAY))


@pytest.mark.parametrize("decay", [1.0, 1e3, 1e6])
def test_no_decay_is_too_strong(decay):
    """With a constant gradient g the plain rule settles at -g' / decay, g' what momentum makes of it."""
    w, g = torch.ones(1, 2, dtype=torch.float64), torch.full((1, 2), 0.5, dtype=torch.float64)
    moments, sgd = init_state(w, (1,)), torch.tensor([OPTIMIZERS.index("sgd")])
    for _ in range(400):
        w, moments = update(w, g, moments, sgd, torch.tensor([1.0]), torch.tensor([decay]))
    torch.testing.assert_close(w, -10 * g / decay)


def test_an_update_leaves_its_arguments_alone():
    w, slopes = torch.ones(3, 4), gradients(3, 4).float()
    moments = init_state(w, (3,))
    arguments = w, slopes[0], *moments
    before = [part.clone() for part in arguments]
    update(w, slopes[0], moments, torch.arange(3), torch.full((3,), RATE), torch.full((3,), DECAY))
    assert all(torch.equal(*pair) for pair in zip(arguments, before, strict=True))
