import io
import math

import pytest
import torch
from torch.utils._pytree import tree_map_only

from hsokv.exceptions import ConfigurationError, SwarmCollapsedError
from hsokv.learning.budget import Budget
from hsokv.swarm.manager import ManagerSettings
from hsokv.swarm.state import Axis, SearchSpace, SwarmState
from hsokv.swarm.supervisor import Progress, Round, SwarmSettings, finish, run_swarm, start, supervisor_round

SEARCH_SPACE = SearchSpace(
    (Axis("a", 0.0, 1.0, 0.3, log=False), Axis("b", 0.0, 1.0, 0.6, log=False)), ("adam", "sgd"), "adam"
)
EXPLOIT = ManagerSettings(truncation_fraction=0.25, perturb_scale=0.1, resample_prob=0.25)
SHAPE = SwarmSettings(managers=2, agents=4, rounds=3, ensemble_size=2, manager=EXPLOIT)


def distance(learners, values):
    """The score: how far an agent's hyperparameters are from (0.7, 0.7)."""
    return (values["a"] - 0.7).abs() + (values["b"] - 0.7).abs()


def count(learners, values, optimizer):
    return {"steps": learners["steps"] + 1, "owner": learners["owner"]}


def population(shape):
    owner = torch.arange(shape.managers * shape.agents).reshape(shape.managers, shape.agents)
    return {"steps": torch.zeros(owner.shape), "owner": owner}


def run(train=count, score=distance, budget=None, seed=0, search_space=SEARCH_SPACE, **change):
    shape, generator = SHAPE._replace(**change), torch.Generator().manual_seed(seed)
    return run_swarm(population(shape), search_space, shape, train, score, budget or Budget(10**9), generator)


def plain(nest):
    return tree_map_only(torch.Tensor, torch.Tensor.tolist, nest)


def test_members_are_the_best_of_the_last_round_best_first_and_the_initial_state_is_kept():
    swarm = run()
    assert torch.equal(swarm.score, swarm.history[-1].score.flatten().sort().values[:2])
    torch.testing.assert_close(distance(None, swarm.values), swarm.score)
    assert swarm.learners["steps"].tolist() == [3.0, 3.0]
    assert torch.equal(swarm.initial.point[0, 0], SEARCH_SPACE.default_point())
    assert swarm.initial.learners["steps"].sum() == 0


def test_the_best_score_never_gets_worse_and_the_last_round_copies_and_moves_nothing():
    """The best agent of a group is never overwritten, and this score does not change by training."""
    history = run(rounds=8).history
    best = [float(step.score.min()) for step in history]
    assert best == sorted(best, reverse=True)
    assert torch.equal(history[-1].parent.flatten(), torch.arange(8))
    torch.testing.assert_close(distance(None, SEARCH_SPACE.values(history[-1].point)), history[-1].score)


def test_copies_cross_groups_only_by_migration_of_the_best_with_the_point_that_earned_its_score():
    """At most one agent per round has a parent in another group, and that parent is the best of all."""
    crossings = 0
    for seed in range(5):
        swarm = run(managers=4, rounds=6, seed=seed)
        before = swarm.initial.point
        for step in swarm.history:
            foreign = (step.parent // 4) != torch.arange(4)[:, None]
            assert foreign.sum() <= 1
            crossings += int(foreign.sum())
            assert (step.parent[foreign] == step.score.argmin()).all()
            assert torch.equal(step.point[foreign], before.flatten(0, 1)[step.parent[foreign]])
            before = step.point
    assert crossings > 0


@pytest.mark.parametrize(
    ("fixed", "parents"),
    [([[0.1, 0.5, 0.6], [0.9, 1.0, 2.0]], [[0, 1, 0], [3, 0, 3]]), ([[0.1, 0.5, 0.6, 0.9]], [[0, 1, 2, 0]])],
    ids=["to the weakest group", "not to the group that holds the best"],
)
def test_the_best_agent_migrates(fixed, parents):
    """Scores are fixed by the agent's owner; the worst of a group copies its best, and one agent comes from outside."""
    fixed = torch.tensor(fixed)
    shape = {"managers": fixed.shape[0], "agents": fixed.shape[1], "rounds": 2, "ensemble_size": 6}
    exploit = EXPLOIT._replace(truncation_fraction=0.01)
    swarm = run(score=lambda learners, values: fixed.flatten()[learners["owner"]], manager=exploit, **shape)
    assert swarm.history[0].parent.tolist() == parents


@pytest.mark.parametrize("failure", [math.nan, -math.inf])
def test_a_failed_agent_ranks_last_is_never_copied_and_is_not_a_member(failure):
    failing = torch.tensor([1, 3, 4, 6])

    def score(learners, values):
        bad = torch.isin(learners["owner"], failing)
        return torch.where(bad, failure, distance(learners, values))

    swarm = run(rounds=4, ensemble_size=8, score=score)
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


@pytest.mark.parametrize("allowed", [1, 3, 100])
def test_rounds_stop_before_the_budget_is_exceeded(allowed):
    """A round costs one operation here."""
    budget = Budget(allowed)
    swarm = run(train=paid(budget, count), budget=budget, rounds=5)
    assert budget.spent == min(allowed, 5) == len(swarm.history)
    assert swarm.learners["steps"].tolist() == [float(min(allowed, 5))] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"managers": 0}, "at least one manager and one agent, got 0 and 4"),
        ({"agents": 0}, "at least one manager and one agent, got 2 and 0"),
        ({"rounds": 0}, "at least one round and one member at the end, got 0 and 2"),
        ({"ensemble_size": 0}, "at least one round and one member at the end, got 3 and 0"),
        ({"manager": EXPLOIT._replace(truncation_fraction=0.6)}, r"truncation_fraction: .* \(0, 0.5\] .* got 0.6"),
        ({"search_space": SEARCH_SPACE._replace(axes=(Axis("a", 1.0, 0.0, 0.5),))}, "a: wanted finite low < high"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_before_any_training(change, message):
    with pytest.raises(ConfigurationError, match=message):
        run(train=None, **change)


def paid(budget, train):
    """The train step at the cost of one operation."""

    def charged(*work):
        budget.charge(1)
        return train(*work)

    return charged


def move(learners, values, optimizer):
    """Moves the learners by what the hyperparameters are, so that scores depend on the history, as real ones do."""
    return {"steps": learners["steps"] + values["a"] * (1 + optimizer), "owner": learners["owner"]}


def score_learners(learners, values):
    return (learners["steps"].sin() + values["b"]).abs()


def saved_and_loaded(progress):
    file = io.BytesIO()
    torch.save(progress, file)
    file.seek(0)
    with torch.serialization.safe_globals([Progress, SwarmState, Round]):
        return torch.load(file, weights_only=True)


@pytest.mark.parametrize("stop", [0, 1, 4, 5])
@pytest.mark.parametrize("allowed", [5, 100])
def test_a_run_that_stops_after_any_round_and_goes_on_ends_as_one_that_does_not(stop, allowed):
    change = {"managers": 3, "rounds": 6, "ensemble_size": 5, "manager": EXPLOIT._replace(resample_prob=0.5)}
    shape = SHAPE._replace(**change)

    def rounds(progress, budget, count):
        for _ in range(count):
            if not progress.over:
                work = shape, paid(budget, move), score_learners, budget
                progress = supervisor_round(progress, SEARCH_SPACE, *work)
        return progress

    budget, first, second = (Budget(allowed) for _ in range(3))
    whole = run(paid(budget, move), score_learners, budget, seed=3, **change)
    begun = start(population(shape), SEARCH_SPACE, shape, first, torch.Generator().manual_seed(3))
    loaded = saved_and_loaded(rounds(begun, first, stop))
    second.charge(loaded.spent)
    assert plain(finish(rounds(loaded, second, 6), SEARCH_SPACE, shape)) == plain(whole)
    assert second.spent == budget.spent


def test_a_round_leaves_its_arguments_alone_and_repeats():
    budget = Budget(100)
    progress = start(population(SHAPE), SEARCH_SPACE, SHAPE, budget, torch.Generator().manual_seed(0))
    before = plain(progress)
    one, same = (supervisor_round(progress, SEARCH_SPACE, SHAPE, count, distance, budget) for _ in range(2))
    assert plain(progress) == before
    assert plain(one) == plain(same)
