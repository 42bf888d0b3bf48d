import pytest
import torch

from hsokv.exceptions import BudgetError
from hsokv.learning.budget import Budget, count_flops
from hsokv.learning.head import gradient, init_head

POSITIVE = 4 * torch.eye(6) + 1


def ones(*shapes):
    return tuple(torch.ones(shape) for shape in shapes)


@pytest.mark.parametrize(
    ("function", "arguments", "flops"),
    [
        (torch.matmul, ones((5, 2, 3), (3, 4)), 2 * 5 * 2 * 3 * 4),
        (torch.bmm, ones((5, 2, 3), (5, 3, 4)), 2 * 5 * 2 * 3 * 4),
        (torch.addmm, ones((4,), (2, 3), (3, 4)), 2 * 2 * 3 * 4),
        (torch.topk, (torch.ones(7, 32), 8), 7 * 32 * 3),
        (torch.topk, (torch.ones(7, 32), 1), 7 * 32),
        (torch.sort, ones((7, 32)), 7 * 32 * 5),
        (torch.linalg.cholesky, (POSITIVE,), 6**3 / 3),
        (torch.cholesky_solve, (torch.ones(6, 2), torch.linalg.cholesky(POSITIVE)), 2 * 2 * 6**2),
        (torch.linalg.eigh, (torch.eye(4),), 9 * 4**3),
        (torch.exp, ones((100,)), 0),
        # x W forward and x' dz backward of two heads; x asks for no gradient, and the bias costs no product.
        (gradient, (init_head((2,), 7, 3), torch.ones(5, 7), torch.arange(5) % 3, torch.ones(5)), 2 * 4 * 5 * 7 * 3),
    ],
)
def test_counts_follow_the_formulas(function, arguments, flops):
    assert count_flops(function, *arguments)[1] == flops


@pytest.mark.parametrize("function", [torch.linalg.svd, torch.fft.fft])
def test_an_operation_without_a_count_raises(function):
    with pytest.raises(BudgetError, match=r"aten\.\w+ is neither counted nor given a formula"):
        count_flops(function, POSITIVE)


def test_what_runs_is_charged_up_to_the_allowance_and_a_charge_beyond_it_spends_nothing():
    budget = Budget(100)
    assert torch.equal(budget.run(torch.matmul, *ones((2, 3), (3, 4))), torch.full((2, 4), 3.0))
    assert (budget.allowed, budget.spent) == (100, 48)
    assert budget.affords(52)
    assert not budget.affords(53)
    with pytest.raises(BudgetError, match=r"wanted 53 FLOPs, 52 of 100 are left; raise flops_allowed"):
        budget.charge(53)
    assert budget.spent == 48
    budget.charge(52)
    assert budget.spent == 100


def test_an_empty_budget_is_refused():
    with pytest.raises(BudgetError, match="positive number of FLOPs"):
        Budget(0)
