"""One list of laws for every arm, on small generated episodes of all kinds."""

from contextlib import suppress
from importlib import import_module
from typing import NamedTuple

import pytest
import torch
from torch.utils._pytree import tree_map_only

from hsokv.arms.interface import Fitted
from hsokv.arms.members import DESCRIPTION, EXAMPLE
from hsokv.arms.registry import METHODS
from hsokv.data.episode import Episode, Fold, Shots
from hsokv.exceptions import BudgetError
from hsokv.learning.budget import Budget

from .laws import check_distributions, check_memory, in_pieces, same, told

ALLOWED = 2 * 10**7

ARMS = [arm for arm, method in METHODS.items() if "episode" in method.protocols]

pytestmark = [pytest.mark.parametrize("kind", ["shots", "words", "described"]), pytest.mark.parametrize("arm", ARMS)]


class Done(NamedTuple):
    episode: Episode
    settings: dict
    budget: Budget
    fitted: Fitted


@pytest.fixture
def fit(settings, arm):
    def fit(episode, budget=None, groups=settings, seed=0):
        groups = {name: groups[name] for name in METHODS[arm].settings}
        module = import_module(f"hsokv.arms.{METHODS[arm].module}")
        return module.fit(episode, groups, budget or Budget(ALLOWED), torch.Generator().manual_seed(seed))

    return fit


@pytest.fixture(scope="module")
def kept():
    return {}


@pytest.fixture
def done(kept, fit, make_episode, settings, arm, kind) -> Done:
    """The arm fitted to an episode, once for all laws that only look at it."""
    if (arm, kind) not in kept:
        episode, budget = make_episode(kind), Budget(ALLOWED)
        kept[arm, kind] = Done(episode, settings, budget, fit(episode, budget, settings))
    return kept[arm, kind]


def plain(nest):
    """The nest with lists in place of its tensors, to be compared."""
    return tree_map_only(torch.Tensor, torch.Tensor.tolist, nest)


def test_rows_are_distributions(done):
    log_probs = done.fitted.predict(done.episode.test.x).log_probs
    assert log_probs.shape == (len(done.episode.test.y), done.episode.classes)
    check_distributions(log_probs, done.episode.classes)


def test_a_memory_is_told_of_in_full(done, arm):
    """It holds every shot, once, and the descriptions before them."""
    prediction, memory = done.fitted.predict(done.episode.test.x), done.fitted.instruments.get("memory")
    assert (memory is not None) == ("memory" in METHODS[arm].settings)
    check_memory(prediction, memory)
    if memory:
        y, described = done.episode.train.y, done.episode.described
        check_distributions(prediction.without_memory, done.episode.classes)
        assert memory["labels"] == y.tolist()
        assert memory["numbers"] == list(range(len(y)))
        assert set(memory["counts"]) == {1.0}
        assert memory["origins"] == [DESCRIPTION] * described + [EXAMPLE] * (len(y) - described)


def test_same_inputs_and_seed_give_the_same_bits_and_a_record_of_json(fit, done, make_episode, kind):
    one, other, queries = done.fitted, fit(make_episode(kind)), done.episode.test.x
    assert same(one.predict(queries), other.predict(queries))
    assert told(one) == told(other)


def test_fitting_and_predicting_change_nothing(done, make_episode, settings, kind):
    fitted, queries = done.fitted, done.episode.test.x
    held = fitted.predict.state_dict()
    before = plain([held, fitted.instruments])
    first = fitted.predict(queries)
    fitted.predict(queries.flip(0)[:3])
    assert held, "a fitted method has to hold something"
    assert plain([held, fitted.instruments]) == before
    assert same(first, fitted.predict(queries))
    assert plain(done.episode) == plain(make_episode(kind))
    assert done.settings == settings


def test_the_test_set_is_not_looked_at(fit, done):
    test = done.episode.test
    hidden = Shots(torch.full_like(test.x, torch.nan), torch.zeros_like(test.y))
    other = fit(done.episode._replace(test=hidden))
    assert same(done.fitted.predict(test.x), other.predict(test.x))


def test_dev_shots_move_nothing_but_the_gate(fit, make_episode, kind):
    """Answers that the nearest entry always knows open a gate that wrong ones shut."""
    episode = make_episode(kind, noise=1.0)
    x, y = episode.dev.score.x, episode.dev.fit.y
    known = y[(x @ episode.dev.fit.x.mT).argmax(1)]
    answered = [episode._replace(dev=Fold(episode.dev.fit, Shots(x, answers))) for answers in (known, known.roll(1))]
    one, other = (fit(each).predict(episode.test.x) for each in answered)
    if one.gate is None:
        assert same(one, other)
    else:
        assert torch.equal(one.without_memory, other.without_memory)
        assert not torch.equal(one.gate, other.gate)


def test_queries_in_pieces_and_any_order_equal_the_whole(done):
    queries, predict = done.episode.test.x, done.fitted.predict
    torch.testing.assert_close(in_pieces(predict, queries), predict(queries).log_probs, rtol=1e-4, atol=1e-4)


def test_what_is_learnt_is_paid_within_the_allowance(fit, done, arm):
    spent = done.budget.spent
    assert spent <= done.budget.allowed
    assert (spent > 0) == (arm != "knn"), "only keeping the shots is free"
    half = Budget(max(1, spent // 2))
    with suppress(BudgetError):
        fit(done.episode, half)
    assert half.spent <= half.allowed


def test_a_budget_of_one_operation_is_too_small(fit, done, arm):
    budget = Budget(1)
    if arm == "knn":
        fit(done.episode, budget)
        assert budget.spent == 0
        return
    with pytest.raises(BudgetError, match=r"FLOPs, 1 .*left"):
        fit(done.episode, budget)
    assert budget.spent <= 1


def test_renaming_the_classes_renames_the_predictions(fit, done):
    episode, rename = done.episode, torch.tensor([2, 0, 3, 1])

    def renamed(part):
        return Shots(part.x, rename[part.y])

    folds = tuple(Fold(renamed(fold.fit), renamed(fold.score)) for fold in episode.folds)
    train = renamed(episode.train)
    dev_fit = train if episode.dev.fit is episode.train else renamed(episode.dev.fit)
    other = fit(episode._replace(folds=folds, train=train, dev=Fold(dev_fit, renamed(episode.dev.score))))
    before, after = (each.predict(episode.test.x).log_probs for each in (done.fitted, other))
    torch.testing.assert_close(after[:, rename], before, rtol=1e-3, atol=1e-3)


def test_a_separable_problem_is_solved(fit, make_episode, kind):
    episode = make_episode(kind, noise=0.03)
    assert torch.equal(fit(episode).predict(episode.test.x).log_probs.argmax(-1), episode.test.y)
