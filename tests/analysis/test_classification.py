import numpy as np
import pytest

from hsokv.analysis.classification import accuracy, log_loss, outcomes


def test_accuracy_is_the_share_of_right_outcomes():
    assert outcomes([2, 1, 0], [2, 0, 0]) == "101"
    assert accuracy([2, 1, 0], [2, 0, 0]) == pytest.approx(2 / 3)


def test_log_loss_of_uniform_guesses_is_log_classes():
    assert log_loss(np.full((5, 4), 0.25), [0, 1, 2, 3, 0]) == pytest.approx(np.log(4))


def test_log_loss_of_a_sure_mistake_is_finite():
    assert log_loss([[1.0, 0.0]], [1]) == pytest.approx(12 * np.log(10))


@pytest.mark.parametrize(
    ("probabilities", "labels", "match"),
    [
        ([[2.0, -1.0]], [0], "pass a softmax"),
        ([[np.nan, 1.0]], [0], "pass a softmax"),
        ([[0.5, 0.5]], [2], r"labels in 0\.\.1"),
        ([[0.5, 0.5]], [0, 1], "wanted \\[examples, classes\\]"),
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
