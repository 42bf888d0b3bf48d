import pytest
import torch

from hsokv.data.episode import Shots
from hsokv.data.stream import check_stream, of_task, split_stream, standardise_on_first
from hsokv.exceptions import DataError


def shots(per_class=3, classes=4, key_dim=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(classes).repeat(per_class)
    return Shots(torch.randn(len(y), key_dim, generator=generator), y)


def stream():
    return split_stream(shots(), shots(seed=1), classes=4, tasks=2)


def with_task(found, task, changed):
    return found._replace(tasks=tuple(changed if i == task else kept for i, kept in enumerate(found.tasks)))


def test_every_example_stands_in_the_task_of_its_class_in_the_order_it_came():
    found = stream()
    assert [task.y.tolist() for task in found.tasks] == [[0, 1] * 3, [2, 3] * 3]
    assert torch.equal(found.tasks[1].x, shots().x[shots().y >= 2])
    assert torch.equal(found.test.y, shots().y)
    assert of_task(found.test, 0, 2).y.tolist() == [0, 1] * 3


@pytest.mark.parametrize("tasks", [0, 3])
def test_tasks_that_cannot_share_out_the_classes_are_refused(tasks):
    with pytest.raises(DataError, match=f"divides the 4 classes, got {tasks}"):
        split_stream(shots(), shots(), classes=4, tasks=tasks)


def test_one_task_is_no_stream():
    with pytest.raises(DataError, match="at least two tasks, got 1"):
        split_stream(shots(), shots(), classes=4, tasks=1)


def test_features_are_unit_vectors_of_standard_scores_on_the_first_task():
    found, standard = stream(), standardise_on_first(stream())
    mean, sd = found.tasks[0].x.mean(0), found.tasks[0].x.std(0)
    for part, of in zip((*standard.tasks, standard.test), (*found.tasks, found.test), strict=True):
        scores = (of.x - mean) / sd
        torch.testing.assert_close(part.x, scores / scores.norm(dim=1, keepdim=True))


def test_standard_scores_do_not_look_ahead():
    found = stream()
    other = with_task(found, 1, Shots(found.tasks[1].x + 7, found.tasks[1].y))
    assert torch.equal(standardise_on_first(found).tasks[0].x, standardise_on_first(other).tasks[0].x)


def test_a_feature_that_hardly_moves_at_first_does_not_drown_the_rest():
    found = stream()
    still = torch.tensor([1.0, 1, 1, 1, 0])
    first = Shots(found.tasks[0].x * still, found.tasks[0].y)
    x = standardise_on_first(with_task(found, 0, first)).test.x
    assert torch.isfinite(x).all()
    assert x[:, 4].abs().mean() < 15 * x[:, 0].abs().mean()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            lambda x, y: (x.masked_fill(torch.eye(6, 5).bool(), torch.nan), y),
            r"task 2: .* 5 feature rows",
        ),
        (lambda x, y: (x, y - 1), r"task 2: wanted its own labels, 2\.\.3, got 1\.\.2"),
        (lambda x, y: (x, y + 1), r"task 2: wanted its own labels, 2\.\.3, got 3\.\.4"),
        (lambda x, y: (x[:3], y[:3]), "task 2: wanted at least 2 examples of every class, got 1 of class 3"),
        (lambda x, y: (x[:, :4], y), r"task 2: wanted features \[n, 5\]"),
        (lambda x, y: (x[:0], y[:0]), r"task 2: wanted features \[n, 5\] and n labels, n > 0"),
    ],
)
def test_a_bad_task_is_refused(changed, message):
    found = stream()
    with pytest.raises(DataError, match=message):
        check_stream(with_task(found, 1, Shots(*changed(*found.tasks[1]))))


def test_a_test_that_lacks_a_class_or_has_one_too_many_is_refused():
    found, (x, y) = stream(), stream().test
    with pytest.raises(DataError, match="at least 1 examples of every class, got 0 of class 3"):
        check_stream(found._replace(test=Shots(x[y < 3], y[y < 3])))
    with pytest.raises(DataError, match=r"test: .* 0\.\.3, got 0\.\.4"):
        check_stream(found._replace(test=Shots(torch.cat([x, x[:1]]), torch.cat([y, torch.tensor([4])]))))
