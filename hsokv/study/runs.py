"""Runs of one arm: fit, predict, keep the record; what is already done is not done again."""

import hashlib
import resource
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hsokv import __version__
from hsokv.exceptions import BudgetError
from hsokv.files import checksum
from hsokv.records import (
    CostRecord,
    RunRecord,
    append_line,
    costs_path,
    read_lines,
    records_path,
    unfinished_path,
    write_lines,
)
from hsokv.study.conditions import encoding_of
from hsokv.study.digest import value_digest
from hsokv.study.features import Provenance, read_provenance

if TYPE_CHECKING:
    from pydantic import JsonValue

    from hsokv.arms.interface import Settings
    from hsokv.definitions import Task
    from hsokv.learning.budget import Budget


class Protocol(NamedTuple):
    """The module that runs and scores one run, named and not imported so that it counts in the digest of its own runs
    alone, and the function that a method's module offers for it."""

    module: str
    method: str


class Found(NamedTuple):
    """What a run tells: the fields of a record of these names, and `seconds` of the parts that it was timed in."""

    scores: dict[str, float]
    outcomes: str
    curves: dict[str, list[float]]
    instruments: "dict[str, JsonValue]"
    seconds: dict[str, list[float]]


PROTOCOLS = {
    "episode": Protocol("hsokv.study.episode_runs", "fit"),
    "stream": Protocol("hsokv.study.stream_runs", "learn"),
    "events": Protocol("hsokv.study.event_runs", "Learner"),
}


def complete_records(
    path: Path,
    planned: Mapping[tuple[str, int], Mapping[str, str]],
    make: Callable[[str, int], tuple[RunRecord, CostRecord | None]],
    report: Callable[[str], None],
) -> None:
    """Make the runs that the file at `path` lacks, so that it holds exactly the planned runs, in their order.

    Each new line is appended whole to an unfinished copy, which becomes the file when all runs are made: Snakemake puts
    its declared output back to what it was before a job that failed, so lines appended to the file itself would go.

    Args:
        path: as `records_path` gives it.
        planned: the stamp of each run by condition and seed; a line with another stamp is stale, and made again.
        make: the record of the run of a condition and a seed, and its cost where it has one.
        report: takes a line of text a run.

    Raises:
        RecordError: a line is damaged. Only a last line that was cut off while it was written is dropped and reported.
    """
    unfinished, costs_file = unfinished_path(path), costs_path(path)
    records = {}
    for file in filter(Path.exists, (path, unfinished)):
        present = {(record.condition, record.seed): record for record in read_lines(file, RunRecord, report)}
        records |= {run: record for run, record in present.items() if record.stamp == planned.get(run)}
    spent = read_lines(costs_file, CostRecord, report) if costs_file.exists() else []
    costs = {(cost.condition, cost.seed): cost for cost in spent if (cost.condition, cost.seed) in records}
    write_lines(unfinished, records.values())
    write_lines(costs_file, costs.values())
    for run in planned:
        name = f"{path.parent.name}/{run[0]}/{path.stem}/seed{run[1]}"
        if run in records:
            report(f"{name}: kept")
            continue
        record, cost = make(*run)
        if cost is not None:
            costs[run] = cost
            append_line(costs_file, cost)
        records[run] = record
        append_line(unfinished, record)
        done = f"accuracy {record.scores['accuracy']:.3f}" if record.scores else f"not run: {record.reason}"
        report(f"{name}: {done}" + (f" in {cost.wall_seconds:.2f} s" if cost else ""))
    write_lines(costs_file, [costs[run] for run in planned if run in costs])
    write_lines(path, [records[run] for run in planned])
    unfinished.unlink()


def run_arm(
    benchmark: str,
    arm: str,
    module: str,
    settings: "Settings",
    task: "Task",
    seeds: list[int],
    features: Path,
    records: Path,
    code: str,
    report: Callable[[str], None],
) -> None:
    """Run one arm on every condition and seed of a benchmark and write its file below `records`.

    `module` holds the arm's method, `settings` the groups it reads. `task` describes the benchmark: protocol,
    conditions (name to definition, with an allowance of its own or without), folds and entries where it has them,
    flops_allowed. `code` is the digest of all code used.
    """
    shared = ["evaluation.npz"] + (["images.npz"] if task.get("images") else [])

    @cache
    def features_of(folder: Path, seed: int) -> tuple[Provenance, str]:
        """Provenance and digest of the features of a seed."""
        parts = [folder / f"seed{seed}.npz", *(folder / name for name in shared)]
        digests = [checksum(part) for part in parts if part.exists()]
        return read_provenance(parts[0]), value_digest(digests)

    def folder_of(condition: str) -> Path:
        return features / encoding_of(condition, task["conditions"][condition])

    def before(condition: str, seed: int) -> RunRecord:
        """The record of a run that is not made: what it is made from is known."""
        definition = task["conditions"][condition]
        provenance, data = features_of(folder_of(condition), seed)
        allowed = int(definition.get("flops_allowed", task["flops_allowed"]))
        configuration = {
            "condition": dict(definition),
            "settings": {name: settings[name] for name in sorted(settings)},
            **{key: task[key] for key in ("folds", "capacity") if key in task},
            "flops_allowed": allowed,
        }
        return RunRecord(
            benchmark=benchmark,
            condition=condition,
            arm=arm,
            seed=seed,
            status="not run",
            reason=provenance["reason"] or "its features are there",
            configuration=configuration,
            stamp={"configuration": value_digest(configuration), "code": code, "data": data},
            version=__version__,
            data={**provenance["data"], "encoder": provenance["encoder"]},
            flops={"allowed": allowed, "spent": 0},
            scores={},
            outcomes="",
            shared_test=provenance["shared_test"],
            curves={},
            instruments={},
        )

    def make(condition: str, seed: int) -> tuple[RunRecord, CostRecord | None]:
        folder = folder_of(condition)
        if features_of(folder, seed)[0]["status"] != "done":
            return before(condition, seed), None
        return _run(before(condition, seed), module, settings, task, folder)

    planned = {(name, seed): before(name, seed).stamp for name in task["conditions"] for seed in seeds}
    complete_records(records_path(benchmark, arm, records), planned, make, report)


def _run(
    record: RunRecord, module: str, settings: "Settings", task: "Task", features: Path
) -> tuple[RunRecord, CostRecord]:
    """What tuning the encoder took is spent before the arm begins, by every arm that learns from its features."""
    from hsokv.learning.budget import Budget

    allowed, tuning = record.flops["allowed"], record.data["encoder"].get("tuning_flops", 0)
    if tuning >= allowed:
        raise BudgetError(
            f"wanted more than the {tuning:.3g} FLOPs that tuning the encoder took, came flops_allowed {allowed:.3g}; "
            "raise flops_allowed of this condition"
        )
    method, budget = getattr(import_module(module), PROTOCOLS[task["protocol"]].method), Budget(allowed - tuning)
    start = time.perf_counter()
    found = run_method(record, method, settings, task, features, budget)
    cost = CostRecord(
        condition=record.condition,
        seed=record.seed,
        wall_seconds=time.perf_counter() - start,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        host=socket.gethostname(),
        device=task.get("device", "cpu"),
        threads=1,
        seconds=found.seconds,
    )
    flops = {"allowed": allowed, "spent": tuning + budget.spent}
    told = {name: value for name, value in found._asdict().items() if name != "seconds"}
    return replace(record, status="done", reason=None, flops=flops, **told), cost


def run_method(
    record: RunRecord,
    method: Callable[..., object],
    settings: "Settings",
    task: "Task",
    features: Path,
    budget: "Budget",
) -> Found:
    """What a method scores on the benchmark, condition and seed that `record` names.

    Randomness starts at one seed for each of these, the same for every arm.
    """
    import torch

    torch.set_num_threads(1)  # the last digits differ between thread counts
    name = f"{record.benchmark}/{record.condition}/{record.seed}"
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
    runs = import_module(PROTOCOLS[task["protocol"]].module)
    problem = runs.load(features, record.seed, record.condition, task)
    return runs.run(method, *problem, settings, budget, torch.Generator().manual_seed(seed))
