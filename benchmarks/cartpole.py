"""What the swarm on CartPole can do: `python -m benchmarks.cartpole [--rounds 8] [--periods 2] [--repeats 5]`.

Contestants take turns, and a ratio is the median of the ratios within a turn, so that what else runs on the machine
weighs on both sides. Steps per second of the environment: gymnasium's own vector CartPole and ours, on the same batch
and the same actions, new starts included. Workers against the single process: one search with the same candidates, on
whole cores and, as root, on equal-share nodes, each held to .45 of a core, the single process too. Seconds to target
of the swing-up with two workers over one process, over ten seeds. The last line holds the ratios.
"""

import argparse
import os
from collections.abc import Callable
from statistics import median

import gymnasium
import numpy as np
import pandas as pd

from benchmarks.memory import hardware, ratio, take_turns
from hsokv.distributed import cartpole, swing_up
from hsokv.distributed.executors import cores, default_backend, open_executor
from hsokv.distributed.nodes import why_no_nodes
from hsokv.distributed.scaling import measure_ceiling, measure_service, measure_speed
from hsokv.distributed.search import Plan, run_search
from hsokv.distributed.simulation import validate

BATCH, STEPS = 1024, 300
EQUAL_SHARE = {"nodes": [1, 2, 4], "share": 0.45}


def environments() -> dict[str, Callable[[], None]]:
    """A batch of CartPole that steps on and on, theirs and ours."""
    theirs = gymnasium.make_vec("CartPole-v1", num_envs=BATCH, vectorization_mode="vector_entry_point")
    theirs.reset(seed=0)
    generator = np.random.default_rng(0)
    state, steps = cartpole.draw_starts(generator, BATCH), np.zeros(BATCH, np.int64)
    actions = np.random.default_rng(1).integers(0, 2, (STEPS, BATCH))

    def step_theirs() -> None:
        for action in actions:
            theirs.step(action)

    def step_ours() -> None:
        nonlocal state
        for action in actions:
            state, over = cartpole.step(state, action == 1)
            np.add(steps, 1, out=steps)
            over |= steps >= cartpole.STEPS
            if over.any():
                state[:, over], steps[over] = cartpole.draw_starts(generator, int(over.sum())), 0

    return {"gymnasium": step_theirs, "ours": step_ours}


def compare_environments() -> float:
    """Print steps per second; return how many times gymnasium's ours makes."""
    seconds = take_turns(environments(), turns=9)
    for name, times in seconds.items():
        print(f"| {name} | {BATCH * STEPS / median(times) / 1e6:.1f} |")
    return ratio(seconds, "gymnasium", "ours")


def compare_seconds(backend: str) -> None:
    """Print seconds to the target of the swing-up by two workers and by one process, in turns, over ten seeds."""
    found: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    with open_executor("single", 1) as one, open_executor(backend, 2) as two:
        for executor in (one, two):
            run_search(Plan(), executor, rounds=1)  # in which workers load what they need
        for seed in range(1000, 1010):
            for executor in (one, two):
                run = run_search(Plan(seed=seed), executor, steps=1e8, target=swing_up.TARGET).events[-1]
                found[executor.workers].append((run.best, run.seconds))
    reached = sum(best >= swing_up.TARGET for best, _ in found[1])
    alone, both = (median(seconds for _, seconds in found[count]) for count in (1, 2))
    over = median(b / a for (_, a), (_, b) in zip(found[1], found[2], strict=True))
    print(
        f"\nSwing-up, {reached} of 10 seeds: {alone:.2f} s in one process, {both:.2f} s with two workers ({backend}),"
    )
    print(f"ratio {over:.2f}.")


def compare_workers(settings: dict) -> tuple[float, float]:
    """Print throughput by backend, node and workers; return the lower of the backends' speed-ups at 2 cores and at 4
    equal-share nodes, NaN for what was not measured."""
    rows = pd.DataFrame(measure_speed(settings))
    turn = ["node", "repeat"]
    strong = rows[rows["scaling"] == "strong"]
    single = strong[strong["backend"] == "single"].set_index(turn)["throughput"].rename("single")
    rows = rows.join(single, on=turn)
    rows["over"] = rows["throughput"] / rows["single"]
    groups = rows.groupby(["scaling", "node", "backend", "workers"], sort=False)
    print("\n| scaling | measured on | backend | workers | M steps/s | of a single process | not work (%) |")
    print("|---|---|---|---|---|---|---|")
    for place, row in groups[["throughput", "over", "overhead"]].median().iterrows():
        cells = f"{row['throughput'] / 1e6:.2f} | {row['over']:.2f} | {100 * row['overhead']:.1f}"
        print(f"| {' | '.join(map(str, place))} | {cells} |")
    ups = groups["over"].median()["strong"].drop("single", level="backend")
    two, four = (
        ups[(ups.index.get_level_values("node") == node) & (ups.index.get_level_values("workers") == count)].min()
        for node, count in (("cores", 2), ("equal_share", 4))
    )
    print(f"\nTwo processes at once, unrelated: {measure_ceiling(settings):.2f} of one alone.")
    return two, four


def compare_simulation(settings: dict) -> None:
    """Print how well nodes are predicted from one node."""
    measured = measure_service(settings, [0.0, 0.02])
    rows = validate(measured["services"], measured["configurations"], 20)
    print("\n| nodes | latency (ms) | predicted (M steps/s) | measured | error (%) |\n|---|---|---|---|---|")
    for row in rows:
        predicted = f"{row['predicted'] / 1e6:.2f} [{row['low'] / 1e6:.2f}, {row['high'] / 1e6:.2f}]"
        cells = f"{predicted} | {row['measured'] / 1e6:.2f} | {100 * row['error']:.0f}"
        print(f"| {row['nodes']} | {1e3 * row['latency']:g} | {cells} |")
    print(f"\nMedian error of the simulation: {100 * median(row['error'] for row in rows):.0f} %.")


def main() -> None:
    """Print the tables and the line of ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("candidates", 2048), ("rounds", 8), ("periods", 2), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    settings = vars(parser.parse_args()) | {
        "episodes_per_candidate": 2,
        "workers": [1, 2, 4],
        "equal_share": EQUAL_SHARE,
    }
    if reason := why_no_nodes(EQUAL_SHARE):
        print(reason)
        settings["equal_share"] = None
    backends = ["processes"] + (["ray"] if default_backend() == "ray" else [])
    print(f"{hardware()}, {cores()} cores, load {os.getloadavg()[0]:.1f} before.\n")
    print("| CartPole-v1, 1024 at a time | M steps/s |\n|---|---|")
    faster = compare_environments()
    two, four = compare_workers(settings | {"backends": backends})  # first: it starts Ray with a core for each node
    compare_seconds(backends[-1])
    compare_simulation(settings)
    print(f"\nLoad {os.getloadavg()[0]:.1f} after.\n")
    print(f"steps_vs_gymnasium={faster:.2f} two_workers={two:.2f} four_equal_share_nodes={four:.2f}")


if __name__ == "__main__":
    main()
