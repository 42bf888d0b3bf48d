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
from .laws import check_distributions, check_memory, in_pieces, same, told

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


def test_rows_are_distributions_over_the_classes_seen(answers):
    assert len(answers) == TASKS
    for seen, answer in zip(range(PER_TASK, CLASSES + 1, PER_TASK), answers, strict=True):
        for log_probs in (answer.prediction.log_probs, answer.prediction.without_memory):
            if log_probs is not None:
                assert log_probs.shape == (len(QUERIES), CLASSES)
                check_distributions(log_probs, seen)


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


def test_same_inputs_and_seed_give_the_same_bits_and_a_record_of_json(learn, answers):
    for a, b in zip(answers, learn(STREAM.tasks), strict=True):
        assert same(a.prediction, b.predict(QUERIES))
        assert told(a.fitted) == told(b)


def test_queries_in_pieces_and_any_order_equal_the_whole(answers):
    pieces = in_pieces(answers[-1].fitted.predict, QUERIES)
    torch.testing.assert_close(pieces, answers[-1].prediction.log_probs, rtol=1e-4, atol=1e-4)


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


def test_a_memory_is_told_of_in_full(answers, arm):
    for fitted, prediction, *_ in answers:
        memory = fitted.instruments.get("memory")
        assert (memory is not None) == ("memory" in METHODS[arm].settings)
        check_memory(prediction, memory)


def test_bad_tasks_and_a_shape_that_cannot_be_are_refused_before_any_work(learn):
    budget = Budget(ALLOWED)
    with pytest.raises(DataError, match=r"wanted its own labels, 0\.\.1, got 2\.\.3"):
        next(learn(STREAM.tasks[1:], budget))
    for change in ({"capacity": 2 * CLASSES - 1}, {"passes": 0}):
        with pytest.raises(ConfigurationError, match="at least 12 entries"):
            next(learn(STREAM.tasks, budget, SHAPE._replace(**change)))
    assert budget.spent == 0


def test_the_smallest_cap_tasks_and_classes_are_enough(learn):
    """Two examples a class, and classes that come one at a time."""
    stream = draw_stream(per_class=2, noise=0.1)
    tasks = [of_task(shots, task, 1) for shots in stream.tasks for task in shots.y.unique().tolist()]
    answers = list(learn(tasks, shape=SHAPE._replace(capacity=2 * CLASSES, classes_per_task=1)))
    assert len(answers) == CLASSES
    check_distributions(answers[-1].predict(QUERIES).log_probs, CLASSES)
