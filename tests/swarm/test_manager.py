import math

import pytest
import torch

from hsokv.exceptions import ConfigurationError
from hsokv.swarm.manager import ManagerSettings, copy_agents, manager_step
from hsokv.swarm.state import SwarmState

SETTINGS = ManagerSettings(truncation_fraction=0.25, perturb_scale=0.1, resample_prob=0.0)


def group(scores):
    """A group whose every tensor tells which agent it belongs to."""
    score = torch.tensor(scores)
    own = torch.arange(len(score))
    point = 0.5 + own[:, None].expand(-1, 2) / 1000
    learners = {"weight": own[:, None, None].expand(-1, 3, 2).float(), "moments": (own.float(),)}
    return SwarmState(learners, point, own % 3, score, own)


def step(state, settings=SETTINGS, seed=0):
    return manager_step(state, settings, 3, torch.Generator().manual_seed(seed))


def owners(state):
    return state.learners["weight"][:, 0, 0].long()


def test_the_worst_copies_the_best_whole():
    after = step(group([3.0, 1.0, 9.0, 4.0]))
    assert owners(after).tolist() == [0, 1, 1, 3]
    assert after.parent.tolist() == [0, 1, 1, 3]
    assert after.learners["moments"][0].tolist() == [0.0, 1.0, 1.0, 3.0]
    assert after.score.tolist() == [3.0, 1.0, 1.0, 4.0]
    assert after.optimizer.tolist() == [0, 1, 1, 0]


def test_a_copy_moves_one_step_on_every_axis_and_the_others_stay():
    before = group([3.0, 1.0, 9.0, 4.0])
    after = step(before)
    moved = (after.point[2] - before.point[1]).abs()
    torch.testing.assert_close(moved, torch.full((2,), SETTINGS.perturb_scale))
    assert torch.equal(after.point[[0, 1, 3]], before.point[[0, 1, 3]])


def test_a_step_leaves_its_argument_alone():
    before, same = group([3.0, 1.0, 9.0, 4.0]), group([3.0, 1.0, 9.0, 4.0])
    step(before, settings=SETTINGS._replace(resample_prob=1.0))
    assert torch.equal(before.point, same.point)
    assert torch.equal(before.optimizer, same.optimizer)
    assert torch.equal(owners(before), owners(same))


@pytest.mark.parametrize("seed", range(4))
def test_a_copy_stays_in_the_box(seed):
    after = step(group([3.0, 1.0, 9.0, 4.0]), settings=SETTINGS._replace(perturb_scale=0.9), seed=seed)
    assert ((after.point >= 0) & (after.point <= 1)).all()
    assert set(after.point[2].tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("seed", range(5))
def test_a_failed_agent_is_replaced_and_never_copied(seed):
    after = step(
        group([math.inf, 2.0, math.inf, math.inf]), settings=SETTINGS._replace(truncation_fraction=0.5), seed=seed
    )
    assert owners(after).tolist() == [0, 1, 1, 1]
    assert after.score.tolist() == [math.inf, 2.0, 2.0, 2.0]


def test_a_group_that_failed_whole_copies_nothing():
    state = group([math.inf] * 4)
    after = step(state)
    assert torch.equal(after.point, state.point)
    assert torch.equal(owners(after), owners(state))


def test_equal_scores_go_by_place():
    assert owners(step(group([1.0] * 4))).tolist() == [0, 1, 2, 0]


def test_one_agent_has_nobody_to_copy():
    state = group([1.0])
    assert torch.equal(step(state).point, state.point)


def test_resampling_draws_among_all_strategies():
    settings = SETTINGS._replace(resample_prob=1.0)
    drawn = {int(step(group([3.0, 1.0, 9.0, 4.0]), settings=settings, seed=seed).optimizer[2]) for seed in range(30)}
    assert drawn == {0, 1, 2}


def test_the_same_generator_gives_the_same_step():
    settings = ManagerSettings(0.5, 0.2, 0.5)
    one, same = (step(group([3.0, 1.0, 9.0, 4.0]), settings=settings, seed=3) for _ in range(2))
    assert torch.equal(one.point, same.point)
    assert torch.equal(one.optimizer, same.optimizer)
    assert torch.equal(owners(one), owners(same))


def test_luck_of_one_group_does_not_depend_on_another_having_failed():
    """As many draws are made by a group that failed as by one that did not."""
    used = []
    for scores in ([math.inf] * 4, [3.0, 1.0, 9.0, 4.0]):
        generator = torch.Generator().manual_seed(0)
        manager_step(group(scores), SETTINGS, 3, generator)
        used.append(float(torch.rand(1, generator=generator)))
    assert used[0] == used[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("truncation_fraction", 0.0),
        ("truncation_fraction", 0.6),
        ("perturb_scale", 0.0),
        ("perturb_scale", math.nan),
        ("resample_prob", 1.5),
        ("resample_prob", -0.1),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ConfigurationError, match=f"{name}: .* got {value}"):
        step(group([1.0, 2.0]), settings=SETTINGS._replace(**{name: value}))


def test_what_is_not_a_group_is_refused():
    whole = SwarmState((), torch.zeros(2, 3, 1), torch.zeros(2, 3).long(), torch.zeros(2, 3), torch.zeros(2, 3).long())
    with pytest.raises(ConfigurationError, match=r"wants one group \[agents\] of at least one agent.*scores \[2, 3\]"):
        step(whole)
    with pytest.raises(ConfigurationError, match="at least one agent"):
        step(group([]))
    with pytest.raises(ConfigurationError, match=r"at least one optimizer.* 0 optimizers"):
        manager_step(group([1.0]), SETTINGS, 0, torch.Generator())


def test_copies_are_taken_from_the_state_before_any_of_them():
    after = copy_agents(group([1.0, 2.0, 3.0, 4.0]), torch.tensor([0, 1]), torch.tensor([1, 2]))
    assert owners(after).tolist() == [0, 0, 1, 3]
    assert after.parent.tolist() == [0, 0, 1, 3]
    assert after.score.tolist() == [1.0, 1.0, 2.0, 4.0]


def test_the_parent_of_a_copy_of_a_copy_is_the_first():
    once = copy_agents(group([1.0, 2.0, 3.0]), torch.tensor([0]), torch.tensor([1]))
    assert copy_agents(once, torch.tensor([1]), torch.tensor([2])).parent.tolist() == [0, 0, 0]


def test_copying_nothing_changes_nothing():
    state, nobody = group([1.0, 2.0]), torch.tensor([], dtype=torch.int64)
    assert torch.equal(copy_agents(state, nobody, nobody).score, state.score)
