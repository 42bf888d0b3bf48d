import math
import statistics

import pytest
import torch

from hsokv.exceptions import SwarmCollapsedError
from hsokv.learning.calibration import GATES, TEMPERATURES, fit_gate, fit_temperature, label_log_prob, least_log_loss


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_label_log_prob_picks_the_label():
    assert label_log_prob(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 0])).tolist() == [2.0, 3.0]


def test_fit_temperature_is_the_best_of_its_grid():
    z, y = 3 * draw(40, 3), torch.arange(40) % 3
    losses = [float(torch.nn.functional.cross_entropy(z / t, y)) for t in TEMPERATURES]
    assert float(fit_temperature(z, y)) == float(TEMPERATURES[losses.index(min(losses))])


def test_temperature_of_scaled_logits_is_scaled():
    y = torch.arange(60) % 3
    z = torch.nn.functional.one_hot(y, 3) + draw(60, 3)
    assert float(fit_temperature(4 * z, y)) == 4 * float(fit_temperature(z, y))


def test_temperatures_are_fitted_for_each_learner_alone():
    z, y = draw(2, 3, 20, 3) * 5, torch.arange(20) % 3
    together = fit_temperature(z, y)
    assert together.shape == (2, 3)
    assert together[1, 2] == fit_temperature(z[1, 2], y)


def test_masked_examples_do_not_move_the_temperature():
    z, y = draw(20, 3), torch.arange(20) % 3
    mask = (torch.arange(20) < 12).float()
    assert fit_temperature(z, y, mask) == fit_temperature(z[:12], y[:12])


def one_standard_error(p, m):
    """The rule by plain Python: the smallest gate whose mean excess over the best is at most its standard error."""
    losses = [[-math.log((1 - g) * a + g * b) for a, b in zip(p, m, strict=True)] for g in GATES.tolist()]
    best = min(losses, key=sum)
    for gate, own in zip(GATES.tolist(), losses, strict=True):
        excess = [mine - least for mine, least in zip(own, best, strict=True)]
        if statistics.mean(excess) <= statistics.stdev(excess) / math.sqrt(len(excess)):
            return gate
    raise AssertionError("the best is within its own error")


@pytest.mark.parametrize("seed", range(20))
def test_gate_is_the_smallest_within_one_standard_error_of_the_best(seed):
    p, m = draw(30, seed=seed).sigmoid(), (draw(30, seed=seed + 100) + 0.2 * (seed % 5)).sigmoid()
    assert float(fit_gate(p.log(), m)) == pytest.approx(one_standard_error(p.tolist(), m.tolist()))


@pytest.mark.parametrize(("memory", "gate"), [(0.9, 1.0), (0.1, 0.0), (0.5, 0.0)])
def test_a_branch_that_does_not_help_is_switched_off(memory, gate):
    assert float(fit_gate(torch.full((8,), 0.5).log(), torch.full((8,), memory))) == gate


def test_one_example_shows_nothing():
    assert float(fit_gate(torch.tensor([0.1]).log(), torch.tensor([0.9]))) == 0


def test_gates_are_fitted_for_each_row_alone():
    p, m = draw(3, 30).sigmoid(), draw(3, 30, seed=1).sigmoid()
    assert fit_gate(p.log(), m).tolist() == [float(fit_gate(p[i].log(), m[i])) for i in range(3)]


def test_least_log_loss_equals_a_plain_search():
    p, m = draw(30).sigmoid(), draw(30, seed=1).sigmoid()
    losses = [float(-((1 - g) * p + g * m).log().mean()) for g in GATES]
    assert float(least_log_loss(p.log(), m)) == pytest.approx(min(losses), abs=1e-6)


def test_masked_examples_do_not_move_the_loss():
    p, m = draw(20).sigmoid().log(), draw(20, seed=1).sigmoid()
    mask = (torch.arange(20) < 12).float()
    torch.testing.assert_close(least_log_loss(p, m, mask), least_log_loss(p[:12], m[:12]))


def test_an_impossible_label_costs_much_but_not_infinity():
    assert float(least_log_loss(torch.tensor([-math.inf]), torch.tensor([0.0]))) == 1e4


def test_a_member_that_failed_gets_an_infinite_loss_and_the_others_theirs():
    p = torch.tensor([[math.nan, math.nan], [0.5, 0.5]]).log()
    loss = least_log_loss(p, torch.tensor([[0.5, 0.5], [0.5, 0.5]]))
    assert loss[0] == math.inf
    assert float(loss[1]) == pytest.approx(math.log(2))


@pytest.mark.parametrize("fit", [fit_gate, least_log_loss])
def test_all_failed_is_an_error(fit):
    with pytest.raises(SwarmCollapsedError, match="lower the learning rates"):
        fit(torch.full((2, 3), math.nan), torch.full((3,), 0.5))


def test_folds_that_are_all_right_do_not_make_the_sharpest_temperature():
    logits = torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 8)
    labels = torch.tensor([0, 1] * 8)
    assert fit_temperature(logits, labels) > TEMPERATURES[0]
