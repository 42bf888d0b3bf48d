import pytest
import torch
from sklearn.covariance import OAS
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch.nn.functional import normalize

from hsokv.exceptions import ConfigurationError
from hsokv.learning.discriminant import class_directions, key_projection, lda_head, oas_shrinkage, shrink
from hsokv.learning.head import logits
from hsokv.learning.moments import add, init_moments, within


def spread(*diagonal):
    return torch.diag(torch.tensor(diagonal, dtype=torch.float64))


def test_lda_head_equals_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(4).repeat(30)
    x = (3 * torch.randn(4, 6, generator=generator)[y] + torch.randn(120, 6, generator=generator)).double()
    moments = add(init_moments(4, 6), x, y)
    scatter, _ = within(moments)
    found = logits(lda_head(moments.total / moments.count.unsqueeze(1), scatter / len(y), 0.3), x).log_softmax(-1)
    covariance = sum(torch.cov(x[y == c].mT, correction=0) for c in range(4)) / 4
    torch.testing.assert_close(scatter / len(y), covariance)
    reference = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=_Given(shrink(covariance, 0.3)))
    reference.set_params(priors=[0.25] * 4).fit(x.numpy(), y.numpy())
    torch.testing.assert_close(found, torch.from_numpy(reference.predict_log_proba(x.numpy())), rtol=1e-6, atol=1e-6)


class _Given:
    """A covariance estimator of scikit-learn's kind that returns what it was given."""

    def __init__(self, covariance):
        self.covariance = covariance

    def fit(self, x):
        self.covariance_ = self.covariance.numpy()
        return self


def test_nothing_within_falls_back_on_the_identity():
    assert torch.equal(shrink(torch.zeros(3, 3), 0.1), torch.eye(3))


def test_directions_come_in_the_order_of_what_they_tell_apart():
    projection = key_projection(spread(1, 4, 1), spread(1, 16, 0), shrinkage=1e-9, directions=2)
    # Axis 1 has e = 16 / 4 = 4, axis 0 has 1, axis 2 nothing: 1 / sd within times sqrt(e / (e + 1)).
    expected = torch.tensor([[0, 0.5**0.5], [0.5 * 0.8**0.5, 0], [0, 0]], dtype=torch.float64)
    torch.testing.assert_close(projection.abs(), expected, rtol=1e-6, atol=1e-6)


def test_cosines_do_not_depend_on_the_coordinates_of_the_features():
    """Without shrinkage any invertible map of the features leaves the cosines of the keys as they were."""
    generator = torch.Generator().manual_seed(0)
    root, other, mix, x = (torch.randn(5, 5, generator=generator, dtype=torch.float64) for _ in range(4))
    w, b = root @ root.mT + torch.eye(5), other @ other.mT
    keys = normalize(x @ key_projection(w, b, 1e-12, 3), dim=-1)
    mapped = normalize(x @ mix.mT @ key_projection(mix @ w @ mix.mT, mix @ b @ mix.mT, 1e-12, 3), dim=-1)
    torch.testing.assert_close(mapped @ mapped.mT, keys @ keys.mT, rtol=1e-6, atol=1e-6)


def test_directions_without_a_class_in_them_weigh_nothing():
    projection = key_projection(spread(1, 1), spread(2, -1), shrinkage=0.1, directions=2)
    assert projection[1].abs().max() == 0


def test_more_directions_than_features_are_all():
    assert key_projection(spread(1, 1), spread(2, 1), shrinkage=0.1, directions=50).shape == (2, 2)


def test_no_direction_is_refused():
    with pytest.raises(ConfigurationError, match="at least 1, got 0"):
        key_projection(spread(1.0), spread(1.0), shrinkage=0.1, directions=0)


def few_classes(classes=5, dim=7):
    generator = torch.Generator().manual_seed(1)
    root = torch.randn(dim, dim, generator=generator, dtype=torch.float64)
    means = torch.randn(classes, dim, generator=generator, dtype=torch.float64)
    return means, torch.tensor([3.0, 5, 8, 9, 20], dtype=torch.float64)[:classes], root @ root.mT


@pytest.mark.parametrize("directions", [1, 3, 4])
def test_directions_of_few_classes_are_those_of_the_large_problem(directions):
    means, counts, covariance = few_classes()
    shrunken = shrink(covariance, 0.2)
    expected = key_projection(
        covariance, torch.cov(means.mT) - shrunken * (1 / counts).mean(), shrinkage=0.2, directions=directions
    )
    found = class_directions(means, counts, covariance, 0.2, directions)
    torch.testing.assert_close(found.abs(), expected.abs())  # an eigenvector has no sign
    torch.testing.assert_close(found @ found.mT, expected @ expected.mT)


def test_classes_have_one_direction_fewer_than_they_are():
    means, counts, covariance = few_classes()
    assert class_directions(means, counts, covariance, 0.2, 50).shape == (7, 4)
    assert class_directions(means[:2], counts[:2], covariance, 0.2, 50).shape == (7, 1)


def test_means_that_differ_by_chance_alone_give_no_direction():
    means, counts, covariance = few_classes()
    assert class_directions(1e-3 * means, counts, covariance, 0.2, 4).abs().max() == 0
    assert class_directions(torch.zeros_like(means), counts, covariance, 0.2, 4).abs().max() == 0


def test_no_direction_of_few_classes_is_refused():
    with pytest.raises(ConfigurationError, match="at least 1, got 0"):
        class_directions(*few_classes(), 0.2, 0)


@pytest.mark.parametrize("n", [5, 50, 5000])
def test_the_shrinkage_of_the_formula_is_that_of_scikit_learn(n):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 6, generator=generator, dtype=torch.float64) * torch.tensor([9.0, 4, 3, 2, 1, 1])
    x = x - x.mean(0)
    expected = OAS(assume_centered=True).fit(x.numpy()).shrinkage_
    assert oas_shrinkage(x.mT @ x / n, n) == pytest.approx(expected, rel=1e-9)
