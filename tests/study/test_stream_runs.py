from importlib import import_module

import numpy as np
import pytest
import torch

from hsokv.arms.interface import Fitted, Prediction
from hsokv.arms.registry import METHODS
from hsokv.learning.budget import Budget
from hsokv.metrics.continual import bwt, forgetting, retention
from hsokv.study.features import write_features
from hsokv.study.stream_runs import load, run

from ..arms.streams import CLASSES, PER_TASK, SHAPE, draw_stream

TASKS = CLASSES // PER_TASK
TASK = {"conditions": {"once": {"tasks": TASKS, "passes": 1}}, "capacity": SHAPE.capacity}


def stream_run(arm, settings, stream, learn=None):
    groups = {name: settings[name] for name in METHODS[arm].settings}
    learn = learn or import_module(f"hsokv.arms.{METHODS[arm].module}").learn
    return run(learn, stream, SHAPE, groups, Budget(10**10), torch.Generator().manual_seed(0))


def knows(labels):
    """A method that answers `labels(query, classes seen)` to each query."""

    def learn(tasks, shape, settings, budget, generator):
        for task, _ in enumerate(tasks):

            def predict(x, seen=(task + 1) * shape.classes_per_task):
                said = torch.tensor([labels(row, seen) for row in x])
                log_probs = torch.nn.functional.one_hot(said, shape.classes) * 10.0
                log_probs[:, seen:] = -torch.inf
                return Prediction(log_probs.log_softmax(-1))

            yield Fitted(
                predict, instruments={"carried": {"entries_bytes": 1, "statistics_bytes": 2, "weights_bytes": 3}}
            )

    return learn


def test_scores_and_matrices_by_hand(settings):
    """An oracle that takes every class of the first task for class 2 as soon as there is one."""
    stream = draw_stream()
    truth = {tuple(x.tolist()): int(y) for x, y in zip(*stream.test, strict=True)}

    def labels(row, seen):
        label = truth[tuple(row.tolist())]
        return 2 if label < PER_TASK and seen > 2 else label

    found = stream_run("neither", settings, stream, knows(labels))
    right = stream.test.y.numpy() >= PER_TASK
    assert found.outcomes == "".join("01"[int(one)] for one in right)
    assert found.instruments["accuracy_matrix"]["class_incremental"] == [[1.0], [0.0, 1.0], [0.0, 1.0, 1.0]]
    # All classes of the first task score alike then, so its first class is taken: half of them are right.
    assert found.instruments["accuracy_matrix"]["task_incremental"] == [[1.0], [0.5, 1.0], [0.5, 1.0, 1.0]]
    told = found.instruments["outcomes_task_incremental"]
    assert told.count("1") == right.sum() + (~right).sum() / 2
    assert all(one == "1" for one, known in zip(told, right, strict=True) if known)
    scores = found.scores
    assert scores["accuracy"] == pytest.approx(right.mean())
    assert scores["accuracy_task_incremental"] == pytest.approx(5 / 6)
    assert (scores["bwt"], scores["forgetting"], scores["retention"]) == (-0.5, 0.5, 0.5)
    assert scores["bwt_task_incremental"] == -0.25
    assert scores["retention_task_incremental"] == 0.75
    assert scores["carried_bytes"] == 6
    assert found.curves["accuracy_seen"] == pytest.approx([1.0, 0.5, 2 / 3])


def test_a_run_of_an_arm_with_a_memory_says_what_it_holds(settings):
    stream = draw_stream()
    found = stream_run("full", settings, stream)
    matrices, inside = found.instruments["accuracy_matrix"], found.instruments["memory"]
    for scenario, ending in (("class_incremental", ""), ("task_incremental", "_task_incremental")):
        assert [len(row) for row in matrices[scenario]] == list(range(1, TASKS + 1))
        for metric in (bwt, forgetting, retention):
            assert found.scores[metric.__name__ + ending] == metric(matrices[scenario])
    assert found.scores["accuracy"] == pytest.approx(np.mean(matrices["class_incremental"][-1]))
    assert found.scores["accuracy_task_incremental"] >= found.scores["accuracy"]
    assert len(found.outcomes) == len(inside["outcomes_without"]) == len(stream.test.y)
    assert len(inside["reads"]) == len(inside["labels"])
    assert inside["texts"] == []
    assert 0 <= found.scores["hit_rate"] <= 1
    assert 0 <= found.scores["diversity"] <= 1


def test_a_method_that_looks_ahead_or_stops_early_is_a_fault(settings):
    stream, answers = draw_stream(), knows(lambda row, seen: 0)

    def ahead(tasks, *rest):
        return answers(iter(list(tasks)), *rest)

    def early(tasks, *rest):
        yield next(answers(tasks, *rest))

    with pytest.raises(RuntimeError, match="came answer 1 after 3 tasks"):
        stream_run("neither", settings, stream, ahead)
    with pytest.raises(RuntimeError, match="after each of 3 tasks, came 1"):
        stream_run("neither", settings, stream, early)


def test_the_stream_of_a_feature_file(tmp_path, settings):
    rng = np.random.default_rng(0)
    y = np.arange(CLASSES).repeat(10)[rng.permutation(10 * CLASSES)]
    arrays = {f"{part}/x": rng.normal(size=(len(y), 4)).astype(np.float16) for part in ("train", "test")}
    arrays |= {"train/y": y, "test/y": y[::-1].copy(), "order": np.arange(CLASSES)}
    write_features(tmp_path / "seed3.npz", {}, arrays)
    stream, shape = load(tmp_path, 3, "once", TASK)
    assert shape == SHAPE._replace(key_dim=4)
    assert torch.equal(stream.test.y, torch.from_numpy(arrays["test/y"]))
    assert [len(task.y) for task in stream.tasks] == [10 * PER_TASK] * TASKS
    assert stream.test.x.dtype is torch.float32
