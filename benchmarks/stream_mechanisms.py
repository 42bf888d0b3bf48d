"""What a memory on a stream needs, each part alone, with and without it; and how the arms stand to each other.

    python -m benchmarks.stream_mechanisms [--orders 5] [--centroids 512] [--folder results/mechanisms]

Split-CIFAR-10 on its development set, class orders of seeds 1, 2, ...: five tasks, one pass, 1,000 past examples.
Designs are the arm `kv_closed_form` with one part replaced; the arms are the package's own with the study's settings.
Features are made once and kept in the folder. One thread: the same command gives the same table.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml
from torch import Tensor

from hsokv.analysis.intervals import interval
from hsokv.data.episode import Shots
from hsokv.data.sources import cache_folder, data_root, fetch, locate
from hsokv.data.stream import Stream
from hsokv.memory import functional as kv
from hsokv.methods.ensemble import Branch
from hsokv.methods.interface import Fitted
from hsokv.methods.registry import METHODS
from hsokv.methods.streams import memory
from hsokv.methods.streams.calibrated import finish
from hsokv.methods.streams.heads import train_default
from hsokv.methods.streams.interface import Learn, StreamShape, arriving, carried
from hsokv.methods.streams.memory import StreamMemory
from hsokv.methods.streams.reservoir import hold_out, join, nothing, thin
from hsokv.model.calibration import fit_temperature
from hsokv.model.discriminant import class_directions, lda_head, oas_shrinkage
from hsokv.model.head import Head, logits
from hsokv.model.moments import add, init_moments, means_of_seen, within
from hsokv.study.digest import code_digest, value_digest
from hsokv.study.features import is_current
from hsokv.study.images import encode_stream
from hsokv.study.stream_runs import load_stream, run_stream
from hsokv.training.budget import Budget

TASKS, PASSES, ENTRIES, DEVELOPMENT = 5, 1, 1000, 100
ALLOWED = 4 * 10**12


class Design(NamedTuple):
    """How a memory is written and read, where the head starts at a task, and what is replayed in its minibatches."""

    write: Callable[[StreamMemory, Shots, int, torch.Generator], StreamMemory] = (
        lambda memory_, shots, classes, generator: memory.remember(memory_, shots, classes)
    )
    read: Callable[[StreamMemory, Mapping[str, Any], Tensor], Branch] = memory.branch
    start: Callable[[Head | None, StreamMemory, Shots], Head | None] = lambda head, memory_, held: head
    replays: bool = False


def learner(design: Design) -> Learn:
    """The method `kv_closed_form` of a design."""

    def learn(
        tasks: Iterator[Shots],
        shape: StreamShape,
        settings: Mapping[str, Any],
        budget: Budget,
        generator: torch.Generator,
    ) -> Iterator[Fitted]:
        head, held, remembered = None, nothing(shape.key_dim), memory.empty(shape, settings)
        sharpness = torch.tensor([float(settings["memory"]["sharpness"])])
        others = torch.Generator().manual_seed(0)  # so that a design's own draws shift no draw of the package
        for classes, shots in arriving(tasks, shape):
            rest, new = hold_out(shots, shape, generator)
            held, old = join(held, new), remembered.entries
            replayed = Shots(old.keys[old.occupied], old.labels[old.occupied]) if design.replays and head else None
            remembered = design.write(remembered, rest, classes, others)
            head = design.start(head, remembered, held)
            learners = train_default(head, rest, classes, shape, settings, budget, generator, replayed)
            head = learners.head
            branch = design.read(remembered, settings, sharpness)
            fitted = finish(learners, branch, held, classes, shape)
            yield replace(fitted, instruments=fitted.instruments | {"carried": carried([], [], [])})

    return learn


def sampled(remembered: StreamMemory, shots: Shots, classes: int, generator: torch.Generator) -> StreamMemory:
    """A class-balanced sample of the examples, nothing folded into it."""
    old = remembered.entries
    kept = thin(join(Shots(old.keys[old.occupied], old.labels[old.occupied]), shots), len(old.labels), generator)
    return StreamMemory(kv.write(kv.init(*old.keys.shape), *kept), add(remembered.moments, *shots))


def on_entries(remembered: StreamMemory, settings: Mapping[str, Any], sharpness: Tensor) -> Branch:
    """Directions from the entries alone."""
    entries = remembered.entries
    moments = init_moments(len(remembered.moments.count), entries.keys.shape[1])
    moments = add(moments, entries.keys[entries.occupied], entries.labels[entries.occupied])
    return memory.branch(remembered._replace(moments=moments), settings, sharpness)


def from_origin(remembered: StreamMemory, settings: Mapping[str, Any], sharpness: Tensor) -> Branch:
    """Directions seen from the mean of the first task."""
    branch = memory.branch(remembered, settings, sharpness)
    state = memory.branch(remembered._replace(moments=None), settings, sharpness).state
    return branch._replace(state=kv.project(state, branch.projection), centre=None)


def shrunken(remembered: StreamMemory, settings: Mapping[str, Any], sharpness: Tensor) -> Branch:
    """Directions with the shrinkage of the settings."""
    branch = memory.branch(remembered, settings, sharpness)
    means, counts = means_of_seen(remembered.moments)
    scatter, degrees = within(remembered.moments)
    projection = class_directions(means, counts, scatter / degrees, **settings["keys"]).float()
    state = memory.branch(remembered._replace(moments=None), settings, sharpness).state
    state = kv.project(state._replace(keys=state.keys - branch.centre), projection)
    return branch._replace(state=state, projection=projection)


def nearest(remembered: StreamMemory, settings: Mapping[str, Any], sharpness: Tensor) -> Branch:
    """The nearest `memory.k` entries alone."""
    return memory.branch(remembered, settings, sharpness)._replace(k=settings["memory"]["k"])


def raw(remembered: StreamMemory, settings: Mapping[str, Any], sharpness: Tensor) -> Branch:
    """Keys as they are."""
    return memory.branch(remembered._replace(moments=None), settings, sharpness)


def closed_form_start(head: Head | None, remembered: StreamMemory, held: Shots) -> Head:
    """The head begins every task at linear discriminant analysis, at its own temperature."""
    scatter, degrees = within(remembered.moments)
    covariance = scatter / degrees
    found = lda_head(means_of_seen(remembered.moments)[0], covariance, oas_shrinkage(covariance, degrees))
    found = Head(*(part.float() for part in found))
    temperature = fit_temperature(logits(found, held.x), held.y)
    return Head(*(part[None, None] / temperature for part in found))


DESIGNS = {
    "package": Design(),
    "raw keys": Design(read=raw),
    "statistics of entries": Design(read=on_entries),
    "setting's shrinkage": Design(read=shrunken),
    "from the origin": Design(read=from_origin),
    "nearest few": Design(read=nearest),
    "sampled entries": Design(write=sampled),
    "replay": Design(replays=True),
    "closed-form start": Design(start=closed_form_start),
    "closed-form start, replay": Design(start=closed_form_start, replays=True),
}
ROWS = (
    ("keys on discriminative directions", "package", "raw keys"),
    ("statistics of the whole stream", "package", "statistics of entries"),
    ("shrinkage by formula", "package", "setting's shrinkage"),
    ("directions from the classes' mean", "package", "from the origin"),
    ("all entries read", "package", "nearest few"),
    ("folding", "package", "sampled entries"),
    ("entries replayed in the head's minibatches", "replay", "package"),
    ("head begins at LDA", "closed-form start", "package"),
    ("head begins at LDA, entries replayed", "closed-form start, replay", "package"),
    ("memory and swarm against the baseline", "full", "ridge"),
    ("swarm", "full", "kv_closed_form"),
    ("swarm against random search", "full", "kv_random_search"),
    ("memory", "full", "swarm_only"),
    ("replay against no memory", "experience_replay", "neither"),
)


def encode_orders(orders: int, centroids: int, folder: Path) -> list[Path]:
    """Feature files of the first class orders, on the development set."""
    root = data_root()
    files = locate("cifar10", root, cache_folder()) if root else fetch("cifar10", cache_folder())
    data = {"name": "cifar10", "kind": files.kind, "synthetic": False, "files": dict(files.sha256), "reason": None}
    stamp = value_digest([code_digest(["hsokv.study.images"]), centroids, DEVELOPMENT, data["files"]])
    paths = [folder / f"seed{seed}.npz" for seed in range(1, orders + 1)]
    for seed, path in enumerate(paths, 1):
        if not is_current(path, stamp):
            encode_stream(
                seed, {"source": "cifar10"}, root, TASKS, centroids, "development", DEVELOPMENT, data, path, stamp, say
            )  # fmt: skip
    return paths


def run_arm(learn: Learn, stream: Stream, settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """What a method scores on a stream, and its cost."""
    classes, key_dim = TASKS * stream.classes_per_task, stream.tasks[0].x.shape[1]
    shape = StreamShape(classes, stream.classes_per_task, key_dim, PASSES, ENTRIES)
    budget, start = Budget(ALLOWED), time.process_time()
    run = run_stream(learn, stream, shape, settings, budget, torch.Generator().manual_seed(seed))
    return run | {"gflops": budget.spent / 1e9, "seconds": time.process_time() - start}


def score_all(stream: Stream, settings: Mapping[str, Any], seed: int) -> dict[str, dict[str, Any]]:
    """What every design and every arm scores on a stream; raises RuntimeError where `package` is not the package."""
    closed_form = METHODS["kv_closed_form"].settings
    methods = {name: (learner(design), closed_form) for name, design in DESIGNS.items()}
    methods |= {
        name: (import_module(of.stream).learn, of.settings)
        for name, of in METHODS.items()
        if of.stream and not of.images
    }
    found = {}
    for name, (learn, groups) in methods.items():
        run = found[name] = run_arm(learn, stream, {group: settings[group] for group in groups}, seed)
        say(f"  {name}: {100 * run['scores']['accuracy']:.1f} %, {found[name]['seconds']:.1f} s")
    if found["package"]["outcomes"] != found["kv_closed_form"]["outcomes"]:
        raise RuntimeError("the design `package` is not what kv_closed_form does: mend learner()")
    return found


def difference(runs: list[dict[str, dict[str, Any]]], a: str, b: str) -> str:
    """Paired differences a - b in points: class-incremental, over orders and test images, and task-incremental."""
    right = np.array([[[int(one) for one in of[name]["outcomes"]] for name in (a, b)] for of in runs])
    by_example = right[:, 0] - right[:, 1]
    key = "accuracy_task_incremental"
    within_task = [of[a]["scores"][key] - of[b]["scores"][key] for of in runs]
    ends = (interval(by_example.mean(1), by_example), interval(within_task))
    return " | ".join(f"{100 * of.mean:+.1f} [{100 * of.low:+.1f}, {100 * of.high:+.1f}]" for of in ends)


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=5, help="class orders, seeds from 1, at least 2")
    parser.add_argument(
        "--centroids", type=int, default=512, help="of the patch dictionary; features are 4 times as many"
    )
    parser.add_argument("--folder", type=Path, default=Path("results/mechanisms"), help="where features are kept")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))["methods"]
    paths = encode_orders(arguments.orders, arguments.centroids, arguments.folder / f"cifar10_{arguments.centroids}")
    runs = []
    for seed, path in enumerate(paths, 1):
        say(f"order {seed}")
        runs.append(score_all(load_stream(path, TASKS), settings, seed))
    columns = ("accuracy", "accuracy_task_incremental", "log_loss", "bwt_task_incremental", "forgetting")
    columns += ("accuracy_without_memory", "gate_mean", "hit_rate", "carried_bytes")
    print(f"| arm or design | {' | '.join(columns)} | GFLOP | CPU seconds |\n|{'---|' * (len(columns) + 3)}")
    for name in runs[0]:
        known = [[of[name]["scores"].get(column, np.nan) for column in columns] for of in runs]
        # Designs are scored, not paid.
        spent = [[of[name]["gflops"] if name in METHODS else np.nan, of[name]["seconds"]] for of in runs]
        print(
            f"| {name} | " + " | ".join(f"{value:.4g}" for value in np.mean(np.hstack([known, spent]), axis=0)) + " |"
        )
    print("\n| what | a | b | a - b, class-incremental | a - b, task-incremental |\n|---|---|---|---|---|")
    for what, a, b in ROWS:
        print(f"| {what} | {a} | {b} | {difference(runs, a, b)} |")


if __name__ == "__main__":
    main()
