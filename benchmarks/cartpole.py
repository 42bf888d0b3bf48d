"""What the swarm on CartPole can do: `python -m benchmarks.cartpole [--rounds 5] [--periods 2] [--repeats 9]`.

Contestants take turns, and a ratio is the median of the ratios within a turn, so that what else runs on the machine
weighs on both sides. Steps per second of the environment: gymnasium's own vector CartPole and ours, on the same batch
and the same actions, new starts included. Two workers against the best single process: the same managers, in one batch;
beside it, what this machine lets two processes do that know nothing of each other. The last lines tell how the
simulation, fitted to one worker, predicts two.
"""

import argparse
import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from statistics import median

import gymnasium
import numpy as np

from benchmarks.memory import hardware, ratio, take_turns
from hsokv.distributed import cartpole, swing_up
from hsokv.distributed.evolution import Evolution, improve, init
from hsokv.distributed.pool import cores, default_backend, open_pool
from hsokv.distributed.projection import measure_configurations, validate
from hsokv.distributed.random_search import random_search
from hsokv.distributed.ray_actors import connect
from hsokv.distributed.scaling import make_plan, measure_ceiling, timed_on

BATCH, STEPS = 1024, 300
MANAGERS = 4
EPISODES = 100


def environments() -> dict[str, Callable[[], None]]:
    """A batch of CartPole that steps on and on, theirs and ours."""
    theirs = gymnasium.make_vec("CartPole-v1", num_envs=BATCH, vectorization_mode="vector_entry_point")
    theirs.reset(seed=0)
    generator = np.random.default_rng(0)
    ours = cartpole.begin(generator, BATCH)
    actions = np.random.default_rng(1).integers(0, 2, (STEPS, BATCH))

    def step_theirs() -> None:
        for action in actions:
            theirs.step(action)

    def step_ours() -> None:
        nonlocal ours
        for action in actions:
            ours, *_ = cartpole.advance(ours, action == 1, generator)

    return {"gymnasium": step_theirs, "ours": step_ours}


def compare_environments() -> float:
    """Print steps per second; return how many times gymnasium's ours makes."""
    seconds = take_turns(environments(), turns=9)
    for name, times in seconds.items():
        print(f"| {name} | {BATCH * STEPS / median(times) / 1e6:.1f} |")
    return ratio(seconds, "gymnasium", "ours")


def solve(seed: int) -> tuple[float, int, float]:
    """CartPole-v1 by an evolution strategy: mean return over 100 episodes, environment steps and seconds."""
    start, learner, steps, number = time.perf_counter(), init(cartpole, seed, 0)[None], 0, 0
    settings = Evolution(16, 2, cartpole.SIGMA, cartpole.RATE)
    starts = cartpole.draw_starts(np.random.default_rng(1000 + seed), 1, EPISODES)
    score = 0.0
    while score < cartpole.TARGET and number < 200:
        number += 1
        learner, made = improve(cartpole, learner, settings, seed, [0], [number])
        score = cartpole.rollout(learner[:, : cartpole.SIZE], starts)[0].mean()
        steps += int(made.sum())
    return score * cartpole.STEPS, steps, time.perf_counter() - start


def compare_learning() -> None:
    """Print what solves CartPole-v1, and that random search does not solve swing-up."""
    found = [solve(seed) for seed in range(10)]
    solved = sum(score >= cartpole.TARGET * cartpole.STEPS for score, _, _ in found)
    print("\n| CartPole-v1 | 475 over 100 episodes | steps (median) | seconds (median) |\n|---|---|---|---|")
    steps, seconds = (median(part) for part in list(zip(*found, strict=True))[1:])
    print(f"| evolution strategy | {solved} of 10 seeds | {steps:,.0f} | {seconds:.2f} |")
    found = []
    for seed in range(10):
        start = time.perf_counter()
        found.append((*random_search(cartpole, 2_000_000, 2, seed), time.perf_counter() - start))
    solved = sum(score >= cartpole.TARGET for score, _, _ in found)
    steps, seconds = (median(part) for part in list(zip(*found, strict=True))[1:])
    print(f"| random search | {solved} of 10 seeds | {steps:,.0f} | {seconds:.2f} |")
    scores = [random_search(swing_up, 2_000_000, 2, seed)[0] for seed in range(3)]
    print(f"\nSwing-up, random search, 2,000,000 steps: best {max(scores):.3f} of a target of {swing_up.TARGET}.")


def compare_workers(settings: dict, backends: list[str]) -> tuple[dict[str, float], float]:
    """Print throughput by backend and workers; return each one's ratio to a single process, of two workers, and the
    ratio that any two processes reach."""
    contestants = [("single", 1)] + [(backend, workers) for backend in backends for workers in (1, 2)]
    plan = make_plan("swing_up", settings, 0)
    if "ray" in backends:
        connect(None, 3, 60)  # a core for each actor, as Ray counts them
    found, ceilings = {contestant: [] for contestant in contestants}, []
    with ExitStack() as stack:
        pools = {
            (name, count): stack.enter_context(closing(open_pool(name, plan, count))) for name, count in contestants
        }
        for turn in range(1 + settings["repeats"]):
            ceilings.append(measure_ceiling(plan, MANAGERS, 1))
            for contestant, pool in pools.items():
                found[contestant].append(timed_on(pool, plan, MANAGERS, settings["periods"] if turn else 1)[1])
    found, ceilings = {contestant: runs[1:] for contestant, runs in found.items()}, ceilings[1:]
    print("\n| backend | workers | M steps/s | of a single process | of one worker | not work (%) | kB to, from |")
    print("|---|---|---|---|---|---|---|")
    ratios = {}
    for (backend, workers), runs in found.items():
        bases = (found["single", 1], found[backend, 1])
        over = [median(a["throughput"] / b["throughput"] for a, b in zip(runs, base, strict=True)) for base in bases]
        speed, idle = (median(run[name] for run in runs) for name in ("throughput", "overhead"))
        traffic = f"{runs[0]['bytes_sent'] / 1e3:.0f}, {runs[0]['bytes_received'] / 1e3:.0f}"
        cells = f"{speed / 1e6:.2f} | {over[0]:.2f} | {over[1]:.2f} | {100 * idle:.1f} | {traffic}"
        print(f"| {backend} | {workers} | {cells} |", flush=True)
        if workers == 2:
            ratios[backend] = over[0]
    print(f"\nTwo processes at once, unrelated: {median(ceilings):.2f} of one alone.")
    return ratios, median(ceilings)


def compare_simulation(settings: dict, ceiling: float) -> None:
    """Print how well two workers are predicted from one, and from what this machine lets any two processes do."""
    measured = measure_configurations(settings, "processes")
    rows = validate(measured, settings["periods"], settings["episodes_per_candidate"], seed=0, ceiling=ceiling)
    print("\n| managers a worker | rounds a period | two workers, projected (M steps/s) | measured | error (%) |")
    print("|---|---|---|---|---|")
    for row in rows:
        projected = f"{row['predicted'] / 1e6:.2f} [{row['low'] / 1e6:.2f}, {row['high'] / 1e6:.2f}]"
        cells = f"{projected} | {row['measured'] / 1e6:.2f} | {100 * row['error']:.0f}"
        print(f"| {row['payload']} | {row['rounds']} | {cells} |")
    print(f"\nMedian error of the simulation: {100 * median(row['error'] for row in rows):.0f} %.")


def main() -> None:
    """Print the tables and the line of ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("candidates", 256),
        ("episodes_per_candidate", 2),
        ("rounds", 5),
        ("periods", 2),
        ("repeats", 9),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    settings = vars(parser.parse_args())
    print(f"{hardware()}, {cores()} cores, load {os.getloadavg()[0]:.1f} before.\n")
    print("| CartPole-v1, 1024 at a time | M steps/s |\n|---|---|")
    faster = compare_environments()
    compare_learning()
    backends = ["processes"] + (["ray"] if default_backend() == "ray" else [])
    ratios, ceiling = compare_workers(settings, backends)
    compare_simulation(settings, ceiling)
    print(f"\nLoad {os.getloadavg()[0]:.1f} after.\n")
    print(f"steps_vs_gymnasium={faster:.2f} two_workers_vs_single_process={min(ratios.values()):.2f}")


if __name__ == "__main__":
    main()
