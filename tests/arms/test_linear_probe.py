import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from hsokv.arms import linear_probe
from hsokv.arms.linear_probe import fit, solve
from hsokv.data.episode import Shots
from hsokv.exceptions import BudgetError
from hsokv.learning.budget import Budget
from hsokv.learning.head import logits


def solved(episode, strength, limit=5000, budget=None, classes=4):
    """Probabilities of the test queries and the steps taken to get there from the train shots."""
    train = episode.train
    decay = torch.tensor([[1 / (strength * len(train.y))]])
    mask = torch.ones(1, len(train.y))
    head, steps = solve(train.x[None], train.y[None], mask, decay, classes, limit, budget or Budget(10**12))
    return logits(head, episode.test.x)[0, 0].softmax(-1).numpy(), steps


def peer(shots, strength):
    return LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(shots.x.double().numpy(), shots.y.numpy())


@pytest.fixture
def to_the_end(monkeypatch):
    """Weak penalties leave the probabilities some 4e-4 away where the steps usually stop."""
    monkeypatch.setattr(linear_probe, "TOLERANCE", 0.0)


@pytest.mark.parametrize("strength", [0.1, 1.0, 100.0])
def test_it_equals_scikit_learn(make_episode, strength, to_the_end):
    episode = make_episode("shots", noise=0.4)
    expected = peer(episode.train, strength).predict_proba(episode.test.x.double().numpy())
    np.testing.assert_allclose(solved(episode, strength)[0], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("strength", [0.1, 1.0, 100.0])
def test_it_stops_by_itself_close_to_the_end(make_episode, strength):
    episode = make_episode("shots", noise=0.4)
    found, steps = solved(episode, strength)
    expected = peer(episode.train, strength).predict_proba(episode.test.x.double().numpy())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)
    assert steps < 5000


def test_what_it_predicts_is_scikit_learn_over_the_temperature(make_episode):
    episode = make_episode("shots", noise=0.4)
    options = {"linear_probe": {"strengths": [1.0], "steps": 5000}}
    fitted = fit(episode, options, Budget(10**12), torch.Generator())
    scores = torch.from_numpy(peer(episode.train, 1.0).decision_function(episode.test.x.double().numpy()))
    expected = (scores / fitted.instruments["temperature"]).softmax(-1)
    np.testing.assert_allclose(fitted.predict(episode.test.x).log_probs.exp(), expected, rtol=0, atol=1e-4)


def test_two_classes_have_two_weight_vectors_here_and_one_in_scikit_learn(make_episode, to_the_end):
    """With W = (-w/2, w/2) the penalty on W is half of that on w, so C here is 2 C there."""
    episode = make_episode("shots", noise=0.4)
    episode = episode._replace(train=Shots(episode.train.x, episode.train.y % 2))
    expected = peer(episode.train, 2.0).predict_proba(episode.test.x.double().numpy())
    np.testing.assert_allclose(solved(episode, 1.0, classes=2)[0], expected, rtol=0, atol=1e-4)


def test_problems_and_strengths_do_not_touch_each_other(make_episode):
    one, other = (make_episode("shots", noise=0.4, seed=seed).train for seed in (0, 1))
    decay = torch.tensor([[0.01, 0.02], [0.1, 0.2]])
    x, y = torch.stack([one.x, other.x]), torch.stack([one.y, other.y])
    together, _ = solve(x, y, torch.ones(y.shape), decay, 4, 3000, Budget(10**12))
    alone, _ = solve(x[1:], y[1:], torch.ones(1, len(other.y)), decay[1:, 1:], 4, 3000, Budget(10**12))
    torch.testing.assert_close(together.weight[1, 1], alone.weight[0, 0], rtol=1e-3, atol=1e-3)


def test_every_step_is_charged_and_the_limit_holds(make_episode):
    episode, budget = make_episode("shots"), Budget(10**12)
    _, steps = solved(episode, 100.0, limit=7, budget=budget)
    assert steps == 7
    assert budget.spent == 7 * (2 * (2 * episode.train.x.numel() * 4))


def test_a_budget_that_ends_on_the_way_ends_the_steps(make_episode):
    budget = Budget(20_000)
    _, steps = solved(make_episode("shots"), 100.0, budget=budget)
    assert steps > 1
    assert 0 < budget.spent <= 20_000


def test_a_budget_too_small_for_one_step_is_an_error(make_episode):
    with pytest.raises(BudgetError, match="raise flops_allowed"):
        solved(make_episode("shots"), 100.0, budget=Budget(100))


def test_the_strength_is_the_best_on_the_folds(make_episode):
    episode = make_episode("shots", noise=0.7)
    options = {"strengths": [0.001, 1.0], "steps": 100}
    found = fit(episode, {"linear_probe": options}, Budget(10**12), torch.Generator()).instruments
    losses = {}
    for strength in options["strengths"]:
        single = {"linear_probe": {**options, "strengths": [strength]}}
        temperature = fit(episode, single, Budget(10**12), torch.Generator()).instruments["temperature"]
        total = 0.0
        for learn, score in episode.folds:
            head, _ = solve(
                learn.x[None],
                learn.y[None],
                torch.ones(1, len(learn.y)),
                torch.tensor([[1 / (strength * len(learn.y))]]),
                4,
                100,
                Budget(10**12),
            )
            total += float(torch.nn.functional.cross_entropy(logits(head, score.x)[0, 0] / temperature, score.y))
        losses[strength] = total
    assert found["strength"] == pytest.approx(min(losses, key=losses.get))
