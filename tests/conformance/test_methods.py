"""One list of laws for every arm, on small generated episodes of both kinds."""

import json
from importlib import import_module

import pytest
import torch

from hsokv.arms.members import DESCRIPTION, EXAMPLE
from hsokv.arms.registry import METHODS
from hsokv.data.episode import Fold, Shots
from hsokv.exceptions import BudgetError
from hsokv.learning.budget import Budget

ALLOWED = 2 * 10**7

ARMS = [arm for arm, method in METHODS.items() if "episode" in method.protocols]

pytestmark = [pytest.mark.parametrize("kind", ["shots", "words", "described"]), pytest.mark.parametrize("arm", ARMS)]


@pytest.fixture
def fit(settings):
    def fit(arm, episode, budget=None, seed=0):
        method = METHODS[arm]
        groups = {name: settings[name] for name in method.settings}
        generator = torch.Generator().manual_seed(seed)
        return import_module(f"hsokv.arms.{method.module}").fit(episode, groups, budget or Budget(ALLOWED), generator)

    return fit


def tensors(thing, seen=None):
    """Every tensor that a fitted method or an episode holds, through containers."""
    seen = set() if seen is None else seen
    if isinstance(thing, torch.Tensor):
        yield thing
    elif id(thing) not in seen:
        seen.add(id(thing))
        parts = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list | tuple) else ()
        for part in parts:
            yield from tensors(part, seen)


def same(a, b):
    return all(x is y is None or torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_rows_are_distributions(fit, make_episode, arm, kind):
    episode = make_episode(kind)
    prediction = fit(arm, episode).predict(episode.test.x)
    assert prediction.log_probs.shape == (len(episode.test.y), episode.classes)
    torch.testing.assert_close(prediction.log_probs.logsumexp(-1), torch.zeros(len(episode.test.y)), rtol=0, atol=1e-5)


def test_a_memory_is_told_of_in_full(fit, make_episode, arm, kind):
    episode = make_episode(kind)
    fitted = fit(arm, episode)
    prediction = fitted.predict(episode.test.x)
    n = len(episode.test.y)
    if "memory" not in METHODS[arm].settings:
        assert prediction[1:] == (None,) * 4
        return
    held = fitted.instruments["memory"]
    assert prediction.top_entries.shape == (prediction.top_entries.shape[0], n)
    assert ((prediction.top_entries >= 0) & (prediction.top_entries < len(held["labels"]))).all()
    assert ((prediction.top_similarity >= 0) & (prediction.top_similarity <= 1)).all()
    assert prediction.gate.shape == (n,)
    assert ((prediction.gate >= 0) & (prediction.gate <= 1)).all()
    torch.testing.assert_close(prediction.without_memory.logsumexp(-1), torch.zeros(n), rtol=0, atol=1e-5)
    assert held["labels"] == episode.train.y.tolist()
    assert held["numbers"] == list(range(len(episode.train.y)))
    assert set(held["counts"]) == {1.0}
    assert held["origins"] == [DESCRIPTION] * episode.described + [EXAMPLE] * (len(episode.train.y) - episode.described)


def test_same_inputs_and_seed_give_the_same_bits(fit, make_episode, arm, kind):
    one, other = (fit(arm, make_episode(kind), seed=3) for _ in range(2))
    queries = make_episode(kind).test.x
    assert same(one.predict(queries), other.predict(queries))
    assert json.dumps([one.curves, one.instruments]) == json.dumps([other.curves, other.instruments])


def test_predicting_changes_nothing(fit, make_episode, arm, kind):
    episode = make_episode(kind)
    fitted = fit(arm, episode)
    held = list(fitted.predict.state_dict().values())
    before, said = [tensor.clone() for tensor in held], json.dumps(fitted.instruments)
    first = fitted.predict(episode.test.x)
    fitted.predict(episode.test.x.flip(0)[:3])
    assert held, "a fitted method has to hold something"
    assert all(torch.equal(a, b) for a, b in zip(held, before, strict=True))
    assert said == json.dumps(fitted.instruments)
    assert same(first, fitted.predict(episode.test.x))


def test_fitting_changes_no_input(fit, make_episode, arm, kind, settings):
    episode = make_episode(kind)
    before, given = [tensor.clone() for tensor in tensors(episode)], json.dumps(settings)
    fit(arm, episode)
    assert all(torch.equal(a, b) for a, b in zip(tensors(episode), before, strict=True))
    assert given == json.dumps(settings)


def test_the_test_set_is_not_looked_at(fit, make_episode, arm, kind):
    episode = make_episode(kind)
    hidden = Shots(torch.full_like(episode.test.x, torch.nan), torch.zeros_like(episode.test.y))
    one, other = fit(arm, episode), fit(arm, episode._replace(test=hidden))
    assert same(one.predict(episode.test.x), other.predict(episode.test.x))


def test_dev_shots_move_nothing_but_the_gate(fit, make_episode, arm, kind):
    """Answers that the nearest entry always knows open a gate that wrong ones shut."""
    episode = make_episode(kind, noise=1.0)
    x, y = episode.dev.score.x, episode.dev.fit.y
    known = y[(x @ episode.dev.fit.x.mT).argmax(1)]
    answered = [episode._replace(dev=Fold(episode.dev.fit, Shots(x, answers))) for answers in (known, known.roll(1))]
    one, other = (fit(arm, each).predict(episode.test.x) for each in answered)
    if one.gate is None:
        assert same(one, other)
    else:
        assert torch.equal(one.without_memory, other.without_memory)
        assert not torch.equal(one.gate, other.gate)


def test_queries_in_pieces_and_any_order_equal_the_whole(fit, make_episode, arm, kind):
    episode = make_episode(kind)
    fitted = fit(arm, episode)
    order = torch.randperm(len(episode.test.y), generator=torch.Generator().manual_seed(0))
    pieces = torch.cat([fitted.predict(part).log_probs for part in episode.test.x[order].split(7)])
    torch.testing.assert_close(pieces, fitted.predict(episode.test.x).log_probs[order], rtol=1e-4, atol=1e-4)


def test_what_is_learnt_is_paid_within_the_allowance(fit, make_episode, arm, kind):
    budget = Budget(ALLOWED)
    fit(arm, make_episode(kind), budget)
    assert budget.spent <= budget.allowed
    assert (budget.spent > 0) == (arm != "knn"), "only keeping the shots is free"


def test_a_budget_of_one_operation_is_too_small(fit, make_episode, arm, kind):
    budget = Budget(1)
    if arm == "knn":
        fit(arm, make_episode(kind), budget)
        assert budget.spent == 0
        return
    with pytest.raises(BudgetError, match=r"FLOPs, 1 .*left"):
        fit(arm, make_episode(kind), budget)
    assert budget.spent <= 1


def test_renaming_the_classes_renames_the_predictions(fit, make_episode, arm, kind):
    episode = make_episode(kind)
    rename = torch.tensor([2, 0, 3, 1])

    def renamed(part):
        return Shots(part.x, rename[part.y])

    folds = tuple(Fold(renamed(fold.fit), renamed(fold.score)) for fold in episode.folds)
    train = renamed(episode.train)
    dev_fit = train if episode.dev.fit is episode.train else renamed(episode.dev.fit)
    other = episode._replace(folds=folds, train=train, dev=Fold(dev_fit, renamed(episode.dev.score)))
    before, after = (fit(arm, each).predict(episode.test.x).log_probs for each in (episode, other))
    torch.testing.assert_close(after[:, rename], before, rtol=1e-3, atol=1e-3)


def test_a_separable_problem_is_solved(fit, make_episode, arm, kind):
    episode = make_episode(kind, noise=0.03)
    predicted = fit(arm, episode).predict(episode.test.x).log_probs.argmax(-1)
    assert torch.equal(predicted, episode.test.y)


def test_what_goes_into_the_record_is_json(fit, make_episode, arm, kind):
    fitted = fit(arm, make_episode(kind))
    kept = json.loads(json.dumps([fitted.curves, fitted.instruments], allow_nan=False))
    assert kept == [fitted.curves, fitted.instruments]
    assert all(isinstance(value, int | float) for curve in fitted.curves.values() for value in curve)
