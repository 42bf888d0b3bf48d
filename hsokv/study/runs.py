"""Runs of one arm: fit, predict, keep the record; what is already done is not done again."""

import hashlib
import resource
import socket
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from hsokv import __version__
from hsokv.exceptions import RecordError
from hsokv.files import checksum
from hsokv.metrics.classification import accuracy, log_loss, outcomes
from hsokv.metrics.memory import chance_hit_rate, gate_entropy, hit_rate, reads, similarity_range
from hsokv.records import CostRecord, RunRecord, cost_path, read_record, record_path, write_record
from hsokv.study.digest import value_digest
from hsokv.study.features import load_episode, read_provenance, read_texts


def is_done(path: Path, stamp: Mapping[str, str]) -> bool:
    """Whether the record at `path` is whole and made by what `stamp` stands for; a corrupt one is not."""
    try:
        return read_record(path).stamp == dict(stamp)
    except RecordError:
        return False


def run_arm(
    benchmark: str,
    arm: str,
    module: str,
    settings: Mapping[str, Any],
    task: Mapping[str, Any],
    seeds: list[int],
    features: Path,
    records: Path,
    code: str,
    report: Callable[[str], None],
) -> None:
    """Run one arm on every condition and seed of a benchmark and write the records that are missing or stale.

    `module` holds the arm's `fit`, `settings` the groups it reads. `task` describes the benchmark: conditions (name to
    definition), classes, folds (None for tasks with words), flops_allowed. `code` is the digest of all code used.
    """
    for seed in seeds:
        path = features / f"seed{seed}.npz"
        provenance = read_provenance(path)
        digests = [checksum(path)] + ([checksum(features / "evaluation.npz")] if task["folds"] is not None else [])
        for condition, definition in task["conditions"].items():
            configuration = {
                "condition": dict(definition),
                "settings": {name: settings[name] for name in sorted(settings)},
                "folds": task["folds"],
                "flops_allowed": task["flops_allowed"],
            }
            stamp = {"configuration": value_digest(configuration), "code": code, "data": value_digest(digests)}
            name = f"{benchmark}/{condition}/{arm}/seed{seed}"
            if is_done(record_path(benchmark, condition, arm, seed, records), stamp):
                report(f"{name}: kept")
                continue
            common = {
                "benchmark": benchmark,
                "condition": condition,
                "arm": arm,
                "seed": seed,
                "configuration": configuration,
                "stamp": stamp,
                "version": __version__,
                "data": {**provenance["data"], "encoder": provenance["encoder"]},
                "shared_test": task["folds"] is not None,
            }
            if provenance["status"] == "not run":
                kept = write_record(not_run_record(common, provenance["reason"], task["flops_allowed"]), None, records)
                cost_path(kept).unlink(missing_ok=True)
                report(f"{name}: not run: {provenance['reason']}")
                continue
            found, cost = _run(common, module, settings, task, features)
            write_record(RunRecord(**common, **found), cost, records)
            report(f"{name}: accuracy {found['scores']['accuracy']:.3f} in {cost.wall_seconds:.2f} s")


def not_run_record(common: Mapping[str, Any], reason: str, allowed: int) -> RunRecord:
    """The record of a run that could not be made: its reason, and nothing that could be taken for a result."""
    return RunRecord(
        **common,
        status="not run",
        reason=reason,
        flops={"allowed": int(allowed), "spent": 0},
        scores={},
        outcomes="",
        curves={},
        instruments={},
    )


def _run(
    common: Mapping[str, Any], module: str, settings: Mapping[str, Any], task: Mapping[str, Any], features: Path
) -> tuple[dict[str, Any], CostRecord]:
    import numpy as np
    import torch

    from hsokv.training.budget import Budget

    torch.set_num_threads(1)  # the last digits differ between thread counts
    fit = import_module(module).fit
    episode = load_episode(features, common["seed"], common["condition"], task["classes"], task["folds"])
    budget = Budget(int(task["flops_allowed"]))
    start = time.perf_counter()
    fitted = fit(episode, settings, budget, torch.Generator().manual_seed(_root_seed(common)))
    prediction = fitted.predict(episode.test.x)
    cost = CostRecord(
        wall_seconds=time.perf_counter() - start,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        host=socket.gethostname(),
        device="cpu",
        threads=1,
    )
    labels = episode.test.y.numpy()
    predicted = prediction.log_probs.argmax(-1).numpy()
    scores = {
        "accuracy": accuracy(predicted, labels),
        "log_loss": log_loss(prediction.log_probs.double().exp().numpy(), labels),
    }
    if prediction.gate is not None:
        without = prediction.without_memory.argmax(-1).numpy()
        held, top = np.array(fitted.instruments["memory"]["labels"]), prediction.top_entries.numpy()
        retrieved = np.where(top >= 0, np.append(held, -1)[top], -1)
        similarity = similarity_range(prediction.top_similarity.numpy())
        inside = reads(top, held, labels) | {"outcomes_without": outcomes(without, labels)}
        inside["texts"] = read_texts(features, common["seed"], common["condition"])
        fitted.instruments["memory"].update(inside)
        scores |= {
            "accuracy_without_memory": accuracy(without, labels),
            "hit_rate": hit_rate(retrieved, labels),
            "hit_chance": chance_hit_rate(held, labels),
            "similarity_min": similarity.minimum,
            "similarity_mean": similarity.mean,
            "similarity_max": similarity.maximum,
            "gate_mean": float(prediction.gate.mean()),
            "gate_entropy": gate_entropy(prediction.gate.numpy()),
        }
    scores |= {
        name: fitted.instruments[name]
        for name in ("diversity", "diversity_initial", "disagreement")
        if name in fitted.instruments
    }
    found = {
        "status": "done",
        "reason": None,
        "flops": {"allowed": budget.allowed, "spent": budget.spent},
        "scores": scores,
        "outcomes": outcomes(predicted, labels),
        "curves": fitted.curves,
        "instruments": fitted.instruments,
    }
    return found, cost


def _root_seed(common: Mapping[str, Any]) -> int:
    """One seed per benchmark, condition and seed, the same for every arm."""
    name = f"{common['benchmark']}/{common['condition']}/{common['seed']}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
