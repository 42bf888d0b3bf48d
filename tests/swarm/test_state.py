import math

import pytest
import torch

from hsokv.exceptions import ConfigurationError
from hsokv.swarm.state import Axis, SearchSpace, check_search_space, init_swarm

SEARCH_SPACE = SearchSpace(
    (Axis("rate", 0.01, 1.0, 0.05), Axis("share", -1.0, 3.0, 0.0, log=False)), ("adam", "sgd"), "sgd"
)


def swarm(managers, agents, seed=0):
    return init_swarm((), check_search_space(SEARCH_SPACE), managers, agents, torch.Generator().manual_seed(seed))


def test_corners_centre_and_default_of_the_box():
    points = torch.cat([torch.tensor([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]), SEARCH_SPACE.default_point()[None]])
    values = SEARCH_SPACE.values(points)
    torch.testing.assert_close(values["rate"], torch.tensor([0.01, 0.1, 1.0, 0.05]))
    torch.testing.assert_close(values["share"], torch.tensor([-1.0, 1.0, 3.0, 0.0]))


@pytest.mark.parametrize(("managers", "agents"), [(1, 1), (2, 3), (4, 4)])
def test_the_first_agent_is_the_default_and_all_others_are_a_latin_hypercube(managers, agents):
    state, total = swarm(managers, agents), managers * agents
    assert torch.equal(state.point[0, 0], SEARCH_SPACE.default_point())
    assert SEARCH_SPACE.optimizers[int(state.optimizer[0, 0])] == "sgd"
    for axis in state.point.reshape(total, 2)[1:].mT:
        strata = (axis * total).floor()
        assert len(set(strata.tolist())) == total - 1
        assert ((strata >= 0) & (strata < total)).all()


def test_groups_start_in_different_regions_optimizers_go_round_and_nobody_has_a_score_or_a_parent():
    state = swarm(3, 4)
    assert (state.point[..., 0].flatten()[1:].diff() > 0).all()
    assert torch.bincount(state.optimizer.flatten()).tolist() == [6, 6]
    assert (state.score == math.inf).all()
    assert state.parent.tolist() == torch.arange(12).reshape(3, 4).tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"axes": (Axis("rate", 1.0, 0.1, 0.5),)}, r"rate: wanted finite low < high, low > 0; got \[1.0, 0.1\]"),
        ({"axes": (Axis("rate", 0.1, 0.1, 0.1),)}, "rate: wanted finite low < high"),
        ({"axes": (Axis("rate", 0.0, 1.0, 0.5),)}, "low > 0"),
        ({"axes": (Axis("rate", 0.1, 1.0, 2.0),)}, r"rate: the default 2.0 lies outside \[0.1, 1.0\]"),
        ({"axes": (Axis("rate", -math.inf, 1.0, 0.5, log=False),)}, "rate: wanted finite low < high; got"),
        ({"axes": (Axis("rate", math.nan, 1.0, 0.5),)}, "rate: wanted finite low < high"),
        ({"axes": ()}, "at least one axis"),
        ({"default_optimizer": "lion"}, "'lion' is none of adam, sgd"),
    ],
)
def test_a_search_space_that_cannot_be_is_refused(change, message):
    with pytest.raises(ConfigurationError, match=message):
        check_search_space(SEARCH_SPACE._replace(**change))
