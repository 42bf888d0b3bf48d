"""Runs of one arm: fit, predict, keep the record; what is already done is not done again."""

import hashlib
import resource
import socket
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from hsokv import __version__
from hsokv.exceptions import BudgetError, RecordError
from hsokv.files import checksum
from hsokv.records import CostRecord, RunRecord, cost_path, read_record, record_path, write_record
from hsokv.study.conditions import folder_of
from hsokv.study.digest import value_digest
from hsokv.study.features import read_provenance


class Protocol(NamedTuple):
    """The module that runs and scores one run, named and not imported so that it counts in the digest of its own runs
    alone, and the function that a method's module offers for it."""

    module: str
    method: str


PROTOCOLS = {
    "episode": Protocol("hsokv.study.episode_runs", "fit"),
    "stream": Protocol("hsokv.study.stream_runs", "learn"),
}


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

    `module` holds the arm's method, `settings` the groups it reads. `task` describes the benchmark: protocol,
    conditions (name to definition, with an allowance of its own or without), folds and entries where it has them,
    flops_allowed. `code` is the digest of all code used.
    """
    shared = ["evaluation.npz"] + (["images.npz"] if task.get("images") else [])
    for seed in seeds:
        found = {}  # of each folder: provenance and digest of what lies in it
        for condition, definition in task["conditions"].items():
            folder = folder_of(features, condition, definition)
            if folder not in found:
                parts = [folder / f"seed{seed}.npz", *(folder / name for name in shared)]
                digests = [checksum(part) for part in parts if part.exists()]
                found[folder] = read_provenance(parts[0]), value_digest(digests)
            provenance, data = found[folder]
            allowed = int(definition.get("flops_allowed", task["flops_allowed"]))
            configuration = {
                "condition": dict(definition),
                "settings": {name: settings[name] for name in sorted(settings)},
                **{key: task[key] for key in ("folds", "entries") if key in task},
                "flops_allowed": allowed,
            }
            stamp = {"configuration": value_digest(configuration), "code": code, "data": data}
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
                "shared_test": provenance["shared_test"],
            }
            if provenance["status"] == "not run":
                kept = write_record(not_run_record(common, provenance["reason"], allowed), None, records)
                cost_path(kept).unlink(missing_ok=True)
                report(f"{name}: not run: {provenance['reason']}")
                continue
            tuning = provenance["encoder"].get("tuning_flops", 0)
            result, cost = _run(common, module, settings, task, folder, allowed, tuning)
            write_record(RunRecord(**common, **result), cost, records)
            report(f"{name}: accuracy {result['scores']['accuracy']:.3f} in {cost.wall_seconds:.2f} s")


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
    common: Mapping[str, Any],
    module: str,
    settings: Mapping[str, Any],
    task: Mapping[str, Any],
    features: Path,
    allowed: int,
    tuning: int,
) -> tuple[dict[str, Any], CostRecord]:
    """What `tuning` the encoder took is spent before the arm begins, by every arm that learns from its features."""
    import torch

    from hsokv.training.budget import Budget

    torch.set_num_threads(1)  # the last digits differ between thread counts
    protocol = PROTOCOLS[task["protocol"]]
    method = getattr(import_module(module), protocol.method)
    if tuning >= allowed:
        raise BudgetError(
            f"wanted more than the {tuning:.3g} FLOPs that tuning the encoder took, came flops_allowed {allowed:.3g}; "
            "raise flops_allowed of this condition"
        )
    budget = Budget(allowed - tuning)
    generator = torch.Generator().manual_seed(root_seed(common))
    start = time.perf_counter()
    found = import_module(protocol.module).run(
        method, settings, task, features, common["seed"], common["condition"], budget, generator
    )
    cost = CostRecord(
        wall_seconds=time.perf_counter() - start,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        host=socket.gethostname(),
        device=task.get("device", "cpu"),
        threads=1,
    )
    flops = {"allowed": allowed, "spent": tuning + budget.spent}
    return {"status": "done", "reason": None, "flops": flops, **found}, cost


def root_seed(common: Mapping[str, Any]) -> int:
    """One seed per benchmark, condition and seed, the same for every arm; `common` holds these, as a record does."""
    name = f"{common['benchmark']}/{common['condition']}/{common['seed']}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
