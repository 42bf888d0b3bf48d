import math

import pytest
import torch

from hsokv.exceptions import ConfigurationError
from hsokv.swarm.manager import ManagerSettings, copy_agents, manager_step
from hsokv.swarm.state import SwarmState

SETTINGS = ManagerSettings(truncation_fraction=0.25, perturb_scale=0.1, resample_prob=0.0)
SCORES = [3.0, 1.0, 9.0, 4.0]
FAILED = [math.inf] * 4


def group(scores):
    """A group whose every tensor tells which agent it belongs to."""
    score = torch.tensor(scores)
    own = torch.arange(len(score))
    point = 0.5 + own[:, None].expand(-1, 2) / 1000
    learners = {"weight": own[:, None, None].expand(-1, 3, 2).float(), "moments": (own.float(),)}
    return SwarmState(learners, point, own % 3, score, own)


def step(scores, seed=0, **change):
    return manager_step(group(scores), SETTINGS._replace(**change), 3, torch.Generator().manual_seed(seed))


def owners(state):
    weight, moments = state.learners["weight"][:, 0, 0], state.learners["moments"][0]
    assert torch.equal(weight, moments), "a copy is whole"
    return weight.tolist()


def test_the_worst_copies_the_best_whole_and_moves_one_step_on_every_axis():
    before, after = group(SCORES), step(SCORES)
    assert owners(after) == after.parent.tolist() == [0, 1, 1, 3]
    assert after.score.tolist() == [3.0, 1.0, 1.0, 4.0]
    assert after.optimizer.tolist() == [0, 1, 1, 0]
    moved = (after.point[2] - before.point[1]).abs()
    torch.testing.assert_close(moved, torch.full((2,), SETTINGS.perturb_scale))
    assert torch.equal(after.point[[0, 1, 3]], before.point[[0, 1, 3]])


def test_a_step_leaves_its_argument_alone():
    before, same = group(SCORES), group(SCORES)
    manager_step(before, SETTINGS._replace(resample_prob=1.0), 3, torch.Generator())
    assert torch.equal(before.point, same.point)
    assert torch.equal(before.optimizer, same.optimizer)
    assert owners(before) == owners(same)


def test_a_copy_stays_in_the_box():
    for seed in range(4):
        after = step(SCORES, seed, perturb_scale=0.9)
        assert set(after.point[2].tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("scores", "share", "expected"),
    [
        ([math.inf, 2.0, math.inf, math.inf], 0.5, [0, 1, 1, 1]),
        (FAILED, 0.25, [0, 1, 2, 3]),
        ([1.0] * 4, 0.25, [0, 1, 2, 0]),
        ([1.0], 0.25, [0]),
    ],
    ids=["the failed are never copied", "all failed", "equal scores go by place", "one agent has nobody to copy"],
)
def test_who_is_copied(scores, share, expected):
    for seed in range(5):
        after = step(scores, seed, truncation_fraction=share)
        assert owners(after) == expected
        assert after.score.tolist() == [scores[owner] for owner in expected]
    assert torch.equal(after.point, group(scores).point) == (expected == list(range(len(scores))))


def test_resampling_draws_among_all_strategies():
    assert {int(step(SCORES, seed, resample_prob=1.0).optimizer[2]) for seed in range(30)} == {0, 1, 2}


def test_luck_of_one_group_does_not_depend_on_another_having_failed():
    """As many draws are made by a group that failed as by one that did not."""
    used = []
    for scores in (FAILED, SCORES):
        generator = torch.Generator().manual_seed(0)
        manager_step(group(scores), SETTINGS, 3, generator)
        used.append(float(torch.rand(1, generator=generator)))
    assert used[0] == used[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("truncation_fraction", 0.0), ("truncation_fraction", 0.6), ("perturb_scale", math.nan), ("resample_prob", -0.1)],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ConfigurationError, match=f"{name}: .* got {value}"):
        step([1.0, 2.0], **{name: value})


def test_copies_are_taken_from_the_state_before_any_of_them_and_keep_the_first_parent():
    once = copy_agents(group([1.0, 2.0, 3.0, 4.0]), torch.tensor([0, 1]), torch.tensor([1, 2]))
    assert owners(once) == once.parent.tolist() == [0, 0, 1, 3]
    assert once.score.tolist() == [1.0, 1.0, 2.0, 4.0]
    assert copy_agents(once, torch.tensor([1]), torch.tensor([3])).parent.tolist() == [0, 0, 1, 0]
