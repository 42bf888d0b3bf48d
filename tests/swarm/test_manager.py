import math

import pytest
import torch

from hsokv.swarm.manager import ManagerSettings, copy_agents, manager_step
from hsokv.swarm.state import SwarmState

SETTINGS = ManagerSettings(exploited=0.25, perturbation=0.1, resampled=0.0)


def swarm(scores):
    """A population whose every tensor tells which agent it belongs to."""
    score = torch.tensor(scores)
    own = torch.arange(score.numel()).reshape(score.shape)
    point = 0.5 + own[..., None].expand(*score.shape, 2) / 1000
    learners = {"weight": own[..., None, None].expand(*score.shape, 3, 2).float(), "moments": (own.float(),)}
    return SwarmState(learners, point, own % 3, score, own)


def step(state, group=0, settings=SETTINGS, seed=0):
    return manager_step(state, group, settings, 3, torch.Generator().manual_seed(seed))


def owners(state):
    return state.learners["weight"][..., 0, 0].long()


def test_the_worst_copies_the_best_whole():
    after = step(swarm([[3.0, 1.0, 9.0, 4.0]]))
    assert owners(after).tolist() == [[0, 1, 1, 3]]
    assert after.parent.tolist() == [[0, 1, 1, 3]]
    assert after.learners["moments"][0].tolist() == [[0.0, 1.0, 1.0, 3.0]]
    assert after.score.tolist() == [[3.0, 1.0, 1.0, 4.0]]
    assert after.strategy.tolist() == [[0, 1, 1, 0]]


def test_a_copy_moves_one_step_on_every_axis_and_the_others_stay():
    before = swarm([[3.0, 1.0, 9.0, 4.0]])
    after = step(before)
    moved = (after.point[0, 2] - before.point[0, 1]).abs()
    torch.testing.assert_close(moved, torch.full((2,), SETTINGS.perturbation))
    assert torch.equal(after.point[0, [0, 1, 3]], before.point[0, [0, 1, 3]])


@pytest.mark.parametrize("seed", range(4))
def test_a_copy_stays_in_the_box(seed):
    after = step(swarm([[3.0, 1.0, 9.0, 4.0]]), settings=SETTINGS._replace(perturbation=0.9), seed=seed)
    assert ((after.point >= 0) & (after.point <= 1)).all()
    assert set(after.point[0, 2].tolist()) <= {0.0, 1.0}


def test_other_groups_are_not_touched():
    before = swarm([[3.0, 1.0, 9.0], [0.1, 0.2, 99.0]])
    after = step(before, group=0, settings=SETTINGS._replace(exploited=0.5))
    assert owners(after)[0].tolist() == [0, 1, 1]
    for part in ("point", "strategy", "score", "parent"):
        assert torch.equal(getattr(after, part)[1], getattr(before, part)[1])
    assert torch.equal(owners(after)[1], owners(before)[1])


@pytest.mark.parametrize("seed", range(5))
def test_a_failed_agent_is_replaced_and_never_copied(seed):
    state = swarm([[math.inf, 2.0, math.inf, math.inf]])
    after = step(state, settings=SETTINGS._replace(exploited=0.5), seed=seed)
    assert owners(after)[0].tolist() == [0, 1, 1, 1]
    assert after.score[0].tolist() == [math.inf, 2.0, 2.0, 2.0]


def test_a_group_that_failed_whole_copies_nothing():
    state = swarm([[math.inf] * 4])
    after = step(state)
    assert torch.equal(after.point, state.point)
    assert torch.equal(owners(after), owners(state))


def test_equal_scores_go_by_place():
    assert owners(step(swarm([[1.0] * 4])))[0].tolist() == [0, 1, 2, 0]


def test_one_agent_has_nobody_to_copy():
    state = swarm([[1.0]])
    assert torch.equal(step(state).point, state.point)


def test_resampling_draws_among_all_strategies():
    settings = SETTINGS._replace(resampled=1.0)
    drawn = {
        int(step(swarm([[3.0, 1.0, 9.0, 4.0]]), settings=settings, seed=seed).strategy[0, 2]) for seed in range(30)
    }
    assert drawn == {0, 1, 2}


def test_the_same_generator_gives_the_same_step():
    settings = ManagerSettings(0.5, 0.2, 0.5)
    one, same = (step(swarm([[3.0, 1.0, 9.0, 4.0]]), settings=settings, seed=3) for _ in range(2))
    assert torch.equal(one.point, same.point)
    assert torch.equal(one.strategy, same.strategy)
    assert torch.equal(owners(one), owners(same))


def test_luck_of_one_group_does_not_depend_on_another_having_failed():
    """As many draws are made by a group that failed as by one that did not."""
    used = []
    for scores in ([[math.inf] * 4], [[3.0, 1.0, 9.0, 4.0]]):
        generator = torch.Generator().manual_seed(0)
        manager_step(swarm(scores), 0, SETTINGS, 3, generator)
        used.append(float(torch.rand(1, generator=generator)))
    assert used[0] == used[1]


def test_copies_are_taken_from_the_state_before_any_of_them():
    after = copy_agents(swarm([[1.0, 2.0], [3.0, 4.0]]), [(0, 0), (0, 1)], [(0, 1), (1, 0)])
    assert owners(after).tolist() == [[0, 0], [1, 3]]
    assert after.parent.tolist() == [[0, 0], [1, 3]]
    assert after.score.tolist() == [[1.0, 1.0], [2.0, 4.0]]


def test_the_parent_of_a_copy_of_a_copy_is_the_first():
    once = copy_agents(swarm([[1.0, 2.0, 3.0]]), [(0, 0)], [(0, 1)])
    assert copy_agents(once, [(0, 1)], [(0, 2)]).parent.tolist() == [[0, 0, 0]]


def test_copying_nothing_changes_nothing():
    state = swarm([[1.0, 2.0]])
    assert copy_agents(state, [], []) is state
