"""A swarm whose managers train on workers against the same in this process: `python -m benchmarks.swarm_workers`.

Random shots in the study's widths, few shots and classes to many; 4 managers of 4 agents. All contestants
take turns, one thread each, and a ratio is the median of the ratios within a turn. Workers are up before
the first turn. Every contestant is checked to find the same bits.
"""

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from statistics import median

import torch

from benchmarks.memory import hardware, ratio, take_turns
from hsokv.data.episode import Episode, Shots, shots_episode
from hsokv.distributed.pool import BACKENDS, cores
from hsokv.distributed.spread import open_spread
from hsokv.methods.population import fit_swarm, swarm_settings
from hsokv.training.budget import Budget

TASKS = {"32 shots, 2 classes": (32, 2), "320 shots, 10 classes": (320, 10), "256 shots, 64 classes": (256, 64)}
KEY_DIM, WORKERS = 384, 2
SETTINGS = {
    "head": {"strategy": "sgd", "learning_rate": 1.0, "weight_decay": 32.0, "steps": 50},
    "swarm": {"managers": 4, "agents": 4, "rounds": 5, "averaged": 4}
    | {"exploited": 0.25, "perturbation": 0.2, "resampled": 0.25}
    | {"box": {"learning_rate": [0.4, 2.5], "weight_decay": [2.0, 128.0]}},
}


def draw(shots: int, classes: int) -> Episode:
    """Shots, dev and test shots of random features, every class as often."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(shots) % classes
    train, dev, test = (Shots(torch.randn(shots, KEY_DIM, generator=generator), y) for _ in range(3))
    return shots_episode(train, dev, test, classes, 4)


def fit(episode: Episode, spread: Callable | None) -> list[float]:
    """What the swarm finds: its best log-loss by round."""
    budget, generator = Budget(10**15), torch.Generator().manual_seed(0)
    return fit_swarm(episode, SETTINGS, swarm_settings(SETTINGS), budget, generator, spread).curves["fold_log_loss"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--backends", nargs="*", default=[name for name in BACKENDS if name != "single"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{hardware()}, {cores()} cores, load {os.getloadavg()[0]:.1f} before.\n")
    print("| task | backend, workers | seconds | of this process's speed |\n|---|---|---|---|")
    with ExitStack() as stack:
        spreads = {name: stack.enter_context(open_spread(name, WORKERS)) for name in options.backends}
        for task, shape in TASKS.items():
            episode = draw(*shape)
            wanted = fit(episode, None)
            contestants = {"this process": partial(fit, episode, None)}
            for name, spread in spreads.items():
                if fit(episode, spread) != wanted:
                    raise SystemExit(f"{name} found other bits on {task}")
                contestants[f"{name}, {WORKERS}"] = partial(fit, episode, spread)
            seconds = take_turns(contestants, options.turns, warm_up=1)
            for name, times in seconds.items():
                print(
                    f"| {task} | {name} | {median(times):.2f} | {ratio(seconds, 'this process', name):.2f} |",
                    flush=True,
                )
    print(f"\nLoad {os.getloadavg()[0]:.1f} after.")


if __name__ == "__main__":
    main()
