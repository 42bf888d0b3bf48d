"""One list of laws for every arm on streams, on small generated ones."""

import itertools
import json
from importlib import import_module

import pytest
import torch

from hsokv.arms.registry import METHODS
from hsokv.data.episode import Shots
from hsokv.data.stream import of_task
from hsokv.exceptions import BudgetError, ConfigurationError, DataError
from hsokv.learning.budget import Budget

from ..arms.streams import CLASSES, KEY_DIM, PER_TASK, SHAPE, draw_stream

ALLOWED = 10**9
TASKS = CLASSES // PER_TASK
# fine_tune has tests of its own.
ARMS = [arm for arm, method in METHODS.items() if "stream" in method.protocols and not method.images]
FREE = {"knn"}  # keeping examples costs nothing

pytestmark = pytest.mark.parametrize("arm", ARMS)


@pytest.fixture
def learn(settings):
    """Every answer of an arm to a stream; `tasks` may be any iterable of tasks."""

    def learn(arm, tasks, budget=None, seed=0, shape=SHAPE):
        method = METHODS[arm]
        groups = {name: settings[name] for name in method.settings}
        generator = torch.Generator().manual_seed(seed)
        module = import_module(f"hsokv.arms.{method.module}")
        return module.learn(iter(tasks), shape, groups, budget or Budget(ALLOWED), generator)

    return learn


def same(a, b):
    return all(x is y is None or torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_rows_are_distributions_over_the_classes_seen(learn, arm):
    stream = draw_stream()
    for task, fitted in enumerate(learn(arm, stream.tasks)):
        seen = (task + 1) * PER_TASK
        prediction = fitted.predict(stream.test.x)
        for log_probs in (prediction.log_probs, prediction.without_memory):
            if log_probs is not None:
                assert log_probs.shape == (len(stream.test.y), CLASSES)
                assert torch.isneginf(log_probs[:, seen:]).all()
                assert torch.isfinite(log_probs[:, :seen]).all()
                total = log_probs.logsumexp(-1)
                torch.testing.assert_close(total, torch.zeros_like(total), rtol=0, atol=1e-5)
    assert task == TASKS - 1


def test_a_task_is_drawn_when_it_is_needed_and_none_before(learn, arm):
    stream, drawn = draw_stream(), []

    def tasks():
        for task, shots in enumerate(stream.tasks):
            drawn.append(task)
            yield shots

    for task, _ in enumerate(learn(arm, tasks())):
        assert drawn == list(range(task + 1))


def test_what_comes_later_changes_no_answer(learn, arm):
    stream, other = draw_stream(), draw_stream(seed=1)
    one = [fitted.predict(stream.test.x) for fitted in learn(arm, stream.tasks[:2])]
    longer = [fitted.predict(stream.test.x) for fitted in learn(arm, (*stream.tasks[:2], other.tasks[2]))]
    assert all(same(a, b) for a, b in zip(one, longer[:2], strict=True))


def test_an_answer_stays_when_the_method_goes_on(learn, arm):
    stream = draw_stream()
    answers = [(fitted, fitted.predict(stream.test.x)) for fitted in learn(arm, stream.tasks)]
    assert all(same(fitted.predict(stream.test.x), answer) for fitted, answer in answers)


def test_learning_and_predicting_change_no_input(learn, arm, settings):
    stream, given = draw_stream(), json.dumps(settings)
    for fitted in learn(arm, stream.tasks):
        fitted.predict(stream.test.x)
    fresh = draw_stream()
    assert all(same(a, b) for a, b in zip((*stream.tasks, stream.test), (*fresh.tasks, fresh.test), strict=True))
    assert given == json.dumps(settings)


def test_same_inputs_and_seed_give_the_same_bits(learn, arm):
    stream = draw_stream()
    one, other = (list(learn(arm, stream.tasks, seed=3)) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        assert same(a.predict(stream.test.x), b.predict(stream.test.x))
        assert json.dumps([a.curves, a.instruments]) == json.dumps([b.curves, b.instruments])


def test_queries_in_pieces_and_any_order_equal_the_whole(learn, arm):
    stream = draw_stream()
    *_, fitted = learn(arm, stream.tasks)
    order = torch.randperm(len(stream.test.y), generator=torch.Generator().manual_seed(0))
    pieces = torch.cat([fitted.predict(part).log_probs for part in stream.test.x[order].split(7)])
    torch.testing.assert_close(pieces, fitted.predict(stream.test.x).log_probs[order], rtol=1e-4, atol=1e-4)


def test_what_is_learnt_is_paid_within_the_allowance(learn, arm):
    budget, spent = Budget(ALLOWED), [0]
    for _ in learn(arm, draw_stream().tasks, budget):
        spent.append(budget.spent)
    assert spent[-1] <= budget.allowed
    assert all((after > before) == (arm not in FREE) for before, after in itertools.pairwise(spent))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_an_allowance_that_is_too_small_is_kept_and_told(learn, arm, share):
    whole = Budget(ALLOWED)
    list(learn(arm, draw_stream().tasks, whole))
    if arm in FREE:
        return
    budget = Budget(max(1, int(share * whole.spent)))
    with pytest.raises(BudgetError, match="FLOPs"):
        list(learn(arm, draw_stream().tasks, budget))
    assert budget.spent <= budget.allowed


def test_no_more_examples_are_carried_than_the_cap(learn, arm):
    overhead = 40  # bytes of the label, count, number, origin and clock of an entry
    stream = draw_stream(per_class=40)
    for task, fitted in enumerate(learn(arm, stream.tasks)):
        kept = fitted.instruments["carried"]
        assert set(kept) == {"entries_bytes", "statistics_bytes", "weights_bytes"}
        if arm == "joint":
            assert kept["entries_bytes"] == sum(part.nbytes for shots in stream.tasks[: task + 1] for part in shots)
        else:
            assert kept["entries_bytes"] <= SHAPE.capacity * (4 * KEY_DIM + overhead)


def test_renaming_the_classes_of_a_task_renames_the_answers(learn, arm):
    stream = draw_stream()
    swap = torch.tensor([1, 0, 3, 2, 5, 4])
    renamed = [Shots(shots.x, swap[shots.y]) for shots in stream.tasks]
    *_, one = learn(arm, stream.tasks)
    *_, other = learn(arm, renamed)
    before, after = (fitted.predict(stream.test.x).log_probs for fitted in (one, other))
    torch.testing.assert_close(after[:, swap], before, rtol=2e-3, atol=2e-3)


def test_a_separable_stream_is_solved_task_by_task(learn, arm):
    stream = draw_stream(noise=0.02, per_class=160)
    for task, fitted in enumerate(learn(arm, stream.tasks)):
        own = stream.test.y // PER_TASK == task
        log_probs = fitted.predict(stream.test.x[own]).log_probs[:, task * PER_TASK : (task + 1) * PER_TASK]
        assert torch.equal(log_probs.argmax(-1) + task * PER_TASK, stream.test.y[own])


def test_what_goes_into_the_record_is_json(learn, arm):
    for fitted in learn(arm, draw_stream().tasks):
        kept = json.loads(json.dumps([fitted.curves, fitted.instruments], allow_nan=False))
        assert kept == [fitted.curves, fitted.instruments]


def test_a_memory_is_told_of_in_full(learn, arm):
    stream = draw_stream()
    for fitted in learn(arm, stream.tasks):
        prediction = fitted.predict(stream.test.x)
        if "memory" not in METHODS[arm].settings:
            assert prediction[1:] == (None,) * 4
            continue
        memory = fitted.instruments["memory"]
        entries = len(memory["labels"])
        assert entries == len(memory["counts"]) == len(memory["numbers"]) == len(memory["origins"])
        assert ((prediction.top_entries >= 0) & (prediction.top_entries < entries)).all()
        assert ((prediction.top_similarity >= 0) & (prediction.top_similarity <= 1)).all()
        assert ((prediction.gate >= 0) & (prediction.gate <= 1)).all()


NAN = Shots(torch.full((8, KEY_DIM), torch.nan), torch.tensor([0, 1] * 4))
BAD = {
    "not finite": (NAN, DataError, "8 feature rows that are not finite"),
    "of another task": (draw_stream().tasks[1], DataError, r"wanted its own labels, 0\.\.1, got 2\.\.3"),
    "one example a class": (Shots(torch.eye(2, KEY_DIM), torch.tensor([0, 1])), DataError, "at least 2 examples"),
    "too wide": (Shots(torch.ones(4, KEY_DIM + 1), torch.tensor([0, 1] * 2)), DataError, r"features \[n, 12\]"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_tasks_are_refused(learn, arm, bad):
    shots, error, message = BAD[bad]
    budget = Budget(ALLOWED)
    with pytest.raises(error, match=message):
        next(iter(learn(arm, [shots], budget)))
    assert budget.spent == 0


@pytest.mark.parametrize("change", [{"capacity": 2 * CLASSES - 1}, {"passes": 0}])
def test_a_shape_that_cannot_be_is_refused(learn, arm, change):
    with pytest.raises(ConfigurationError, match="at least 12 entries"):
        next(iter(learn(arm, draw_stream().tasks, shape=SHAPE._replace(**change))))


def test_the_smallest_cap_and_the_smallest_tasks_are_enough(learn, arm):
    stream = draw_stream(per_class=2, noise=0.1)
    answers = list(learn(arm, stream.tasks, shape=SHAPE._replace(capacity=2 * CLASSES)))
    assert len(answers) == TASKS
    assert answers[-1].predict(stream.test.x).log_probs.exp().sum(-1).isfinite().all()


def test_classes_may_come_one_at_a_time(learn, arm):
    stream = draw_stream()
    tasks = [of_task(shots, task, 1) for shots in stream.tasks for task in shots.y.unique().tolist()]
    *_, fitted = learn(arm, tasks, shape=SHAPE._replace(classes_per_task=1))
    log_probs = fitted.predict(stream.test.x).log_probs
    torch.testing.assert_close(log_probs.logsumexp(-1), torch.zeros(len(log_probs)), rtol=0, atol=1e-5)
