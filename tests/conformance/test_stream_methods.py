"""One list of laws for every arm on streams, on small generated ones."""

import itertools
import json
from importlib import import_module
from typing import NamedTuple

import pytest
import torch

from hsokv.arms.interface import Fitted, Prediction
from hsokv.arms.registry import METHODS
from hsokv.data.episode import Shots
from hsokv.data.stream import of_task
from hsokv.exceptions import BudgetError, ConfigurationError, DataError
from hsokv.learning.budget import Budget

from ..arms.streams import CLASSES, KEY_DIM, PER_TASK, SHAPE, draw_stream

ALLOWED = 10**9
TASKS = CLASSES // PER_TASK
STREAM = draw_stream()
QUERIES = STREAM.test.x
# fine_tune has tests of its own.
ARMS = [arm for arm, method in METHODS.items() if "stream" in method.protocols and not method.images]
FREE = {"knn"}  # keeping examples costs nothing

pytestmark = pytest.mark.parametrize("arm", ARMS)


class Answer(NamedTuple):
    """What is known once a task is learnt: what the arm says then, the tasks drawn and the FLOPs spent until then."""

    fitted: Fitted
    prediction: Prediction
    drawn: int
    spent: int


@pytest.fixture
def learn(settings, arm):
    """Every answer of an arm to a stream; `tasks` may be any iterable of tasks."""

    def learn(tasks, budget=None, shape=SHAPE):
        groups = {name: settings[name] for name in METHODS[arm].settings}
        module = import_module(f"hsokv.arms.{METHODS[arm].module}")
        return module.learn(iter(tasks), shape, groups, budget or Budget(ALLOWED), torch.Generator().manual_seed(3))

    return learn


@pytest.fixture(scope="module")
def kept():
    return {}


@pytest.fixture
def answers(kept, learn, arm) -> list[Answer]:
    """The arm's answers to STREAM, made once for all laws that only look at them."""
    if arm not in kept:
        drawn, budget = [], Budget(ALLOWED)
        tasks = (drawn.append(shots) or shots for shots in STREAM.tasks)
        kept[arm] = [
            Answer(fitted, fitted.predict(QUERIES), len(drawn), budget.spent) for fitted in learn(tasks, budget)
        ]
    return kept[arm]


def same(a, b):
    return all(x is y is None or torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_rows_are_distributions_over_the_classes_seen(answers):
    assert len(answers) == TASKS
    for seen, answer in zip(range(PER_TASK, CLASSES + 1, PER_TASK), answers, strict=True):
        for log_probs in (answer.prediction.log_probs, answer.prediction.without_memory):
            if log_probs is not None:
                assert log_probs.shape == (len(QUERIES), CLASSES)
                assert torch.isneginf(log_probs[:, seen:]).all()
                assert torch.isfinite(log_probs[:, :seen]).all()
                torch.testing.assert_close(log_probs.logsumexp(-1), torch.zeros(len(QUERIES)), rtol=0, atol=1e-5)


def test_a_task_is_drawn_when_it_is_needed_and_none_before(answers):
    assert [answer.drawn for answer in answers] == list(range(1, TASKS + 1))


def test_what_comes_later_changes_no_answer(learn, answers):
    other = draw_stream(seed=1).tasks[2]
    longer = [fitted.predict(QUERIES) for fitted in learn((*STREAM.tasks[:2], other))]
    assert all(same(a, b.prediction) for a, b in zip(longer[:2], answers[:2], strict=True))


def test_an_answer_stays_when_the_method_goes_on(answers):
    assert all(same(answer.fitted.predict(QUERIES), answer.prediction) for answer in answers)


def test_learning_and_predicting_change_no_input(learn, settings):
    given, fresh = json.dumps(settings), draw_stream()
    for fitted in learn(STREAM.tasks):
        fitted.predict(QUERIES)
    assert all(same(a, b) for a, b in zip((*STREAM.tasks, STREAM.test), (*fresh.tasks, fresh.test), strict=True))
    assert given == json.dumps(settings)


def test_same_inputs_and_seed_give_the_same_bits(learn, answers):
    for a, b in zip(answers, learn(STREAM.tasks), strict=True):
        assert same(a.prediction, b.predict(QUERIES))
        assert json.dumps([a.fitted.curves, a.fitted.instruments]) == json.dumps([b.curves, b.instruments])


def test_queries_in_pieces_and_any_order_equal_the_whole(answers):
    fitted, prediction, *_ = answers[-1]
    order = torch.randperm(len(QUERIES), generator=torch.Generator().manual_seed(0))
    pieces = torch.cat([fitted.predict(part).log_probs for part in QUERIES[order].split(7)])
    torch.testing.assert_close(pieces, prediction.log_probs[order], rtol=1e-4, atol=1e-4)


def test_what_is_learnt_is_paid_within_the_allowance(answers, arm):
    spent = [0, *(answer.spent for answer in answers)]
    assert spent[-1] <= ALLOWED
    assert all((after > before) == (arm not in FREE) for before, after in itertools.pairwise(spent))


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_an_allowance_that_is_too_small_is_kept_and_told(learn, answers, arm, share):
    if arm in FREE:
        return
    budget = Budget(max(1, int(share * answers[-1].spent)))
    with pytest.raises(BudgetError, match="FLOPs"):
        list(learn(STREAM.tasks, budget))
    assert budget.spent <= budget.allowed


def test_no_more_examples_are_carried_than_the_cap(learn, arm):
    overhead = 40  # bytes of the label, count, number, origin and clock of an entry
    stream = draw_stream(per_class=40)
    for task, fitted in enumerate(learn(stream.tasks)):
        kept = fitted.instruments["carried"]
        assert set(kept) == {"entries_bytes", "statistics_bytes", "weights_bytes"}
        if arm == "joint":
            assert kept["entries_bytes"] == sum(part.nbytes for shots in stream.tasks[: task + 1] for part in shots)
        else:
            assert kept["entries_bytes"] <= SHAPE.capacity * (4 * KEY_DIM + overhead)


def test_renaming_the_classes_of_a_task_renames_the_answers(learn, answers):
    swap = torch.tensor([1, 0, 3, 2, 5, 4])
    *_, renamed = learn([Shots(shots.x, swap[shots.y]) for shots in STREAM.tasks])
    before, after = answers[-1].prediction.log_probs, renamed.predict(QUERIES).log_probs
    torch.testing.assert_close(after[:, swap], before, rtol=2e-3, atol=2e-3)


def test_a_separable_stream_is_solved_task_by_task(learn):
    stream = draw_stream(noise=0.02, per_class=160)
    for task, fitted in enumerate(learn(stream.tasks)):
        own = stream.test.y // PER_TASK == task
        log_probs = fitted.predict(stream.test.x[own]).log_probs[:, task * PER_TASK : (task + 1) * PER_TASK]
        assert torch.equal(log_probs.argmax(-1) + task * PER_TASK, stream.test.y[own])


def test_what_goes_into_the_record_is_json(answers):
    told = [[answer.fitted.curves, answer.fitted.instruments] for answer in answers]
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_a_memory_is_told_of_in_full(answers, arm):
    for fitted, prediction, *_ in answers:
        if "memory" not in METHODS[arm].settings:
            assert prediction[1:] == (None,) * 4
            continue
        memory = fitted.instruments["memory"]
        entries = len(memory["labels"])
        assert entries == len(memory["counts"]) == len(memory["numbers"]) == len(memory["origins"])
        assert ((prediction.top_entries >= 0) & (prediction.top_entries < entries)).all()
        assert ((prediction.top_similarity >= 0) & (prediction.top_similarity <= 1)).all()
        assert ((prediction.gate >= 0) & (prediction.gate <= 1)).all()


BAD = {
    "not finite": (Shots(torch.full((8, KEY_DIM), torch.nan), torch.tensor([0, 1] * 4)), "8 feature rows .*not finite"),
    "of another task": (STREAM.tasks[1], r"wanted its own labels, 0\.\.1, got 2\.\.3"),
    "one example a class": (Shots(torch.eye(2, KEY_DIM), torch.tensor([0, 1])), "at least 2 examples"),
    "too wide": (Shots(torch.ones(4, KEY_DIM + 1), torch.tensor([0, 1] * 2)), r"features \[n, 12\]"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_tasks_are_refused(learn, bad):
    (shots, message), budget = BAD[bad], Budget(ALLOWED)
    with pytest.raises(DataError, match=message):
        next(learn([shots], budget))
    assert budget.spent == 0


@pytest.mark.parametrize("change", [{"capacity": 2 * CLASSES - 1}, {"passes": 0}])
def test_a_shape_that_cannot_be_is_refused(learn, change):
    with pytest.raises(ConfigurationError, match="at least 12 entries"):
        next(learn(STREAM.tasks, shape=SHAPE._replace(**change)))


def test_the_smallest_cap_tasks_and_classes_are_enough(learn):
    """Two examples a class, and classes that come one at a time."""
    stream = draw_stream(per_class=2, noise=0.1)
    tasks = [of_task(shots, task, 1) for shots in stream.tasks for task in shots.y.unique().tolist()]
    answers = list(learn(tasks, shape=SHAPE._replace(capacity=2 * CLASSES, classes_per_task=1)))
    assert len(answers) == CLASSES
    log_probs = answers[-1].predict(QUERIES).log_probs
    torch.testing.assert_close(log_probs.logsumexp(-1), torch.zeros(len(log_probs)), rtol=0, atol=1e-5)
