"""One run on a stream: learn task after task, be tested after each on all that came so far."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hsokv.metrics.classification import accuracy, log_loss, outcomes
from hsokv.metrics.continual import bwt, forgetting, retention
from hsokv.study.episode_runs import inside
from hsokv.study.features import opened
from hsokv.study.runs import Found

if TYPE_CHECKING:
    import torch

    from hsokv.arms.interface import Learn, Settings, StreamShape
    from hsokv.data.episode import Shots
    from hsokv.data.stream import Stream
    from hsokv.definitions import Task
    from hsokv.learning.budget import Budget


def load(features: Path, seed: int, condition: str, task: "Task") -> "tuple[Stream, StreamShape]":
    """The stream of one seed and condition, and what a method knows of it beforehand.

    `task` holds the conditions, each with its number of `tasks` and `passes`, `capacity`, the cap on past examples, and
    `images`, true where the method learns from the images themselves, flat, on a `device` if it is not the CPU; else it
    sees features, standardised by the first task.
    """
    import torch

    from hsokv.arms.interface import StreamShape
    from hsokv.data.episode import Shots
    from hsokv.data.stream import split_stream, standardise_on_first
    from hsokv.encoders.patches import PatchDictionary

    definition, images, dictionary = task["conditions"][condition], task.get("images"), None
    path, parts = features / f"seed{seed}.npz", ("train", "test")
    with opened(path) as arrays, opened(features / "images.npz" if images else path) as shown:
        x, y = ([torch.from_numpy(of[f"{p}/{name}"]) for p in parts] for of, name in ((shown, "x"), (arrays, "y")))
        classes = len(arrays["order"])
        if images:
            learnt = (torch.from_numpy(arrays[f"dictionary/{name}"]) for name in PatchDictionary._fields)
            dictionary = PatchDictionary(*(part.to(task.get("device", "cpu")) for part in learnt))
        else:
            x = [part.float() for part in x]
    stream = split_stream(*map(Shots, x, y), classes, definition["tasks"])
    stream = stream if images else standardise_on_first(stream)
    key_dim, passes = x[0].shape[1], definition["passes"]
    return stream, StreamShape(classes, stream.classes_per_task, key_dim, passes, task["capacity"], dictionary)


def run(
    learn: "Learn",
    stream: "Stream",
    shape: "StreamShape",
    settings: "Settings",
    budget: "Budget",
    generator: "torch.Generator",
) -> Found:
    """Scores, outcomes, curves and instruments of the method `learn`, tested after every task.

    The method is handed one task at a time, and never a test. Outcomes are those after the last task among all classes,
    in the order of the test; those among the classes of each example's task are an instrument. Raises RuntimeError for
    a method that does not answer once after every task.
    """
    from hsokv.data.stream import check_stream

    drawn = 0

    def tasks() -> "Iterator[Shots]":
        nonlocal drawn
        for shots in check_stream(stream).tasks:
            drawn += 1
            yield shots

    per_task, labels = stream.classes_per_task, stream.test.y.numpy()
    matrices: dict[str, list[list[float]]] = {"class_incremental": [], "task_incremental": []}
    accuracy_seen, answered = [], 0
    for fitted in learn(tasks(), shape, settings, budget, generator):
        answered += 1
        if drawn != answered:
            raise RuntimeError(f"wanted an answer after every task, came answer {answered} after {drawn} tasks")
        seen = labels < answered * per_task
        prediction = fitted.predict(stream.test.x[stream.test.y < answered * per_task])
        predicted = predictions(prediction.log_probs.numpy(), labels[seen], per_task)
        for scenario, matrix in matrices.items():
            right = predicted[scenario] == labels[seen]
            matrix.append([float(right[labels[seen] // per_task == i].mean()) for i in range(answered)])
        accuracy_seen.append(accuracy(predicted["class_incremental"], labels[seen]))
    if answered != len(stream.tasks):
        raise RuntimeError(f"wanted an answer after each of {len(stream.tasks)} tasks, came {answered}")
    scores, instruments = inside(fitted, prediction, labels, [])
    scores |= {
        "accuracy": accuracy(predicted["class_incremental"], labels),
        "accuracy_task_incremental": accuracy(predicted["task_incremental"], labels),
        "log_loss": log_loss(prediction.log_probs.double().exp().numpy(), labels),
        "carried_bytes": sum(fitted.instruments["carried"].values()),
    }
    for scenario, ending in (("class_incremental", ""), ("task_incremental", "_task_incremental")):
        for name, metric in (("bwt", bwt), ("forgetting", forgetting), ("retention", retention)):
            scores[name + ending] = metric(matrices[scenario])
    told = {name: outcomes(answers, labels) for name, answers in predicted.items()}
    instruments |= {"accuracy_matrix": matrices, "outcomes_task_incremental": told["task_incremental"]}
    curves = {**fitted.curves, "accuracy_seen": accuracy_seen}
    return Found(scores, told["class_incremental"], curves, instruments, {})


def predictions(log_probs: np.ndarray, labels: np.ndarray, classes_per_task: int) -> dict[str, np.ndarray]:
    """Labels [n] predicted from `log_probs` [n, classes], by scenario: among all classes, and among those of the task.

    >>> found = predictions(np.log([[0.3, 0.2, 0.5]]), np.array([1]), classes_per_task=2)
    >>> {scenario: predicted.tolist() for scenario, predicted in found.items()}
    {'class_incremental': [2], 'task_incremental': [0]}
    """
    own = np.arange(log_probs.shape[1]) // classes_per_task == (labels // classes_per_task)[:, None]
    return {
        "class_incremental": log_probs.argmax(1),
        "task_incremental": np.where(own, log_probs, -np.inf).argmax(1),
    }
