"""`knn`, `prototypes`, `ridge` and `linear_probe`: scikit-learn's answers, and what they choose on the folds."""

import math

import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch.nn.functional import cosine_similarity, nll_loss

from hsokv.arms import knn, linear_probe, prototypes, ridge
from hsokv.arms.reservoir import hold_out, join
from hsokv.data.episode import Background, Shots
from hsokv.learning.budget import Budget
from hsokv.learning.calibration import fit_temperature
from hsokv.learning.discriminant import lda_head, oas_shrinkage
from hsokv.learning.head import logits
from hsokv.learning.moments import add, init_moments, means_of_seen, within

from .streams import CLASSES, KEY_DIM, PER_TASK, SHAPE, draw_stream

SETTINGS = {"knn": {"k": 1}, "ridge": {"shrinkage": [0.1]}, "linear_probe": {"strengths": [1.0], "steps": 5000}}


def fit(module, episode, **options):
    name = module.__name__.rpartition(".")[2]
    settings = {name: SETTINGS.get(name, {}) | options}
    return module.fit(episode, settings, Budget(10**12), torch.Generator())


def scores(peer, train, x):
    return torch.from_numpy(peer.fit(train.x.double().numpy(), train.y.numpy()).decision_function(x.double().numpy()))


def agree(fitted, x, expected, atol=1e-4):
    """Whether what is predicted is the softmax of the expected scores over the temperature."""
    expected = (expected / fitted.instruments["temperature"]).softmax(-1)
    torch.testing.assert_close(fitted.predict(x).log_probs.exp().double(), expected.double(), rtol=0, atol=atol)


@pytest.mark.parametrize("k", [1, 7])
def test_knn_equals_scikit_learn_but_for_one_more_neighbour_of_unknown_label(make_episode, k):
    episode = make_episode("shots", noise=0.5)
    peer = KNeighborsClassifier(k, metric="cosine").fit(episode.train.x.numpy(), episode.train.y.numpy())
    found = fit(knn, episode, k=k).predict(episode.test.x).log_probs
    assert found.argmax(-1).tolist() == peer.predict(episode.test.x.numpy()).tolist()
    smoothed = (k * torch.tensor(peer.predict_proba(episode.test.x.numpy())) + 1 / episode.classes) / (k + 1)
    torch.testing.assert_close(found.exp().double(), smoothed)


def test_more_neighbours_than_shots_are_all_and_ties_go_to_the_older_shot(make_episode):
    episode = make_episode("words")
    many, all_shots = (fit(knn, episode, k=k).predict(episode.test.x).log_probs for k in (100, len(episode.train.y)))
    assert torch.equal(many, all_shots)
    twins = Shots(episode.train.x[:1].expand(32, -1), torch.arange(32) % episode.classes)
    assert (fit(knn, episode._replace(train=twins)).predict(episode.test.x).log_probs.argmax(-1) == 0).all()


def test_prototypes_are_cosines_with_the_class_means(make_episode):
    episode = make_episode("shots", noise=0.4)
    means = torch.stack([episode.train.x[episode.train.y == c].mean(0) for c in range(episode.classes)])
    agree(fit(prototypes, episode), episode.test.x, cosine_similarity(episode.test.x[:, None], means, dim=-1))


@pytest.mark.parametrize("shrinkage", [0.05, 1.0])
def test_ridge_equals_scikit_learn_up_to_the_degrees_of_freedom(make_episode, shrinkage):
    """The peer divides the scatter by n, not by n - classes, and adds the log prior, here equal for all classes."""
    episode = make_episode("shots", noise=0.4)
    n = len(episode.train.y)
    peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
    expected = scores(peer, episode.train, episode.test.x) * (n - episode.classes) / n
    agree(fit(ridge, episode, shrinkage=[shrinkage]), episode.test.x, expected)


def test_with_one_shot_ridge_is_the_nearest_mean_whitened_by_the_background_if_there_is_one():
    weight, bias = ridge.discriminant(Shots(torch.eye(3), torch.arange(3)), 3, 0.1, None)
    torch.testing.assert_close(weight, torch.eye(3))
    torch.testing.assert_close(bias, torch.full((3,), -0.5))
    background = Background(torch.diag(torch.tensor([4.0, 1.0])), 10, torch.eye(2))
    weight, bias = ridge.discriminant(Shots(2 * torch.eye(2), torch.arange(2)), 2, 0.5, background)
    spread = torch.tensor([0.5 * 4 + 0.5 * 2.5, 0.5 * 1 + 0.5 * 2.5])
    torch.testing.assert_close(weight, torch.diag(2 / spread))
    torch.testing.assert_close(bias, -2 / spread)


def test_background_and_shots_are_weighted_by_their_degrees_of_freedom(make_episode):
    train = make_episode("shots", noise=0.4).train
    scatter, degrees = within(add(init_moments(4, train.x.shape[1]), *train))
    like = [Background(factor * scatter / degrees, degrees, torch.eye(len(scatter))) for factor in (1, 3)]
    alone, same, doubled = (ridge.discriminant(train, 4, 0.2, background).weight for background in (None, *like))
    torch.testing.assert_close(same, alone, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(doubled, alone / 2, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("strength", [0.1, 100.0])
def test_a_linear_probe_equals_scikit_learn_and_stops_by_itself(make_episode, strength):
    """On fewer shots than dev was learnt from, which are padded beside those."""
    episode = make_episode("shots", noise=0.4)
    episode = episode._replace(train=Shots(*(part[:20] for part in episode.train)))
    fitted = fit(linear_probe, episode, strengths=[strength])
    peer = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000)
    agree(fitted, episode.test.x, scores(peer, episode.train, episode.test.x), atol=1e-3)
    assert fitted.instruments["steps"] < 5000


def test_every_step_is_charged_and_the_limit_and_the_budget_hold(make_episode):
    x, y = (part[None] for part in make_episode("shots").train)
    cost = 2 * (2 * x.numel() * 4)
    for limit, allowed, steps in ((7, 10**12, 7), (5000, 4 * cost - 1, 3)):
        budget = Budget(allowed)
        assert linear_probe.solve(x, y, torch.ones(y.shape), torch.tensor([[0.01]]), 4, limit, budget)[1] == steps
        assert budget.spent == steps * cost


@pytest.mark.parametrize(
    ("module", "option", "chosen", "values"),
    [
        (prototypes, None, None, [None]),
        (ridge, "shrinkage", "shrinkage", [0.01, 0.1, 0.9]),
        (linear_probe, "strengths", "strength", [0.001, 1.0]),
    ],
)
def test_strength_and_temperature_are_the_best_on_the_folds(make_episode, module, option, chosen, values):
    """A fold's own answers are those of an arm that has learnt from the fold's shots."""
    episode, losses = make_episode("shots", noise=0.7), {}
    labels = torch.cat([fold.score.y for fold in episode.folds])
    for value in values:
        options = {option: [value]} if option else {}
        on_folds = [(fit(module, episode._replace(train=fold.fit), **options), fold.score.x) for fold in episode.folds]
        log_probs = torch.cat([fitted.predict(x).log_probs for fitted, x in on_folds])
        temperature = on_folds[0][0].instruments["temperature"]
        assert float(fit_temperature(temperature * log_probs, labels)) == temperature
        losses[value] = float(nll_loss(log_probs, labels))
    if option:
        found = fit(module, episode, **{option: values}).instruments[chosen]
        assert found == pytest.approx(min(losses, key=losses.get))


def learn_ridge(stream, shrinkage):
    settings, generator = {"ridge": {"shrinkage": shrinkage}}, torch.Generator().manual_seed(0)
    return list(ridge.learn(iter(stream.tasks), SHAPE, settings, Budget(10**9), generator))


def test_ridge_on_a_stream_gives_what_all_data_at_once_give():
    """Held-out examples too: the sums are over everything."""
    stream = draw_stream()
    fitted = learn_ridge(stream, [0.2])[-1]
    moments = add(init_moments(CLASSES, KEY_DIM), *join(*stream.tasks))
    scatter, degrees = within(moments)
    chosen = fitted.instruments["shrinkage"]
    assert chosen == 0.2 or abs(chosen - oas_shrinkage(scatter / degrees, degrees)) < 0.05
    head = lda_head(means_of_seen(moments)[0], scatter / degrees, chosen)
    agree(fitted, stream.test.x, logits(head, stream.test.x.double()))


def test_the_shrinkage_on_a_stream_is_the_one_that_tells_held_out_examples_best_and_they_are_no_part_of_it():
    stream, tried, losses = draw_stream(noise=1.5), [0.01, 0.3, 0.9], {}
    fitted = learn_ridge(stream, tried)[0]
    rest, held = hold_out(stream.tasks[0], SHAPE, torch.Generator().manual_seed(0))
    moments = add(init_moments(PER_TASK, KEY_DIM), *rest)
    scatter, degrees = within(moments)
    for shrinkage in (*tried, oas_shrinkage(scatter / degrees, degrees)):
        z = logits(lda_head(means_of_seen(moments)[0], scatter / degrees, shrinkage), held.x.double())
        losses[shrinkage] = float(nll_loss((z / fit_temperature(z, held.y)).log_softmax(-1), held.y))
    assert math.isclose(losses[fitted.instruments["shrinkage"]], min(losses.values()), abs_tol=1e-5)
