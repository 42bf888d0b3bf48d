"""Random search: it solves CartPole and does not solve swing-up, which is what the tasks are chosen for."""

import pytest

from hsokv.distributed import cartpole, swing_up
from hsokv.distributed.scaling import random_search


@pytest.mark.parametrize("seed", range(3))
def test_cartpole_is_easy(seed):
    score, steps = random_search("cartpole", 2_000_000, 2, seed)
    assert score >= cartpole.TARGET
    assert steps < 2_000_000


def test_on_swing_up_it_stays_under_half_the_target():
    score, steps = random_search("swing_up", 300_000, 2, 0)
    assert score < swing_up.TARGET / 2
    assert steps >= 300_000
