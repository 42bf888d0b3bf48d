"""Scores of predictions, of streams of tasks and of a memory: known answers, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from hsokv.metrics.classification import accuracy, auroc, balanced_accuracy, log_loss, macro_f1
from hsokv.metrics.continual import bwt, forgetting, retention
from hsokv.metrics.retrieval import chance_corrected, chance_hit_rate, gate_entropy, hit_rate, similarity_range


def test_scores_of_predictions_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    labels, guesses = generator.choice([0, 1, 3, 4], 200, p=[0.7, 0.2, 0.08, 0.02]), generator.choice([0, 1, 3, 4], 200)
    predictions = np.where(generator.random(200) < 0.7, labels, guesses)  # class 2 is nowhere
    probabilities = generator.dirichlet(np.ones(5), 200)
    signal, outside = generator.integers(0, 10, 200), generator.random(200) < 0.5  # with ties
    assert accuracy(predictions, labels) == pytest.approx(sklearn.accuracy_score(labels, predictions))
    assert balanced_accuracy(predictions, labels) == pytest.approx(sklearn.balanced_accuracy_score(labels, predictions))
    assert macro_f1(predictions, labels) == pytest.approx(sklearn.f1_score(labels, predictions, average="macro"))
    assert log_loss(probabilities, labels) == pytest.approx(sklearn.log_loss(labels, probabilities, labels=range(5)))
    assert auroc(signal[outside], signal[~outside]) == pytest.approx(sklearn.roc_auc_score(outside, signal))
    assert log_loss([[1.0, 0.0]], [1]) == pytest.approx(12 * np.log(10))  # a sure mistake is finite


def test_known_answers_for_a_stream():
    # By hand: the second of three tasks is best right after it was learnt, the first after the second.
    matrix = [[0.6], [0.9, 0.8], [0.5, 0.7, 0.9]]
    assert bwt(matrix) == pytest.approx(((0.5 - 0.6) + (0.7 - 0.8)) / 2)
    assert forgetting(matrix) == pytest.approx(((0.9 - 0.5) + (0.8 - 0.7)) / 2)
    assert forgetting([[0.5], [0.8, 0.9]]) == pytest.approx(-0.3)  # the last row is no part of the maximum
    assert retention(matrix) == pytest.approx((0.5 + 0.7) / 2)
    assert bwt([[0.4]]) == forgetting([[0.4]]) == 0


@given(st.tuples(*(st.lists(st.floats(0, 1), min_size=t, max_size=t) for t in range(1, 5))))
def test_forgetting_is_at_least_what_was_lost_since_learning(matrix):
    assert forgetting(matrix) >= -bwt(matrix) - 1e-12


def test_known_answers_for_a_memory():
    assert hit_rate([-1, -1], [0, 1]) == 0.0  # of an empty memory
    assert chance_hit_rate([], [0, 1]) == 0.0
    assert hit_rate([[6, 5], [5, 5]], [6, 5]) == 0.75  # over members and queries
    assert (chance_corrected(1.0, 0.5), chance_corrected(1.0, 1.0)) == (1.0, None)
    assert [gate_entropy(gate) for gate in ([0.5] * 3, [0.0, 1.0], [0.25])] == pytest.approx([1, 0, 0.8112781])
    assert similarity_range([-1.0, 0.5, 1.00001]) == (0.0, 0.5, 1.0)


def test_blind_retrieval_hits_at_chance():
    generator = np.random.default_rng(0)
    labels, queries = generator.integers(4, size=50), generator.integers(4, size=20_000)
    rate = hit_rate(generator.choice(labels, 20_000), queries)
    assert rate == pytest.approx(chance_hit_rate(labels, queries), abs=0.015)


@pytest.mark.parametrize(
    ("metric", "given", "said"),
    [
        (log_loss, ([[2.0, -1.0]], [0]), "Pass a softmax"),
        (log_loss, ([[np.nan, 1.0]], [0]), "Pass a softmax"),
        (log_loss, ([[0.5, 0.5]], [2]), "do not lie in"),
        (log_loss, ([[0.5, 0.5]], [0, 1]), r"Give \[examples, classes\]"),
        (accuracy, ([1, 2], [1]), "one prediction and one label"),
        (balanced_accuracy, ([], []), "one prediction and one label"),
        (retention, ([[0.4]],), "two tasks"),
        (bwt, ([[0.1], [0.2]],), "Row t holds"),
        (forgetting, ([],), "Row t holds"),
        *((retention, ([[0.5], [value, 0.5]],), r"in \[0, 1\]") for value in (50.0, -0.1, float("nan"))),
        (hit_rate, ([[1], [2]], [0, 1]), "as many retrieved"),
        (hit_rate, ([], []), "at least one"),
        (chance_hit_rate, ([0], []), "at least one query"),
        (gate_entropy, ([1.2],), "sigmoid"),
        (gate_entropy, ([np.nan],), "sigmoid"),
        (similarity_range, ([3.0],), "Normalise"),
    ],
)
def test_what_no_score_can_be_made_of_is_refused(metric, given, said):
    with pytest.raises(ValueError, match=said):
        metric(*given)
