import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from hsokv.arms.ridge import discriminant, fit
from hsokv.data.episode import Background, Shots
from hsokv.learning.budget import Budget


@pytest.mark.parametrize("shrinkage", [0.05, 0.5, 1.0])
def test_it_equals_scikit_learn_up_to_the_degrees_of_freedom(make_episode, shrinkage):
    """The peer divides the scatter by n, not by n - classes, and adds the log prior, here equal for all classes."""
    episode = make_episode("shots", noise=0.4)
    train, classes = episode.train, episode.classes
    peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(train.x.double().numpy(), train.y.numpy())
    expected = torch.from_numpy(peer.decision_function(episode.test.x.double().numpy()))
    ratio = len(train.y) / (len(train.y) - classes)
    weight, bias = discriminant(train, classes, shrinkage, None)
    found = (episode.test.x @ weight + bias).numpy() * ratio + np.log(1 / classes)
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-4)
    fitted = fit(episode, {"ridge": {"shrinkage": [shrinkage]}}, Budget(10**9), torch.Generator())
    probs = (expected / ratio / fitted.instruments["temperature"]).softmax(-1)
    np.testing.assert_allclose(fitted.predict(episode.test.x).log_probs.exp().numpy(), probs.numpy(), rtol=0, atol=1e-4)


def test_one_shot_and_no_background_is_the_nearest_mean():
    shots = Shots(torch.eye(3), torch.arange(3))
    weight, bias = discriminant(shots, 3, 0.1, None)
    torch.testing.assert_close(weight, torch.eye(3))
    torch.testing.assert_close(bias, torch.full((3,), -0.5))


def test_one_shot_with_a_background_is_whitened_by_it():
    within = torch.tensor([[4.0, 0.0], [0.0, 1.0]])
    shots = Shots(torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.arange(2))
    weight, bias = discriminant(shots, 2, 0.5, Background(within, 10, torch.eye(2)))
    spread = torch.tensor([0.5 * 4 + 0.5 * 2.5, 0.5 * 1 + 0.5 * 2.5])
    torch.testing.assert_close(weight, torch.diag(2 / spread))
    torch.testing.assert_close(bias, -2 / spread)


def test_background_and_shots_are_weighted_by_their_degrees_of_freedom(make_episode):
    train, classes = make_episode("shots", noise=0.4).train, 4
    means = torch.stack([train.x[train.y == c].mean(0) for c in range(classes)])
    residual = train.x - means[train.y]
    degrees = len(train.y) - classes
    background = Background(residual.mT @ residual / degrees, 7, torch.eye(train.x.shape[1]))
    alone, together = discriminant(train, classes, 0.2, None), discriminant(train, classes, 0.2, background)
    torch.testing.assert_close(together[0], alone[0], rtol=1e-3, atol=1e-3)


def test_the_shrinkage_is_the_best_on_the_folds(make_episode):
    episode = make_episode("shots", noise=0.6)
    shares = [0.01, 0.1, 0.9]
    found = fit(episode, {"ridge": {"shrinkage": shares}}, Budget(10**9), torch.Generator()).instruments

    def held_out(share):
        single = fit(episode, {"ridge": {"shrinkage": [share]}}, Budget(10**9), torch.Generator()).instruments
        total, count = 0.0, 0
        for learn, score in episode.folds:
            weight, bias = discriminant(learn, episode.classes, share, None)
            z = (score.x @ weight + bias) / single["temperature"]
            total += float(torch.nn.functional.cross_entropy(z, score.y, reduction="sum"))
            count += len(score.y)
        return total / count

    assert found["shrinkage"] == min(shares, key=held_out)
