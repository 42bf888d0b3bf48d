import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from hsokv.data.episode import Shots
from hsokv.exceptions import BudgetError
from hsokv.methods.linear_probe import fit, solve
from hsokv.model.head import logits
from hsokv.training.budget import Budget


def solved(shots, strength, classes, limit=5000, budget=None):
    decay = torch.tensor([[1 / (strength * len(shots.y))]])
    mask = torch.ones(1, len(shots.y))
    head, steps = solve(shots.x[None], shots.y[None], mask, decay, classes, limit, budget or Budget(10**12))
    return logits(head, shots.x)[0, 0].softmax(-1), steps


def peer(shots, strength):
    model = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000)
    return model.fit(shots.x.double().numpy(), shots.y.numpy()).predict_proba(shots.x.double().numpy())


@pytest.mark.parametrize("strength", [0.1, 1.0, 100.0])
def test_it_equals_scikit_learn(make_episode, strength):
    train = make_episode("shots", noise=0.4).train
    found, steps = solved(train, strength, 4)
    np.testing.assert_allclose(found.numpy(), peer(train, strength), atol=1e-3)
    assert steps < 5000


def test_two_classes_have_two_weight_vectors_here_and_one_in_scikit_learn(make_episode):
    """With W = (-w/2, w/2) the penalty on W is half of that on w, so C here is 2 C there."""
    train = make_episode("shots", noise=0.4).train
    train = Shots(train.x, train.y % 2)
    found, _ = solved(train, 1.0, 2)
    np.testing.assert_allclose(found.numpy(), peer(train, 2.0), atol=1e-3)


def test_problems_and_strengths_do_not_touch_each_other(make_episode):
    one, other = (make_episode("shots", noise=0.4, seed=seed).train for seed in (0, 1))
    decay = torch.tensor([[0.01, 0.02], [0.1, 0.2]])
    x, y = torch.stack([one.x, other.x]), torch.stack([one.y, other.y])
    together, _ = solve(x, y, torch.ones(y.shape), decay, 4, 3000, Budget(10**12))
    alone, _ = solve(x[1:], y[1:], torch.ones(1, len(other.y)), decay[1:, 1:], 4, 3000, Budget(10**12))
    torch.testing.assert_close(together.weight[1, 1], alone.weight[0, 0], rtol=1e-3, atol=1e-3)


def test_every_step_is_charged_and_the_limit_holds(make_episode):
    train = make_episode("shots").train
    budget = Budget(10**12)
    _, steps = solved(train, 100.0, 4, limit=7, budget=budget)
    assert steps == 7
    assert budget.spent == 7 * (2 * (2 * len(train.y) * train.x.shape[1] * 4))


def test_a_budget_that_ends_on_the_way_ends_the_steps(make_episode):
    budget = Budget(20_000)
    _, steps = solved(make_episode("shots").train, 100.0, 4, budget=budget)
    assert steps > 1
    assert 0 < budget.spent <= 20_000


def test_a_budget_too_small_for_one_step_is_an_error(make_episode):
    with pytest.raises(BudgetError, match="raise flops_allowed"):
        solved(make_episode("shots").train, 100.0, 4, budget=Budget(100))


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
