import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from hsokv.metrics.classification import accuracy, balanced_accuracy, log_loss, macro_f1, outcomes


def test_accuracy_is_the_share_of_right_outcomes():
    assert outcomes([2, 1, 0], [2, 0, 0]) == "101"
    assert accuracy([2, 1, 0], [2, 0, 0]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_classes_of_unequal_size_are_those_of_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    labels, guesses = generator.choice(4, 60, p=[0.7, 0.2, 0.08, 0.02]), generator.integers(0, 4, 60)
    predictions = np.where(generator.random(60) < 0.7, labels, guesses)
    predictions[:4] = np.arange(4)  # every class is predicted somewhere
    labels[:4] = np.arange(4)
    assert balanced_accuracy(predictions, labels) == pytest.approx(balanced_accuracy_score(labels, predictions))
    assert macro_f1(predictions, labels) == pytest.approx(f1_score(labels, predictions, average="macro"))


def test_always_guessing_the_largest_class_is_right_for_one_class_alone():
    labels = [0] * 96 + [1, 2]
    assert accuracy([0] * 98, labels) == pytest.approx(96 / 98)
    assert balanced_accuracy([0] * 98, labels) == pytest.approx(1 / 3)


def test_log_loss_of_uniform_guesses_is_log_classes():
    assert log_loss(np.full((5, 4), 0.25), [0, 1, 2, 3, 0]) == pytest.approx(np.log(4))


def test_log_loss_of_a_sure_mistake_is_finite():
    assert log_loss([[1.0, 0.0]], [1]) == pytest.approx(12 * np.log(10))


@pytest.mark.parametrize(
    ("probabilities", "labels", "match"),
    [
        ([[2.0, -1.0]], [0], "Pass a softmax"),
        ([[np.nan, 1.0]], [0], "Pass a softmax"),
        ([[0.5, 0.5]], [2], r"do not lie in"),
        ([[0.5, 0.5]], [0, 1], r"Give \[examples, classes\]"),
    ],
)
def test_log_loss_refuses(probabilities, labels, match):
    with pytest.raises(ValueError, match=match):
        log_loss(probabilities, labels)


def test_accuracy_refuses_unpaired_predictions():
    with pytest.raises(ValueError, match="one prediction and one label"):
        accuracy([1, 2], [1])
    with pytest.raises(ValueError, match="one prediction and one label"):
        accuracy([], [])
