"""Streams of classes: whose task an example is, scores that do not look ahead, and what is refused."""

import pytest
import torch

from hsokv.data.episode import Shots
from hsokv.data.stream import check_stream, of_task, split_stream, standardise_on_first
from hsokv.exceptions import DataError


def shots(seed=0):
    """Three examples of each of four classes, in turns."""
    y = torch.arange(4).repeat(3)
    return Shots(torch.randn(12, 5, generator=torch.Generator().manual_seed(seed)), y)


@pytest.fixture
def stream():
    return split_stream(shots(), shots(seed=1), classes=4, tasks=2)


def test_every_example_stands_in_the_task_of_its_class_in_the_order_it_came(stream):
    assert [task.y.tolist() for task in stream.tasks] == [[0, 1] * 3, [2, 3] * 3]
    assert torch.equal(stream.tasks[1].x, shots().x[shots().y >= 2])
    assert torch.equal(stream.test.y, shots().y)
    assert of_task(stream.test, 0, 2).y.tolist() == [0, 1] * 3


def test_features_are_unit_vectors_of_standard_scores_on_the_first_task_and_do_not_look_ahead(stream):
    x, y = stream.tasks[1]
    later = stream._replace(tasks=(stream.tasks[0], Shots(x + 7, y)))
    mean, sd = stream.tasks[0].x.mean(0), stream.tasks[0].x.std(0)
    for given in (stream, later):
        standard = standardise_on_first(given)
        for part, of in zip((*standard.tasks, standard.test), (*given.tasks, given.test), strict=True):
            scores = (of.x - mean) / sd
            torch.testing.assert_close(part.x, scores / scores.norm(dim=1, keepdim=True))


def test_a_feature_that_hardly_moves_at_first_does_not_drown_the_rest(stream):
    first = stream.tasks[0]._replace(x=stream.tasks[0].x * torch.tensor([1.0, 1, 1, 1, 0]))
    x = standardise_on_first(stream._replace(tasks=(first, stream.tasks[1]))).test.x
    assert torch.isfinite(x).all()
    assert x[:, 4].abs().mean() < 15 * x[:, 0].abs().mean()


@pytest.mark.parametrize(("tasks", "said"), [(0, "divides the 4 classes"), (3, "got 3"), (1, "at least two tasks")])
def test_tasks_that_cannot_share_out_the_classes_are_refused(tasks, said):
    with pytest.raises(DataError, match=said):
        split_stream(shots(), shots(), classes=4, tasks=tasks)


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("tasks", lambda x, y: (x.masked_fill(torch.eye(6, 5).bool(), torch.nan), y), r"task 2: .* 5 feature rows"),
        ("tasks", lambda x, y: (x, y - 1), r"task 2: wanted its own labels, 2\.\.3, got 1\.\.2"),
        ("tasks", lambda x, y: (x, y + 1), r"task 2: wanted its own labels, 2\.\.3, got 3\.\.4"),
        ("tasks", lambda x, y: (x[:3], y[:3]), "task 2: wanted at least 2 examples of every class, got 1 of class 3"),
        ("tasks", lambda x, y: (x[:, :4], y), r"task 2: wanted features \[n, 5\]"),
        ("tasks", lambda x, y: (x[:0], y[:0]), r"task 2: wanted features \[n, 5\] and n labels, n > 0"),
        ("test", lambda x, y: (x[y < 3], y[y < 3]), "test: .* at least 1 examples of every class, got 0 of class 3"),
        ("test", lambda x, y: (x, y + (y == 3)), r"test: .* 0\.\.3, got 0\.\.4"),
    ],
)
def test_a_bad_task_or_test_is_refused(stream, part, change, said):
    first, second = stream.tasks
    new = Shots(*change(*stream.test)) if part == "test" else (first, Shots(*change(*second)))
    with pytest.raises(DataError, match=said):
        check_stream(stream._replace(**{part: new}))
