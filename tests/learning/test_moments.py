import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hsokv.exceptions import DataError
from hsokv.learning.moments import add, between, init_moments, within

CLASSES, DIM = 4, 3


def draw(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, DIM, generator=generator), torch.randint(CLASSES, (n,), generator=generator)


def close(one, other):
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 40), max_size=6), seed=st.integers(0, 99))
def test_any_order_in_any_batches_equals_the_batch_solution(cuts, seed):
    x, y = draw(40)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
    streamed = init_moments(CLASSES, DIM)
    for rows in order.tensor_split(sorted(cuts)):
        streamed = add(streamed, x[rows], y[rows])
    close(streamed, add(init_moments(CLASSES, DIM), x, y))


def test_within_equals_the_residuals_and_ignores_classes_never_seen():
    x, y = draw(30)
    y = y % 3  # class 3 is never seen
    scatter, degrees = within(add(init_moments(CLASSES, DIM), x, y))
    means = torch.stack([x[y == c].double().mean(0) for c in range(3)])
    residual = x.double() - means[y]
    torch.testing.assert_close(scatter, residual.mT @ residual)
    assert degrees == 30 - 3


def test_between_forgets_what_sampling_adds():
    """Means drawn with covariance 4 I, examples around them with I: with 5 examples a class the means seen have 4.2."""
    generator = torch.Generator().manual_seed(1)
    means = 2 * torch.randn(4000, 2, generator=generator)
    y = torch.arange(4000).repeat(5)
    x = means[y] + torch.randn(len(y), 2, generator=generator)
    found = between(add(init_moments(4000, 2), x, y))
    torch.testing.assert_close(found, torch.cov(means.mT).double(), rtol=0.02, atol=0.1)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (torch.ones(2, 5), torch.zeros(2, dtype=torch.int64), r"features \[n, 3\].*got \(2, 5\)"),
        (torch.ones(2, 3), torch.zeros(1, dtype=torch.int64), r"got \(2, 3\) and \(1,\)"),
        (torch.full((1, 3), math.nan), torch.zeros(1, dtype=torch.int64), "finite features"),
        (torch.ones(1, 3), torch.tensor([4]), r"labels in 0\.\.3, got 4\.\.4"),
    ],
)
def test_bad_examples_are_refused(x, y, message):
    with pytest.raises(DataError, match=message):
        add(init_moments(CLASSES, DIM), x, y)


def test_one_class_has_nothing_between():
    moments = add(init_moments(CLASSES, DIM), torch.randn(5, DIM), torch.zeros(5, dtype=torch.int64))
    with pytest.raises(DataError, match="got 5 examples of 1 classes"):
        between(moments)
