"""Known answers of the estimators, and that they hold their level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from hsokv.analysis.intervals import holm, interval, lift, sign_flip

SEEDS, EXAMPLES = 10, 150
MEAN_A, MEAN_B = (ndtr(ability / np.sqrt(0.1**2 + 1 + 0.8**2 + 0.7**2)) for ability in (0.6, 0.2))  # what is true


def outcomes(generator: np.random.Generator) -> list[np.ndarray]:
    """Outcomes [seeds, examples] of two arms on one shared test set: seeds, examples and their meeting all vary."""
    hard, arms = generator.normal(size=EXAMPLES), []
    for ability in (0.6, 0.2):
        latent = ability + 0.1 * generator.normal(size=(SEEDS, 1)) + hard + 0.8 * generator.normal(size=EXAMPLES)
        arms.append((latent + 0.7 * generator.normal(size=(SEEDS, EXAMPLES)) > 0).astype(float))
    return arms


def difference(generator: np.random.Generator):
    a, b = outcomes(generator)
    return interval(a.mean(axis=1) - b.mean(axis=1), a - b)


def lift_on_shared_examples(generator: np.random.Generator):
    a, b = outcomes(generator)
    return lift(a.mean(axis=1), b.mean(axis=1), generator, a, b)


def lift_on_tests_of_their_own(generator: np.random.Generator):
    b = 0.5 + 0.04 * generator.normal(size=SEEDS)
    return lift(b + 0.1 + 0.03 * generator.normal(size=SEEDS), b, generator)


@pytest.mark.parametrize(
    ("estimate", "truth", "draws", "seed"),
    [
        (difference, MEAN_A - MEAN_B, 1000, 2),
        (lift_on_shared_examples, MEAN_A / MEAN_B - 1, 300, 4),
        (lift_on_tests_of_their_own, 0.2, 600, 3),
    ],
)
def test_intervals_cover_the_truth_at_least_93_in_100(estimate, truth, draws, seed):
    generator = np.random.default_rng(seed)
    covered = [low <= truth <= high for _, low, high in (estimate(generator) for _ in range(draws))]
    assert np.mean(covered) >= 0.93


def test_interval_by_hand_and_shared_examples_widen_it_by_their_term():
    estimate = interval([0.1, 0.2, 0.3])
    assert estimate.high - estimate.mean == pytest.approx(4.302653 * 0.1 / np.sqrt(3), rel=1e-6)
    examples = np.array([[1.0, 0.0, 0.0, -1.0], [1.0, 1.0, 0.0, 0.0]])
    estimate = interval(examples.mean(axis=1), examples)
    variance = np.var([0.0, 0.5], ddof=1) / 2 + np.var([1.0, 0.5, 0.0, -0.5], ddof=1) / 4
    assert estimate.high - estimate.mean == pytest.approx(12.7062047 * np.sqrt(variance), rel=1e-6)


def test_what_cannot_be_true_is_cut_off_and_nothing_else_point_by_point():
    values, bounds = np.array([[0.7, 0.4, -0.9], [1.0, 0.5, -0.2], [1.0, 0.6, -0.9]]), (-1.0, 1.0)
    free, cut = interval(values), interval(values, bounds=bounds)
    assert free.high[0] > 1
    assert free.low[2] < -1
    np.testing.assert_array_equal(cut, [free.mean, np.maximum(free.low, -1), np.minimum(free.high, 1)])
    assert list(zip(*cut, strict=True)) == [tuple(interval(point, bounds=bounds)) for point in values.T]


def test_one_seed_has_no_interval():
    for estimate, mean in ((interval([0.4]), 0.4), (lift([0.6], [0.5], np.random.default_rng(0)), 0.2)):
        assert estimate.mean == pytest.approx(mean)
        assert np.isnan(estimate[1:]).all()


@pytest.mark.parametrize("b", [[0.04, 0.04], [0.1, 0.2, 0.3], [0.04]])
def test_lift_is_undefined_where_the_base_may_lie_under_5_points(b):
    generator = np.random.default_rng(0)
    assert lift([0.5] * len(b), b, generator) is None
    assert lift([0.5, 0.5], [0.06, 0.06], generator).mean == pytest.approx(0.44 / 0.06)


@pytest.mark.parametrize(
    "differences", [[1.0], [1, 1, -1], [0, 0], [3, 1, -1], [0.1, 0.4, 2.3, -0.9, 1.2, 0.3, -0.2, 0.8, 0.6]]
)
def test_sign_flip_counts_as_a_plain_list_of_patterns_does(differences):
    patterns = np.array(np.meshgrid(*[[1, -1]] * len(differences))).reshape(len(differences), -1)
    reach = np.abs(differences @ patterns) >= abs(sum(differences)) - 1e-9
    assert sign_flip(differences) == reach.mean()
    assert sign_flip([3.0, 1.0, -1.0]) == 0.75  # sums 5 3 3 1 and their negatives; 6 of 8 reach 3


def test_sign_flip_holds_its_level_under_no_difference():
    generator = np.random.default_rng(0)
    p = np.array([sign_flip(generator.normal(size=10)) for _ in range(1000)])
    assert (p <= 0.05).mean() <= 0.065


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_by_hand_keeps_order_and_never_lowers(p):
    assert holm([0.01, 0.02, 0.03, 0.5]) == pytest.approx([0.04, 0.06, 0.06, 0.5])
    adjusted = np.array(holm(p))
    assert ((adjusted >= p) & (adjusted <= 1)).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: interval([]), "empty"),
        (lambda: interval([np.nan, 1.0]), "finite"),
        (lambda: interval([0.1, 0.2], [[1, 0]]), "2 seeds"),
        (lambda: lift([0.5, 0.5], [0.5], np.random.default_rng(0)), "same seeds"),
        (lambda: sign_flip(np.ones(33)), "at most 32 seeds"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
