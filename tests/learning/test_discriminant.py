import pytest
import torch
from sklearn.covariance import OAS
from torch.nn.functional import normalize

from hsokv.learning.discriminant import class_directions, key_projection, oas_shrinkage, shrink


def spread(*diagonal):
    return torch.diag(torch.tensor(diagonal, dtype=torch.float64))


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def covariance(dim):
    return draw(dim, dim) @ draw(dim, dim).mT + 0.1 * torch.eye(dim)


MEANS, COUNTS, WITHIN = draw(5, 7), torch.tensor([3.0, 5, 8, 9, 20], dtype=torch.float64), covariance(7)
"""Of few classes."""


def test_nothing_within_falls_back_on_the_identity():
    assert torch.equal(shrink(torch.zeros(3, 3), 0.1), torch.eye(3))


def test_directions_come_in_the_order_of_what_they_tell_apart_and_weigh_nothing_without_a_class_in_them():
    projection = key_projection(spread(1, 4, 1), spread(1, 16, -1), shrinkage=1e-9, directions=50)
    # Axis 1 has e = 16 / 4 = 4, axis 0 has 1, axis 2 nothing: 1 / sd within times sqrt(e / (e + 1)).
    expected = torch.tensor([[0, 0.5**0.5, 0], [0.5 * 0.8**0.5, 0, 0], [0, 0, 0]], dtype=torch.float64)
    torch.testing.assert_close(projection.abs(), expected, rtol=1e-6, atol=1e-6)


def test_cosines_do_not_depend_on_the_coordinates_of_the_features():
    """Without shrinkage any invertible map of the features leaves the cosines of the keys as they were."""
    root, other, mix, x = draw(4, 5, 5)
    w, b = root @ root.mT + torch.eye(5), other @ other.mT
    keys = normalize(x @ key_projection(w, b, 1e-12, 3), dim=-1)
    mapped = normalize(x @ mix.mT @ key_projection(mix @ w @ mix.mT, mix @ b @ mix.mT, 1e-12, 3), dim=-1)
    torch.testing.assert_close(mapped @ mapped.mT, keys @ keys.mT, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("directions", [1, 3, 4])
def test_directions_of_few_classes_are_those_of_the_large_problem(directions):
    between = torch.cov(MEANS.mT) - shrink(WITHIN, 0.2) * (1 / COUNTS).mean()
    expected = key_projection(WITHIN, between, shrinkage=0.2, directions=directions)
    found = class_directions(MEANS, COUNTS, WITHIN, 0.2, directions)
    torch.testing.assert_close(found.abs(), expected.abs())  # an eigenvector has no sign
    torch.testing.assert_close(found @ found.mT, expected @ expected.mT)


def test_classes_have_one_direction_fewer_than_they_are_and_none_where_means_differ_by_chance_alone():
    assert class_directions(MEANS, COUNTS, WITHIN, 0.2, 50).shape == (7, 4)
    for share in (1e-3, 0):
        assert class_directions(share * MEANS, COUNTS, WITHIN, 0.2, 4).abs().max() == 0


@pytest.mark.parametrize("n", [5, 5000])
def test_the_shrinkage_of_the_formula_is_that_of_scikit_learn(n):
    x = draw(n, 6) * torch.tensor([9.0, 4, 3, 2, 1, 1])
    x = x - x.mean(0)
    expected = OAS(assume_centered=True).fit(x.numpy()).shrinkage_
    assert oas_shrinkage(x.mT @ x / n, n) == pytest.approx(expected, rel=1e-9)
