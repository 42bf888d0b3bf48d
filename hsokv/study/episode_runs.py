"""One run on an episode: fit, predict the test queries, score; nothing of the test is seen before."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hsokv.metrics.classification import accuracy, balanced_accuracy, log_loss, macro_f1, outcomes
from hsokv.metrics.retrieval import chance_hit_rate, gate_entropy, hit_rate, reads, similarity_range
from hsokv.study.conditions import ranks_on_dev
from hsokv.study.features import load_episode, read_provenance, read_texts
from hsokv.study.runs import Found

if TYPE_CHECKING:
    import torch
    from pydantic import JsonValue

    from hsokv.arms.interface import Fit, Fitted, Prediction, Settings
    from hsokv.data.episode import Episode
    from hsokv.definitions import Task
    from hsokv.learning.budget import Budget

SWARM_SCORES = ("diversity", "diversity_initial", "disagreement")
"""Instruments of a swarm that are scores, too."""


def load(features: Path, seed: int, condition: str, task: "Task") -> "tuple[Episode, list[str]]":
    """The episode of one seed and condition, and the texts of what is learnt from, as people read them."""
    classes = read_provenance(features / f"seed{seed}.npz")["classes"]
    folds = None if ranks_on_dev(task["conditions"][condition]) else task.get("folds")
    return load_episode(features, seed, condition, classes, folds), read_texts(features, seed, condition)


def run(
    fit: "Fit",
    episode: "Episode",
    texts: list[str],
    settings: "Settings",
    budget: "Budget",
    generator: "torch.Generator",
) -> Found:
    """Scores, outcomes, curves and instruments of the method `fit` on an episode."""
    if "maps" in settings and episode.background is not None:
        budget.charge(episode.background.map_flops)
    fitted = fit(episode, settings, budget, generator)
    prediction, labels = fitted.predict(episode.test.x), episode.test.y.numpy()
    predicted = prediction.log_probs.argmax(-1).numpy()
    scores, instruments = inside(fitted, prediction, labels, texts)
    scores |= {
        "accuracy": accuracy(predicted, labels),
        "balanced_accuracy": balanced_accuracy(predicted, labels),
        "macro_f1": macro_f1(predicted, labels),
        "log_loss": log_loss(prediction.log_probs.double().exp().numpy(), labels),
    }
    return Found(scores, outcomes(predicted, labels), fitted.curves, instruments, {})


def inside(
    fitted: "Fitted", prediction: "Prediction", labels: np.ndarray, texts: list[str]
) -> "tuple[dict[str, float], dict[str, JsonValue]]":
    """(scores, instruments) of memory and swarm, where there are these, of a prediction of queries with `labels` [n].

    `texts` are those of the entries, where these have some.
    """
    instruments = dict(fitted.instruments)
    scores = {name: instruments[name] for name in SWARM_SCORES if name in instruments}
    if prediction.gate is None:
        return scores, instruments
    without, memory = prediction.without_memory.argmax(-1).numpy(), instruments["memory"]
    held, top = np.array(memory["labels"]), prediction.top_entries.numpy()
    retrieved = np.where(top >= 0, np.append(held, -1)[top], -1)
    least, mean, greatest = similarity_range(prediction.top_similarity.numpy())
    told = reads(top, held, labels) | {"outcomes_without": outcomes(without, labels), "texts": texts}
    return scores | {
        "accuracy_without_memory": accuracy(without, labels),
        "hit_rate": hit_rate(retrieved, labels),
        "hit_chance": chance_hit_rate(held, labels),
        "similarity_min": least,
        "similarity_mean": mean,
        "similarity_max": greatest,
        "gate_mean": float(prediction.gate.mean()),
        "gate_entropy": gate_entropy(prediction.gate.numpy()),
    }, instruments | {"memory": memory | told}
