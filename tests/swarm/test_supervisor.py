import io
import math

import pytest
import torch

from hsokv.exceptions import ConfigurationError, SwarmCollapsedError
from hsokv.learning.budget import Budget
from hsokv.swarm.manager import ManagerSettings
from hsokv.swarm.state import Axis, SearchSpace, SwarmState
from hsokv.swarm.supervisor import Progress, Round, SwarmSettings, finish, run_swarm, start, supervisor_round

SEARCH_SPACE = SearchSpace(
    (Axis("a", 0.0, 1.0, 0.3, log=False), Axis("b", 0.0, 1.0, 0.6, log=False)), ("adam", "sgd"), "adam"
)
EXPLOIT = ManagerSettings(truncation_fraction=0.25, perturb_scale=0.1, resample_prob=0.25)


def distance(learners, values):
    """The score: how far an agent's hyperparameters are from (0.7, 0.7)."""
    return (values["a"] - 0.7).abs() + (values["b"] - 0.7).abs()


def count(learners, values, optimizer):
    return {"steps": learners["steps"] + 1, "owner": learners["owner"]}


def population(managers, agents):
    return {"steps": torch.zeros(managers, agents), "owner": torch.arange(managers * agents).reshape(managers, agents)}


def run(
    managers=2, agents=4, rounds=3, ensemble_size=2, train=count, score=distance, budget=None, seed=0, exploit=EXPLOIT
):
    settings = SwarmSettings(managers, agents, rounds, ensemble_size, exploit)
    generator = torch.Generator().manual_seed(seed)
    return run_swarm(
        population(managers, agents), SEARCH_SPACE, settings, train, score, budget or Budget(10**9), generator
    )


def test_members_are_the_best_of_the_last_round_best_first():
    swarm = run()
    last = swarm.history[-1].score.flatten().sort().values
    assert torch.equal(swarm.score, last[:2])
    torch.testing.assert_close(distance(None, swarm.values), swarm.score)
    assert swarm.learners["steps"].tolist() == [3.0, 3.0]


def test_the_best_score_never_gets_worse():
    """The best agent of a group is never overwritten, and this score does not change by training."""
    best = [float(step.score.min()) for step in run(rounds=8).history]
    assert best == sorted(best, reverse=True)


def test_the_last_round_copies_and_moves_nothing():
    last = run().history[-1]
    assert torch.equal(last.parent.flatten(), torch.arange(8))
    torch.testing.assert_close(distance(None, SEARCH_SPACE.values(last.point)), last.score)


def test_one_manager_one_agent_one_round_is_plain_training_of_the_default():
    swarm = run(1, 1, 1, 1)
    assert swarm.learners["steps"].tolist() == [1.0]
    assert float(swarm.values["a"]) == pytest.approx(0.3)
    assert float(swarm.values["b"]) == pytest.approx(0.6)
    assert len(swarm.history) == 1


def test_copies_cross_groups_only_by_migration():
    """At most one agent per round has a parent in another group, and that parent is the best of all."""
    crossings = 0
    for step in run(4, 4, 6).history:
        foreign = (step.parent // 4) != torch.arange(4)[:, None]
        assert foreign.sum() <= 1
        crossings += int(foreign.sum())
        assert (step.parent[foreign] == step.score.argmin()).all()
    assert crossings > 0


def test_a_migrant_arrives_with_the_point_that_earned_its_score():
    checked = 0
    for seed in range(5):
        swarm = run(3, 4, 4, seed=seed)
        before = swarm.initial.point
        for step in swarm.history:
            foreign = (step.parent // 4) != torch.arange(3)[:, None]
            for parent, point in zip(step.parent[foreign], step.point[foreign], strict=True):
                assert torch.equal(point, before.flatten(0, 1)[parent])
                checked += 1
            before = step.point
    assert checked > 0


@pytest.mark.parametrize(
    ("fixed", "parents"),
    [([[0.1, 0.5, 0.6], [0.9, 1.0, 2.0]], [[0, 1, 0], [3, 0, 3]]), ([[0.1, 0.5, 0.6, 0.9]], [[0, 1, 2, 0]])],
    ids=["to the weakest group", "not to the group that holds the best"],
)
def test_the_best_agent_migrates(fixed, parents):
    """Scores are fixed by the agent's owner; the worst of a group copies its best, and one agent comes from outside."""
    fixed = torch.tensor(fixed)
    exploit = EXPLOIT._replace(truncation_fraction=0.01)
    swarm = run(*fixed.shape, 2, 6, score=lambda learners, values: fixed.flatten()[learners["owner"]], exploit=exploit)
    assert swarm.history[0].parent.tolist() == parents


@pytest.mark.parametrize("failure", [math.nan, math.inf, -math.inf])
def test_a_failed_agent_ranks_last_is_never_copied_and_is_not_a_member(failure):
    failing = torch.tensor([1, 3, 4, 6])

    def score(learners, values):
        bad = torch.isin(learners["owner"], failing)
        return torch.where(bad, failure, distance(learners, values))

    swarm = run(2, 4, 4, 8, score=score)
    assert int(torch.isinf(swarm.history[0].score).sum()) == 4
    assert torch.isfinite(swarm.score).all()
    assert not torch.isin(swarm.learners["owner"], failing).any()
    for step in swarm.history:
        copied = step.parent.flatten() != torch.arange(8)
        assert torch.isfinite(step.score.flatten()[step.parent.flatten()[copied]]).all()


def test_all_failed_is_an_error():
    with pytest.raises(SwarmCollapsedError, match=r"all 8 agents failed in round 1 .*lower the learning rates"):
        run(score=lambda learners, values: torch.full((2, 4), math.nan))


def test_equal_scores_keep_the_first_agents():
    swarm = run(score=lambda learners, values: torch.ones(2, 4), rounds=1)
    assert swarm.learners["owner"].tolist() == [0, 1]


def test_the_same_generator_gives_the_same_swarm():
    one, same, other = run(seed=1), run(seed=1), run(seed=2)
    assert all(torch.equal(a.point, b.point) for a, b in zip(one.history, same.history, strict=True))
    assert not all(torch.equal(a.point, b.point) for a, b in zip(one.history, other.history, strict=True))


@pytest.mark.parametrize("allowed", [1, 2, 3, 7, 100])
def test_rounds_stop_before_the_budget_is_exceeded(allowed):
    """A round costs one operation here."""
    budget = Budget(allowed)

    def train(learners, values, optimizer):
        budget.charge(1)
        return count(learners, values, optimizer)

    swarm = run(train=train, budget=budget, rounds=5)
    assert budget.spent == min(allowed, 5) == len(swarm.history)
    assert swarm.learners["steps"].tolist() == [float(min(allowed, 5))] * 2


def test_the_initial_state_is_kept_as_it_was():
    swarm = run()
    assert torch.equal(swarm.initial.point[0, 0], SEARCH_SPACE.default_point())
    assert swarm.initial.learners["steps"].sum() == 0


def test_a_reversed_box_is_refused():
    search_space = SEARCH_SPACE._replace(axes=(Axis("a", 1.0, 0.0, 0.5, log=False),))
    with pytest.raises(ConfigurationError, match="a: wanted finite low < high"):
        start(population(1, 1), search_space, SwarmSettings(1, 1, 1, 1, EXPLOIT), Budget(1), torch.Generator())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"managers": 0}, "at least one manager and one agent, got 0 and 4"),
        ({"agents": 0}, "at least one manager and one agent, got 2 and 0"),
        ({"rounds": 0}, "at least one round and one member at the end, got 0 and 2"),
        ({"ensemble_size": 0}, "at least one round and one member at the end, got 3 and 0"),
        (
            {"exploit": EXPLOIT._replace(truncation_fraction=0.6)},
            r"truncation_fraction: wanted a share in \(0, 0.5\] of a group, got 0.6",
        ),
    ],
)
def test_a_shape_that_cannot_be_is_refused_before_any_training(change, message):
    def train(learners, values, optimizer):
        raise AssertionError("trained")

    with pytest.raises(ConfigurationError, match=message):
        run(train=train, **change)


def paid(budget):
    """A train step that moves the learners by what the hyperparameters are, and costs one operation."""

    def train(learners, values, optimizer):
        budget.charge(1)
        return {"steps": learners["steps"] + values["a"] * (1 + optimizer), "owner": learners["owner"]}

    return train


def score_learners(learners, values):
    """Depends on the history of the weights, as real scores do."""
    return (learners["steps"].sin() + values["b"]).abs()


def saved_and_loaded(progress):
    file = io.BytesIO()
    torch.save(progress, file)
    file.seek(0)
    with torch.serialization.safe_globals([Progress, SwarmState, Round]):
        return torch.load(file, weights_only=True)


@pytest.mark.parametrize("stop", range(6))
@pytest.mark.parametrize("allowed", [5, 100])
def test_a_run_that_stops_after_any_round_and_goes_on_ends_as_one_that_does_not(stop, allowed):
    settings = SwarmSettings(3, 4, 6, 5, EXPLOIT._replace(resample_prob=0.5))

    def rounds(progress, budget, count):
        for _ in range(count):
            if not progress.over:
                progress = supervisor_round(progress, SEARCH_SPACE, settings, paid(budget), score_learners, budget)
        return progress

    budget, generator = Budget(allowed), torch.Generator().manual_seed(3)
    whole = run_swarm(population(3, 4), SEARCH_SPACE, settings, paid(budget), score_learners, budget, generator)
    first = Budget(allowed)
    begun = start(population(3, 4), SEARCH_SPACE, settings, first, torch.Generator().manual_seed(3))
    loaded = saved_and_loaded(rounds(begun, first, stop))
    second = Budget(allowed)
    second.charge(loaded.spent)
    resumed = finish(rounds(loaded, second, 6), SEARCH_SPACE, settings)
    wanted, found = (torch.utils._pytree.tree_leaves(swarm) for swarm in (whole, resumed))
    assert len(wanted) == len(found)
    for one, other in zip(wanted, found, strict=True):
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
    assert second.spent == budget.spent


def test_a_round_leaves_its_arguments_alone_and_repeats():
    settings, budget = SwarmSettings(2, 4, 3, 2, EXPLOIT), Budget(100)
    progress = start(population(2, 4), SEARCH_SPACE, settings, budget, torch.Generator().manual_seed(0))
    before = [part.clone() for part in torch.utils._pytree.tree_leaves(progress) if isinstance(part, torch.Tensor)]
    one, same = (supervisor_round(progress, SEARCH_SPACE, settings, count, distance, budget) for _ in range(2))
    after = [part for part in torch.utils._pytree.tree_leaves(progress) if isinstance(part, torch.Tensor)]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
    assert torch.equal(one.state.point, same.state.point)
    assert torch.equal(one.generator, same.generator)
