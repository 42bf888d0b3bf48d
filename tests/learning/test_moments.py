import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hsokv.exceptions import DataError
from hsokv.learning.moments import add, between, init_moments, within

CLASSES, DIM = 4, 3


def draw(n):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, DIM, generator=generator), torch.randint(CLASSES, (n,), generator=generator)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 40), max_size=6), seed=st.integers(0, 99))
def test_any_order_in_any_batches_equals_the_batch_solution(cuts, seed):
    x, y = draw(40)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
    streamed = init_moments(CLASSES, DIM)
    for rows in order.tensor_split(sorted(cuts)):
        streamed = add(streamed, x[rows], y[rows])
    for found, wanted in zip(streamed, add(init_moments(CLASSES, DIM), x, y), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_within_equals_the_residuals_and_ignores_classes_never_seen():
    x, y = draw(30)
    y = y % 3  # class 3 is never seen
    scatter, degrees = within(add(init_moments(CLASSES, DIM), x, y))
    residual = x.double() - torch.stack([x[y == c].double().mean(0) for c in range(3)])[y]
    torch.testing.assert_close(scatter, residual.mT @ residual)
    assert degrees == 30 - 3


def test_between_forgets_what_sampling_adds():
    """Means 1 and 10 vary by 40.5; examples within by W = 6 / 4, their means by W times the mean of 1/2 and 1/4."""
    x, y = torch.tensor([0.0, 2, 9, 11, 9, 11]).unsqueeze(1), torch.tensor([0, 0, 1, 1, 1, 1])
    assert float(between(add(init_moments(2, 1), x, y))) == pytest.approx(40.5 - 1.5 * 3 / 8)


def test_one_class_has_nothing_between():
    with pytest.raises(DataError, match="got 5 examples of 1 classes"):
        between(add(init_moments(CLASSES, DIM), torch.ones(5, DIM), torch.zeros(5, dtype=torch.int64)))
