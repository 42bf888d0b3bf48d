import math

import pytest
import torch

from hsokv.exceptions import ConfigurationError
from hsokv.swarm.state import Axis, SearchSpace, check_search_space, init_swarm

SEARCH_SPACE = SearchSpace(
    (Axis("rate", 0.01, 1.0, 0.05), Axis("share", -1.0, 3.0, 0.0, log=False)), ("adam", "sgd"), "sgd"
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_corners_and_centre_of_the_box():
    values = SEARCH_SPACE.values(torch.tensor([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]))
    torch.testing.assert_close(values["rate"], torch.tensor([0.01, 0.1, 1.0]))
    torch.testing.assert_close(values["share"], torch.tensor([-1.0, 1.0, 3.0]))


def test_the_default_point_gives_the_defaults():
    values = SEARCH_SPACE.values(SEARCH_SPACE.default_point())
    assert float(values["rate"]) == pytest.approx(0.05)
    assert float(values["share"]) == pytest.approx(0.0, abs=1e-6)


def test_the_first_agent_is_the_default_configuration():
    state = init_swarm((), check_search_space(SEARCH_SPACE), 2, 3, generator())
    assert torch.equal(state.point[0, 0], SEARCH_SPACE.default_point())
    assert SEARCH_SPACE.optimizers[int(state.optimizer[0, 0])] == "sgd"


@pytest.mark.parametrize(("managers", "agents"), [(1, 1), (2, 3), (4, 4)])
def test_all_others_are_a_latin_hypercube(managers, agents):
    total = managers * agents
    point = init_swarm((), SEARCH_SPACE, managers, agents, generator()).point.reshape(total, 2)
    for axis in range(2):
        strata = (point[1:, axis] * total).floor()
        assert len(set(strata.tolist())) == total - 1
        assert ((strata >= 0) & (strata < total)).all()


def test_groups_start_in_different_regions_and_optimizers_go_round():
    state = init_swarm((), SEARCH_SPACE, 3, 4, generator())
    first = state.point[..., 0].flatten()[1:]
    assert (first.diff() > 0).all()
    assert torch.bincount(state.optimizer.flatten()).tolist() == [6, 6]


def test_nothing_is_scored_and_nobody_has_a_parent_yet():
    state = init_swarm((), SEARCH_SPACE, 2, 2, generator())
    assert (state.score == math.inf).all()
    assert state.parent.tolist() == [[0, 1], [2, 3]]


def test_the_same_generator_gives_the_same_points():
    one, same, other = (init_swarm((), SEARCH_SPACE, 3, 3, generator(seed)).point for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (Axis("rate", 1.0, 0.1, 0.5), r"rate: wanted finite low < high, low > 0; got \[1.0, 0.1\]"),
        (Axis("rate", 0.1, 0.1, 0.1), "rate: wanted finite low < high"),
        (Axis("rate", 0.0, 1.0, 0.5), "low > 0"),
        (Axis("rate", 0.1, 1.0, 2.0), r"rate: the default 2.0 lies outside \[0.1, 1.0\]"),
        (Axis("rate", 0.1, math.inf, 0.5), r"rate: wanted finite low < high, low > 0; got \[0.1, inf\]"),
        (Axis("rate", -math.inf, 1.0, 0.5, log=False), "rate: wanted finite low < high; got"),
        (Axis("rate", math.nan, 1.0, 0.5), "rate: wanted finite low < high"),
    ],
)
def test_a_bad_range_is_refused(axis, message):
    with pytest.raises(ConfigurationError, match=message):
        check_search_space(SearchSpace((axis,), ("adam",), "adam"))


def test_a_box_without_axes_is_refused():
    with pytest.raises(ConfigurationError, match="at least one axis"):
        check_search_space(SearchSpace((), ("adam",), "adam"))


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ConfigurationError, match="'lion' is none of adam, sgd"):
        check_search_space(SEARCH_SPACE._replace(default_optimizer="lion"))


@pytest.mark.parametrize(("managers", "agents"), [(0, 3), (3, 0)])
def test_a_swarm_without_agents_is_refused(managers, agents):
    with pytest.raises(ConfigurationError, match="at least one manager and one agent"):
        init_swarm((), SEARCH_SPACE, managers, agents, generator())
