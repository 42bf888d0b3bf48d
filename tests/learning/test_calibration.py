import math
import statistics

import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from hsokv.exceptions import SwarmCollapsedError
from hsokv.learning.calibration import GATES, TEMPERATURES, fit_gate, fit_temperature, least_log_loss


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


MASK = (torch.arange(20) < 12).float()


def test_the_temperature_is_the_best_of_its_grid_and_scales_with_the_logits():
    y = torch.arange(60) % 3
    z = one_hot(y, 3) + draw(60, 3)
    # One more example has the label unknown.
    losses = [float(cross_entropy(z / t, y, reduction="sum") - (z / t).log_softmax(-1).mean()) for t in TEMPERATURES]
    assert float(fit_temperature(z, y)) == float(TEMPERATURES[losses.index(min(losses))])
    assert float(fit_temperature(4 * z, y)) == 4 * float(fit_temperature(z, y))


def test_temperatures_and_gates_are_fitted_for_each_learner_alone():
    z, y = draw(2, 3, 20, 3) * 5, torch.arange(20) % 3
    together = fit_temperature(z, y)
    assert together.shape == (2, 3)
    assert together[1, 2] == fit_temperature(z[1, 2], y)
    p, m = draw(3, 30).sigmoid(), draw(3, 30, seed=1).sigmoid()
    assert fit_gate(p.log(), m).tolist() == [float(fit_gate(p[i].log(), m[i])) for i in range(3)]


def test_masked_examples_move_neither_the_temperature_nor_the_loss():
    z, y = draw(20, 3), torch.arange(20) % 3
    assert fit_temperature(z, y, MASK) == fit_temperature(z[:12], y[:12])
    p, m = draw(20).sigmoid().log(), draw(20, seed=1).sigmoid()
    torch.testing.assert_close(least_log_loss(p, m, MASK), least_log_loss(p[:12], m[:12]))


def test_folds_that_are_all_right_do_not_make_the_sharpest_temperature():
    assert fit_temperature(torch.eye(2).repeat(8, 1), torch.arange(16) % 2) > TEMPERATURES[0]


def by_plain_python(p, m):
    """The least mean log-loss, and the smallest gate whose mean excess over it is at most its standard error."""
    losses = [[-math.log((1 - g) * a + g * b) for a, b in zip(p, m, strict=True)] for g in GATES.tolist()]
    best = min(losses, key=sum)
    for gate, own in zip(GATES.tolist(), losses, strict=True):
        excess = [mine - least for mine, least in zip(own, best, strict=True)]
        if statistics.mean(excess) <= statistics.stdev(excess) / math.sqrt(len(excess)):
            return statistics.mean(best), gate
    raise AssertionError("the best is within its own error")


def test_the_gate_is_the_smallest_within_one_standard_error_of_the_least_log_loss():
    for seed in range(20):
        p, m = draw(30, seed=seed).sigmoid(), (draw(30, seed=seed + 100) + 0.2 * (seed % 5)).sigmoid()
        loss, gate = by_plain_python(p.tolist(), m.tolist())
        assert float(least_log_loss(p.log(), m)) == pytest.approx(loss, abs=1e-6)
        assert float(fit_gate(p.log(), m)) == pytest.approx(gate)


@pytest.mark.parametrize(("examples", "memory", "gate"), [(8, 0.9, 1.0), (8, 0.1, 0.0), (8, 0.5, 0.0), (1, 0.9, 0.0)])
def test_a_branch_that_does_not_help_is_switched_off_and_one_example_shows_nothing(examples, memory, gate):
    assert float(fit_gate(torch.full((examples,), 0.5).log(), torch.full((examples,), memory))) == gate


def test_a_member_that_failed_gets_an_infinite_loss_and_an_impossible_label_a_finite_one():
    p = torch.tensor([[math.nan, math.nan], [0.5, 0.5]]).log()
    assert least_log_loss(p, torch.full((2, 2), 0.5)).tolist() == pytest.approx([math.inf, math.log(2)])
    assert float(least_log_loss(torch.tensor([-math.inf]), torch.tensor([0.0]))) == 1e4


@pytest.mark.parametrize("fit", [fit_gate, least_log_loss])
def test_all_failed_is_an_error(fit):
    with pytest.raises(SwarmCollapsedError, match="lower the learning rates"):
        fit(torch.full((2, 3), math.nan), torch.full((3,), 0.5))
