import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsokv.metrics.continual import bwt, excess_forgetting, forgetting, retention

# By hand: three tasks; the second is best right after it was learnt, the first after the second.
KNOWN = [[0.6], [0.9, 0.8], [0.5, 0.7, 0.9]]


def matrices(tasks):
    unit = st.floats(0, 1)
    return st.tuples(*(st.lists(unit, min_size=t + 1, max_size=t + 1) for t in range(tasks))).map(list)


def test_known_answers():
    assert bwt(KNOWN) == pytest.approx(((0.5 - 0.6) + (0.7 - 0.8)) / 2)
    assert forgetting(KNOWN) == pytest.approx(((0.9 - 0.5) + (0.8 - 0.7)) / 2)
    assert retention(KNOWN) == pytest.approx((0.5 + 0.7) / 2)
    assert excess_forgetting(KNOWN, [[0.6], [0.6, 0.8], [0.6, 0.6, 0.7]]) == pytest.approx(0.25 - 0.1)


def test_the_last_row_is_no_part_of_the_maximum():
    assert forgetting([[0.5], [0.8, 0.9]]) == pytest.approx(-0.3)


@given(matrices(4))
def test_forgetting_is_at_least_what_was_lost_since_learning(matrix):
    assert forgetting(matrix) >= -bwt(matrix) - 1e-12


@given(matrices(3), matrices(3))
def test_the_reference_has_no_excess(matrix, joint):
    assert excess_forgetting(matrix, matrix) == 0
    assert excess_forgetting(matrix, joint) == -excess_forgetting(joint, matrix)


def test_a_single_task_forgets_nothing_and_has_nothing_to_retain():
    assert bwt([[0.4]]) == forgetting([[0.4]]) == 0
    with pytest.raises(ValueError, match="two tasks"):
        retention([[0.4]])


@pytest.mark.parametrize("wrong", [[], [[0.1, 0.2]], [[0.1], [0.2]]])
def test_a_matrix_that_is_not_triangular_is_refused(wrong):
    for metric in (bwt, forgetting, retention):
        with pytest.raises(ValueError, match="Row t holds the t"):
            metric(wrong)


@pytest.mark.parametrize("wrong", [50.0, -0.1, float("nan")])
def test_values_that_are_no_accuracies_are_refused(wrong):
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        bwt([[0.5], [wrong, 0.5]])


def test_streams_of_other_lengths_cannot_be_compared():
    with pytest.raises(ValueError, match="3 and 1 tasks"):
        excess_forgetting(KNOWN, [[0.5]])
