"""The scores of predictions are those of scikit-learn; what is no prediction is refused."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from hsokv.metrics.classification import accuracy, auroc, balanced_accuracy, log_loss, macro_f1


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    labels, guesses = generator.choice(4, 60, p=[0.7, 0.2, 0.08, 0.02]), generator.integers(0, 4, 60)
    predictions = np.where(generator.random(60) < 0.7, labels, guesses)
    predictions[:4] = labels[:4] = np.arange(4)  # every class is there, and predicted somewhere
    probabilities = generator.dirichlet(np.ones(4), 60)
    signal, outside = generator.integers(0, 10, 60), generator.random(60) < 0.5  # with ties
    assert accuracy(predictions, labels) == pytest.approx(sklearn.accuracy_score(labels, predictions))
    assert balanced_accuracy(predictions, labels) == pytest.approx(sklearn.balanced_accuracy_score(labels, predictions))
    assert macro_f1(predictions, labels) == pytest.approx(sklearn.f1_score(labels, predictions, average="macro"))
    assert log_loss(probabilities, labels) == pytest.approx(sklearn.log_loss(labels, probabilities))
    assert auroc(signal[outside], signal[~outside]) == pytest.approx(sklearn.roc_auc_score(outside, signal))


def test_log_loss_of_a_sure_mistake_is_finite():
    assert log_loss([[1.0, 0.0]], [1]) == pytest.approx(12 * np.log(10))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: log_loss([[2.0, -1.0]], [0]), "Pass a softmax"),
        (lambda: log_loss([[np.nan, 1.0]], [0]), "Pass a softmax"),
        (lambda: log_loss([[0.5, 0.5]], [2]), "do not lie in"),
        (lambda: log_loss([[0.5, 0.5]], [0, 1]), r"Give \[examples, classes\]"),
        (lambda: accuracy([1, 2], [1]), "one prediction and one label"),
        (lambda: accuracy([], []), "one prediction and one label"),
    ],
)
def test_what_is_no_prediction_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
