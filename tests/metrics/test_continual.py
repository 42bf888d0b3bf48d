import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsokv.metrics.continual import bwt, forgetting, retention

# By hand: three tasks; the second is best right after it was learnt, the first after the second.
KNOWN = [[0.6], [0.9, 0.8], [0.5, 0.7, 0.9]]


def test_known_answers():
    assert bwt(KNOWN) == pytest.approx(((0.5 - 0.6) + (0.7 - 0.8)) / 2)
    assert forgetting(KNOWN) == pytest.approx(((0.9 - 0.5) + (0.8 - 0.7)) / 2)
    assert retention(KNOWN) == pytest.approx((0.5 + 0.7) / 2)


def test_the_last_row_is_no_part_of_the_maximum():
    assert forgetting([[0.5], [0.8, 0.9]]) == pytest.approx(-0.3)


@given(st.tuples(*(st.lists(st.floats(0, 1), min_size=t, max_size=t) for t in range(1, 5))))
def test_forgetting_is_at_least_what_was_lost_since_learning(matrix):
    assert forgetting(matrix) >= -bwt(matrix) - 1e-12


def test_a_single_task_forgets_nothing_and_has_nothing_to_retain():
    assert bwt([[0.4]]) == forgetting([[0.4]]) == 0
    with pytest.raises(ValueError, match="two tasks"):
        retention([[0.4]])


@pytest.mark.parametrize(
    "wrong", [[], [[0.1, 0.2]], [[0.1], [0.2]], *([[0.5], [value, 0.5]] for value in (50.0, -0.1, float("nan")))]
)
def test_what_is_no_triangle_of_accuracies_is_refused(wrong):
    for metric in (bwt, forgetting, retention):
        with pytest.raises(ValueError, match=r"Row t holds|in \[0, 1\]"):
            metric(wrong)
