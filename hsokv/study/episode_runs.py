"""One run on an episode: fit, predict the test queries, score; nothing of the test is seen before."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsokv.metrics.classification import accuracy, balanced_accuracy, log_loss, macro_f1, outcomes
from hsokv.metrics.retrieval import chance_hit_rate, gate_entropy, hit_rate, reads, similarity_range
from hsokv.study.conditions import ranks_on_dev
from hsokv.study.features import load_episode, read_provenance, read_texts

if TYPE_CHECKING:
    import torch

    from hsokv.arms.interface import Fit, Prediction
    from hsokv.learning.budget import Budget


def run(
    fit: "Fit",
    settings: Mapping[str, Any],
    task: Mapping[str, Any],
    features: Path,
    seed: int,
    condition: str,
    budget: "Budget",
    generator: "torch.Generator",
) -> dict[str, Any]:
    """Scores, outcomes, curves and instruments of the method `fit` on the episode of one seed and condition."""
    classes = read_provenance(features / f"seed{seed}.npz")["classes"]
    folds = None if ranks_on_dev(task["conditions"][condition]) else task.get("folds")
    episode = load_episode(features, seed, condition, classes, folds)
    if "maps" in settings and episode.background is not None:
        budget.charge(episode.background.map_flops)
    fitted = fit(episode, settings, budget, generator)
    prediction = fitted.predict(episode.test.x)
    labels = episode.test.y.numpy()
    predicted = prediction.log_probs.argmax(-1).numpy()
    instruments = dict(fitted.instruments)
    scores = {
        "accuracy": accuracy(predicted, labels),
        "balanced_accuracy": balanced_accuracy(predicted, labels),
        "macro_f1": macro_f1(predicted, labels),
        "log_loss": log_loss(prediction.log_probs.double().exp().numpy(), labels),
    }
    if prediction.gate is not None:
        found, inside = memory_scores(prediction, instruments["memory"], labels)
        scores |= found
        instruments["memory"] = instruments["memory"] | inside | {"texts": read_texts(features, seed, condition)}
    scores |= {
        name: instruments[name] for name in ("diversity", "diversity_initial", "disagreement") if name in instruments
    }
    return {
        "scores": scores,
        "outcomes": outcomes(predicted, labels),
        "curves": fitted.curves,
        "instruments": instruments,
    }


def memory_scores(
    prediction: "Prediction", memory: Mapping[str, Any], labels: np.ndarray
) -> tuple[dict[str, float], dict[str, Any]]:
    """(scores, instruments) of what `memory` held, behind a prediction of queries with `labels` [n]."""
    without = prediction.without_memory.argmax(-1).numpy()
    held, top = np.array(memory["labels"]), prediction.top_entries.numpy()
    retrieved = np.where(top >= 0, np.append(held, -1)[top], -1)
    least, mean, greatest = similarity_range(prediction.top_similarity.numpy())
    scores = {
        "accuracy_without_memory": accuracy(without, labels),
        "hit_rate": hit_rate(retrieved, labels),
        "hit_chance": chance_hit_rate(held, labels),
        "similarity_min": least,
        "similarity_mean": mean,
        "similarity_max": greatest,
        "gate_mean": float(prediction.gate.mean()),
        "gate_entropy": gate_entropy(prediction.gate.numpy()),
    }
    return scores, reads(top, held, labels) | {"outcomes_without": outcomes(without, labels)}
