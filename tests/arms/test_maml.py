import pytest
import torch

from hsokv.arms.maml import Learnt, Task, adapt, fit, meta_train, outer_gradient, split, subset, through
from hsokv.data.episode import Shots, shots_episode
from hsokv.exceptions import BudgetError
from hsokv.learning.budget import Budget
from hsokv.learning.head import logits, loss

OPTIONS = {"inner_steps": 3, "outer_steps": 8, "inner_rate": 1.0, "outer_rate": 0.003, "classes": 4}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def learnt_somewhere(key_dim=12):
    """A map that is neither the identity nor symmetric."""
    return Learnt(torch.eye(key_dim) + 0.2 * torch.randn(key_dim, key_dim, generator=generator(1)), torch.tensor(0.3))


def task_of(episode):
    fold = episode.folds[0]
    return Task(fold.fit, fold.score, episode.classes)


def score_loss(learnt, task, steps=3):
    head = through(learnt, adapt(learnt, task.fit, task.classes, steps))
    return float(loss(head, *task.score, torch.ones(len(task.score.y))))


def test_the_inner_loop_is_gradient_descent(make_episode):
    shots, learnt = make_episode("shots", noise=0.4).train, learnt_somewhere()
    weight, bias = torch.zeros(12, 4, requires_grad=True), torch.zeros(4, requires_grad=True)
    for _ in range(3):
        value = torch.nn.functional.cross_entropy(shots.x @ learnt.map @ weight + bias, shots.y)
        slopes = torch.autograd.grad(value, (weight, bias))
        rate = 4 * learnt.log_rate.exp()
        weight, bias = (
            (part - rate * slope).detach().requires_grad_() for part, slope in zip((weight, bias), slopes, strict=True)
        )
    found = adapt(learnt, shots, 4, 3)
    torch.testing.assert_close(found.weight, weight.detach())
    torch.testing.assert_close(found.bias, bias.detach())


@pytest.mark.parametrize("kind", ["shots", "words"])
def test_the_outer_gradient_is_that_of_autograd_with_the_slopes_of_the_inner_loop_held_fixed(make_episode, kind):
    task, learnt = task_of(make_episode(kind, noise=0.4)), learnt_somewhere()
    adapted = adapt(learnt, task.fit, 4, 3)
    moved = [part / learnt.log_rate.exp() for part in adapted]  # the sum of the slopes
    mapping, log_rate = (part.clone().requires_grad_() for part in learnt)
    weight, bias = (log_rate.exp() * part for part in moved)
    value = torch.nn.functional.cross_entropy(task.score.x @ mapping @ weight + bias, task.score.y)
    of_map, of_rate = torch.autograd.grad(value, (mapping, log_rate))
    found = outer_gradient(learnt, task, 3)
    torch.testing.assert_close(found.map, of_map)
    torch.testing.assert_close(found.log_rate, of_rate)


def test_the_head_through_the_map_is_the_head_on_mapped_features(make_episode):
    shots, learnt = make_episode("shots").train, learnt_somewhere()
    head = adapt(learnt, shots, 4, 3)
    torch.testing.assert_close(logits(through(learnt, head), shots.x), logits(head, shots.x @ learnt.map))


def test_a_subset_holds_every_row_of_its_classes_and_no_other_under_labels_of_its_own(make_episode):
    fold, draws = make_episode("words", noise=0.4).folds[0], set()
    for seed in range(20):
        task = subset(fold, 4, 3, generator(seed))
        assert task.classes == 3
        names = {}
        for part, whole in zip(task[:2], fold, strict=True):
            rows = [int((whole.x == x).all(-1).nonzero()) for x in part.x]
            assert len(rows) == len(set(rows)) == (3 * len(whole.y)) // 4
            for row, label in zip(rows, part.y.tolist(), strict=True):
                assert names.setdefault(label, int(whole.y[row])) == int(whole.y[row])
        assert sorted(names) == [0, 1, 2]
        assert len(set(names.values())) == 3
        draws.add(tuple(names[label] for label in range(3)))
    assert len(draws) > 5


def test_more_classes_than_there_are_is_all_of_them(make_episode):
    assert subset(make_episode("words").folds[0], 4, 100, generator()).classes == 4


def test_a_split_asks_for_half_of_every_class_and_learns_from_the_rest():
    y = torch.tensor([0, 1, 2] + [0] * 4 + [1] * 5 + [2])
    shots = Shots(torch.eye(len(y)), y)
    asked = set()
    for seed in range(20):
        task = split(shots, 3, 3, generator(seed))
        assert torch.bincount(task.score.y, minlength=3).tolist() == [2, 2, 0]
        learnt, asked_now = (set(part.x.argmax(-1).tolist()) for part in task[:2])
        assert learnt | asked_now == set(range(len(y)))
        assert not learnt & asked_now
        assert asked_now.isdisjoint({0, 1, 2}), "descriptions are not asked for"
        assert all(torch.equal(y[part.x.argmax(-1)], part.y) for part in task[:2])
        asked.add(frozenset(asked_now))
    assert len(asked) > 5


@pytest.mark.parametrize("kind", ["shots", "words"])
def test_the_outer_loop_lowers_the_loss_of_the_task_that_it_sees(make_episode, kind):
    task = task_of(make_episode(kind, noise=0.6))
    learnt, steps = meta_train(lambda: task, 12, OPTIONS, Budget(10**9), 10**9)
    assert steps == OPTIONS["outer_steps"]
    start = Learnt(torch.eye(12), torch.tensor(OPTIONS["inner_rate"]).log())
    assert score_loss(learnt, task) < score_loss(start, task)


def test_with_one_shot_a_class_nothing_is_meta_learnt_and_the_record_says_so(make_episode):
    whole = make_episode("shots", noise=0.4)
    first = Shots(torch.stack([whole.train.x[whole.train.y == c][0] for c in range(4)]), torch.arange(4))
    episode = shots_episode(first, whole.dev.score, whole.test, 4, folds=4)
    fitted = fit(episode, {"maml": OPTIONS}, Budget(10**9), generator())
    assert fitted.instruments["meta_steps"] == 0
    assert fitted.instruments["inner_rate"] == OPTIONS["inner_rate"]
    plain = adapt(Learnt(torch.eye(12), torch.tensor(0.0)), episode.train, 4, OPTIONS["inner_steps"])
    expected = (logits(plain, episode.test.x) / fitted.instruments["temperature"]).log_softmax(-1)
    torch.testing.assert_close(fitted.predict(episode.test.x).log_probs, expected)


@pytest.mark.parametrize("kind", ["shots", "words"])
def test_outer_steps_end_where_the_budget_does(make_episode, kind):
    episode, options = make_episode(kind), OPTIONS | {"outer_steps": 10_000}
    few, many = (fit(episode, {"maml": options}, Budget(allowed), generator()) for allowed in (10**6, 3 * 10**6))
    assert 0 < few.instruments["meta_steps"] < many.instruments["meta_steps"] < 10_000


def test_every_outer_step_is_charged_what_it_costs():
    """Tasks of two sizes in turn: the map of s shots, three steps on them, M W, the slope of q queries and G W'."""
    budget, d, c, fits, queries = Budget(10**9), 12, 2, (4, 6), (2, 8)

    def task(which):
        x, y = (torch.randn(n, d, generator=generator(n)) for n in (fits[which], queries[which])), torch.arange(8) % c
        return Task(*(Shots(part, y[: len(part)]) for part in x), c)

    turn = iter([0, 1] * 4)
    meta_train(lambda: task(next(turn)), d, OPTIONS, budget, 10**9)
    cost = [
        2 * s * d * d + 3 * 4 * s * d * c + 4 * q * d * c + 2 * 2 * d * d * c
        for s, q in zip(fits, queries, strict=True)
    ]
    assert budget.spent == 4 * sum(cost)


def test_a_budget_too_small_for_one_step_is_an_error(make_episode):
    task = task_of(make_episode("words"))
    with pytest.raises(BudgetError, match="raise flops_allowed"):
        meta_train(lambda: task, 12, OPTIONS, Budget(100), 75)
