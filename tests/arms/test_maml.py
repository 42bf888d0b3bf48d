import pytest
import torch
from torch.nn.functional import cross_entropy

from hsokv.arms.maml import Learnt, Task, adapt, fit, meta_train, outer_gradient, split, subset, through
from hsokv.data.episode import Shots, shots_episode
from hsokv.learning.budget import Budget
from hsokv.learning.head import logits

OPTIONS = {"inner_steps": 3, "outer_steps": 8, "inner_rate": 1.0, "outer_rate": 0.003, "classes": 4}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


LEARNT = Learnt(torch.eye(12) + 0.2 * torch.randn(12, 12, generator=generator(1)), torch.tensor(0.3))
"""A map that is neither the identity nor symmetric."""


@pytest.fixture(params=["shots", "words"])
def task(request, make_episode):
    fold = make_episode(request.param, noise=0.5).folds[0]
    return Task(fold.fit, fold.score, 4)


def test_the_inner_loop_is_gradient_descent(make_episode):
    shots = make_episode("shots", noise=0.4).train
    parts = [torch.zeros(12, 4, requires_grad=True), torch.zeros(4, requires_grad=True)]
    rate = 4 * LEARNT.log_rate.exp()
    for _ in range(3):
        slopes = torch.autograd.grad(cross_entropy(shots.x @ LEARNT.map @ parts[0] + parts[1], shots.y), parts)
        parts = [(part - rate * slope).detach().requires_grad_() for part, slope in zip(parts, slopes, strict=True)]
    for found, wanted in zip(adapt(LEARNT, shots, 4, 3), parts, strict=True):
        torch.testing.assert_close(found, wanted.detach())


def test_the_outer_gradient_is_that_of_autograd_with_the_slopes_of_the_inner_loop_held_fixed(task):
    slopes = [part / LEARNT.log_rate.exp() for part in adapt(LEARNT, task.fit, 4, 3)]  # their sum
    mapping, log_rate = (part.clone().requires_grad_() for part in LEARNT)
    weight, bias = (log_rate.exp() * part for part in slopes)
    value = cross_entropy(task.score.x @ mapping @ weight + bias, task.score.y)
    wanted = torch.autograd.grad(value, (mapping, log_rate))
    for found, of in zip(outer_gradient(LEARNT, task, 3), wanted, strict=True):
        torch.testing.assert_close(found, of)


def test_a_subset_holds_every_row_of_its_classes_and_no_other_under_labels_of_its_own(make_episode):
    fold, draws = make_episode("words", noise=0.4).folds[0], set()
    for seed in range(20):
        task = subset(fold, 4, 3, generator(seed))
        names = {}
        for part, whole in zip(task[:2], fold, strict=True):
            rows = [int((whole.x == x).all(-1).nonzero()) for x in part.x]
            assert len(rows) == len(set(rows)) == (3 * len(whole.y)) // 4
            for row, label in zip(rows, part.y.tolist(), strict=True):
                assert names.setdefault(label, int(whole.y[row])) == int(whole.y[row])
        assert task.classes == len(set(names.values())) == 3
        draws.add(tuple(names[label] for label in range(3)))
    assert len(draws) > 5
    assert subset(fold, 4, 100, generator()).classes == 4, "more than there are is all of them"


def test_a_split_asks_for_half_of_every_class_and_learns_from_the_rest():
    y = torch.tensor([0, 1, 2] + [0] * 4 + [1] * 5 + [2])
    shots, draws = Shots(torch.eye(len(y)), y), set()
    for seed in range(20):
        task = split(shots, 3, 3, generator(seed))
        assert torch.bincount(task.score.y, minlength=3).tolist() == [2, 2, 0]
        learnt, asked = (part.x.argmax(-1).tolist() for part in task[:2])
        assert sorted(learnt + asked) == list(range(len(y)))
        assert min(asked) > 2, "descriptions are not asked for"
        assert all(torch.equal(y[part.x.argmax(-1)], part.y) for part in task[:2])
        draws.add(frozenset(asked))
    assert len(draws) > 5


def test_the_outer_loop_lowers_the_loss_of_the_task_that_it_sees(task):
    def score_loss(learnt):
        head = through(learnt, adapt(learnt, task.fit, task.classes, 3))
        return float(cross_entropy(logits(head, task.score.x), task.score.y))

    learnt, steps = meta_train(lambda: task, 12, OPTIONS, Budget(10**9), 10**9)
    assert steps == OPTIONS["outer_steps"]
    assert score_loss(learnt) < score_loss(Learnt(torch.eye(12), torch.tensor(OPTIONS["inner_rate"]).log()))


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
    few, many = (fit(episode, {"maml": options}, Budget(n * 10**5), generator()) for n in (6, 12))
    assert 0 < few.instruments["meta_steps"] < many.instruments["meta_steps"] < 10_000


def test_every_outer_step_is_charged_what_it_costs():
    """Tasks of two sizes in turn: the map of s shots, three steps on them, M W, the slope of q queries and G W'."""
    budget, d, c, sizes = Budget(10**9), 12, 2, ((4, 2), (6, 8))
    drawn = [
        Task(*(Shots(torch.randn(n, d, generator=generator(n)), torch.arange(n) % c) for n in s), c) for s in sizes
    ]
    turn = iter(drawn * 4)
    meta_train(lambda: next(turn), d, OPTIONS, budget, 10**9)
    cost = [2 * s * d * d + 3 * 4 * s * d * c + 4 * q * d * c + 2 * 2 * d * d * c for s, q in sizes]
    assert budget.spent == 4 * sum(cost)
