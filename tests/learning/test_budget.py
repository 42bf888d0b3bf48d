import math

import pytest
import torch

from hsokv.exceptions import BudgetError
from hsokv.learning.budget import Budget, count_flops
from hsokv.learning.head import gradient, init_head

POSITIVE = 4 * torch.eye(6) + 1


@pytest.mark.parametrize(
    ("function", "arguments", "flops"),
    [
        (torch.matmul, (torch.ones(2, 3), torch.ones(3, 4)), 2 * 2 * 3 * 4),
        (torch.matmul, (torch.ones(5, 2, 3), torch.ones(3, 4)), 2 * 5 * 2 * 3 * 4),
        (torch.bmm, (torch.ones(5, 2, 3), torch.ones(5, 3, 4)), 2 * 5 * 2 * 3 * 4),
        (torch.addmm, (torch.ones(4), torch.ones(2, 3), torch.ones(3, 4)), 2 * 2 * 3 * 4),
        (torch.topk, (torch.ones(7, 32), 8), 7 * 32 * 3),
        (torch.topk, (torch.ones(7, 32), 1), 7 * 32),
        (torch.sort, (torch.ones(7, 32),), 7 * 32 * 5),
        (torch.linalg.cholesky, (POSITIVE,), 6**3 / 3),
        (torch.cholesky_solve, (torch.ones(6, 2), torch.linalg.cholesky(POSITIVE)), 2 * 2 * 6**2),
        (torch.linalg.eigh, (torch.eye(4),), 9 * 4**3),
        (torch.exp, (torch.ones(100),), 0),
    ],
)
def test_counts_follow_the_formulas(function, arguments, flops):
    assert count_flops(function, *arguments)[1] == flops


def test_counting_changes_no_result():
    x = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(count_flops(torch.matmul, x, x)[0], x @ x)


def test_forward_and_backward_of_a_linear_head():
    """x W forward and x' dz backward, 2 n d c each; x asks for no gradient, and the bias costs no product."""
    n, key_dim, classes, agents = 5, 7, 3, 2
    x, y = torch.ones(n, key_dim), torch.zeros(n, dtype=torch.int64)
    head = init_head((agents,), key_dim, classes)
    assert count_flops(gradient, head, x, y, torch.ones(n))[1] == agents * 2 * (2 * n * key_dim * classes)


@pytest.mark.parametrize("function", [torch.linalg.svd, torch.linalg.qr, lambda x: torch.cdist(x, x), torch.fft.fft])
def test_an_operation_without_a_count_raises(function):
    with pytest.raises(BudgetError, match=r"aten\.\w+ is neither counted nor given a formula"):
        count_flops(function, POSITIVE)


def test_charge_and_affords():
    budget = Budget(100)
    budget.charge(60)
    assert (budget.allowed, budget.spent) == (100, 60)
    assert budget.affords(40)
    assert not budget.affords(41)
    budget.charge(40)
    assert budget.spent == 100


def test_a_charge_beyond_the_allowance_raises_and_spends_nothing():
    budget = Budget(100)
    budget.charge(60)
    with pytest.raises(BudgetError, match=r"wanted 41 FLOPs, 40 of 100 are left; raise flops_allowed"):
        budget.charge(41)
    assert budget.spent == 60


def test_run_counts_and_charges():
    budget = Budget(1000)
    assert torch.equal(budget.run(torch.matmul, torch.ones(2, 3), torch.ones(3, 4)), torch.full((2, 4), 3.0))
    assert budget.spent == 48


@pytest.mark.parametrize("allowed", [0, -1])
def test_an_empty_budget_is_refused(allowed):
    with pytest.raises(BudgetError, match="positive number of FLOPs"):
        Budget(allowed)


def test_the_factorisation_formula_is_near_a_counted_loop():
    """Cholesky by columns: count the multiplications, additions, divisions and roots of the textbook loop."""
    n, operations = 40, 0
    for j in range(n):
        operations += 2 * j + 1
        operations += (n - j - 1) * (2 * j + 1)
    counted = count_flops(torch.linalg.cholesky, torch.eye(n))[1]
    assert math.isclose(counted, operations, rel_tol=0.1)
