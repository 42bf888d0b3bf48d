"""Where a swarm beats random search: `python -m benchmarks.swarm_or_search [--problems 24] [--first 1]`.

A family of generated problems on which search has something to find. Five classes, 30 features in six blocks of five;
a class has a mean in every block (normal, deviation .5) and an example is its mean plus unit noise, 16 train examples
a class in four folds, 200 to test. Then every block is stretched by a factor of its own, log-uniform in [1/5, 5], so
that the step size that suits it goes with one over the factor's square, over 2.8 decades, and nobody knows it. A linear
softmax head is trained by gradient descent, plain or with momentum .9 (ten times the step, for the same rate). Searched
are the rate of each block, weight decay and the rule. Too large a rate never settles, too small a one never arrives.
Not a benchmark of the study. None of this was changed after arms had been compared.

Each arm may take 16 agents' steps, 10, 40 or 160 an agent, and whichever spends less on scoring than the swarm gets the
steps that make up for it. The box is as narrow as the study's (6.25 from low to high), 100 or 10,000 times as wide. The
swarm has the study's shape and settings.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import torch
import yaml
from matplotlib.figure import Figure
from torch import Tensor

from benchmarks import swarm_averages as averages
from benchmarks import swarm_candidates as searches
from benchmarks.swarm_candidates import Arena, Members, Search
from hsokv.analysis.intervals import interval
from hsokv.data.episode import Episode, Fold, Shots, check_episode, stratified_folds
from hsokv.methods.members import finish
from hsokv.methods.population import swarm_settings
from hsokv.model.calibration import label_log_prob
from hsokv.model.head import Head, gradient
from hsokv.report.panels import ARM_COLOURS, ARM_MARKERS, GREY, STYLE
from hsokv.swarm.state import Axis, Box
from hsokv.swarm.supervisor import TrainStep
from hsokv.training.budget import Budget, count_flops
from hsokv.training.loop import Learners, stack_problems, stack_scores

METHODS = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())["methods"]
CLASSES, BLOCKS, BLOCK, FOLDS = 5, 6, 5, 4
TRAIN, DEV, TEST, SPREAD, FACTOR = 16, 4, 200, 0.5, 5.0
STEPS, WIDTHS, NARROW = (10, 40, 160), (1, 100, 10_000), 6.25
MOMENTUM = (0.0, 0.9)  # by strategy
ALLOWED = 10**14  # never binds: steps are what is held equal


class Design(NamedTuple):
    """A search, and what becomes of its agents."""

    search: Search
    average: Callable[..., Members] = averages.best_of_last


REFERENCE = "random search"
DESIGNS = {
    "swarm": Design(searches.swarm),
    "swarm, best so far": Design(searches.swarm, averages.best_of_all),
    "one group": Design(searches.one_group),
    "bandit across groups": Design(searches.group_bandit),
    "successive halving": Design(searches.halving),
    REFERENCE: Design(searches.random_search),
    "default agent, all steps": Design(searches.default_agent),
}


def draw_problem(seed: int) -> Episode:
    """One problem of the family."""
    generator = torch.Generator().manual_seed(seed)
    factors = FACTOR ** (2 * torch.rand(BLOCKS, generator=generator) - 1)
    stretch = factors.repeat_interleave(BLOCK)
    means = SPREAD * torch.randn(CLASSES, BLOCKS * BLOCK, generator=generator)

    def draw(per_class: int) -> Shots:
        y = torch.arange(CLASSES).repeat(per_class)
        return Shots(stretch * (means[y] + torch.randn(len(y), BLOCKS * BLOCK, generator=generator)), y)

    train, dev, test = draw(TRAIN), draw(DEV), draw(TEST)
    folds = stratified_folds(train, FOLDS, CLASSES)
    return check_episode(Episode(folds, Fold(train, dev), train, test, CLASSES))


def search_box(width: float) -> Box:
    """The box, around a rate of 1 and a decay of .001."""
    half = (NARROW * width) ** 0.5
    axes = [Axis(f"rate{i}", 1 / half, half, 1.0) for i in range(BLOCKS)]
    return Box((*axes, Axis("weight_decay", 1e-3 / half, 1e-3 * half, 1e-3)), ("plain", "momentum"), "momentum")


def descend(arena: Arena, steps: int) -> TrainStep:
    """Gradient descent: v <- momentum v + g, w <- w - rate (v + decay w), a rate a block; the bias at a rate of 1."""
    x, y, mask = arena.problems[:3]

    def step(learners: Learners, values: dict[str, Tensor], strategy: Tensor) -> Learners:
        rate = torch.stack([values[f"rate{i}"] for i in range(BLOCKS)], -1).repeat_interleave(BLOCK, -1)
        rate, decay = rate[..., None, :, None], values["weight_decay"][..., None, None, None]
        momentum = torch.tensor(MOMENTUM)[strategy][..., None, None]

        def once(learners: Learners) -> Learners:
            (weight, bias), (of_weight, of_bias) = learners
            slope = gradient(learners.head, x, y, mask)
            of_weight = of_weight._replace(first=momentum[..., None] * of_weight.first + slope.weight)
            of_bias = of_bias._replace(first=momentum * of_bias.first + slope.bias)
            weight = weight - rate * (of_weight.first + decay * weight)
            return Learners(Head(weight, bias - of_bias.first), (of_weight, of_bias))

        learners, cost = count_flops(once, learners)
        arena.budget.charge(steps * cost)
        for _ in range(steps - 1):
            learners = once(learners)
        return learners

    return step


class Setting(NamedTuple):
    """What is varied: how wide the box is, and the steps of an agent."""

    width: int
    steps: int


def score_design(episode: Episode, design: Design, setting: Setting, seed: int) -> tuple[float, float, int]:
    """Accuracy and log-loss on the test examples, and the FLOPs spent."""
    budget, shape = Budget(ALLOWED), swarm_settings({"swarm": METHODS["swarm"]})
    problems, scores = stack_problems(episode), stack_scores(episode)
    arena = Arena(episode, budget, search_box(setting.width), shape, setting.steps, descend, problems, scores)
    members = design.average(arena, design.search(arena, torch.Generator().manual_seed(seed)))
    fitted = budget.run(finish, members.learners, None, episode, problems, scores)
    log_probs, y = fitted.predict(episode.test.x).log_probs, episode.test.y
    return float((log_probs.argmax(-1) == y).double().mean()), -float(label_log_prob(log_probs, y).mean()), budget.spent


def fair_steps(episode: Episode, design: Design, steps: int) -> int:
    """The steps an agent may take to spend what the swarm does with `steps`; the shapes decide, not the problem."""
    setting = Setting(1, steps)
    wanted, one, two = (
        score_design(episode, of, setting._replace(steps=count), 0)[2]
        for of, count in ((DESIGNS["swarm"], steps), (design, steps), (design, 2 * steps))
    )
    return steps + round((wanted - one) * steps / (two - one))


def compare(seeds: range) -> dict[tuple[Setting, str], np.ndarray]:
    """Accuracy, log-loss and FLOPs of every design [problems, 3], by setting and design."""
    found, begin = {}, time.perf_counter()
    episodes = [draw_problem(seed) for seed in seeds]
    for steps in STEPS:
        for name, design in DESIGNS.items():
            own = fair_steps(episodes[0], design, steps)
            for width in WIDTHS:
                setting = Setting(width, steps)
                if design.search is searches.default_agent and width > WIDTHS[0]:  # it does not look at the box
                    found[setting, name] = found[setting._replace(width=WIDTHS[0]), name]
                    continue
                allowed = setting._replace(steps=own)
                rows = [
                    score_design(episode, design, allowed, seed) for seed, episode in zip(seeds, episodes, strict=True)
                ]
                found[setting, name] = np.array(rows)
            minutes = (time.perf_counter() - begin) / 60
            print(f"{steps} steps, {name}: {minutes:.1f} min", file=sys.stderr, flush=True)
    return found


def difference(found: dict, setting: Setting, name: str, what: int) -> tuple:
    """The paired difference from random search: mean, low, high."""
    return interval(found[setting, name][:, what] - found[setting, REFERENCE][:, what])


def print_table(found: dict) -> None:
    """A row a setting and design."""
    print("| box | steps | arm | accuracy, % | over random search | log-loss, nats | over random search | FLOPs |")
    print("|" + "---|" * 8)
    for (setting, name), rows in sorted(found.items(), key=lambda item: item[0][0]):
        accuracy, loss, flops = rows.mean(0)
        a, b = "", ""
        if name != REFERENCE:
            a = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * end for end in difference(found, setting, name, 0)))
            b = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*difference(found, setting, name, 1))
        share = flops / found[setting, "swarm"][:, 2].mean()
        place = f"x{setting.width:,} | {setting.steps} | {name}"
        print(f"| {place} | {100 * accuracy:.1f} | {a} | {loss:.3f} | {b} | {share:.2f} |")


def plot(found: dict, output: Path) -> None:
    """Save log-loss over random search against the allowance, a panel a width."""
    shown = [name for name in DESIGNS if name != REFERENCE]
    with matplotlib.rc_context(fname=STYLE):
        figure = Figure(figsize=(7.0, 2.7), layout="constrained")
        panels = figure.subplots(1, len(WIDTHS), sharey=True)
        for axes, width in zip(panels, WIDTHS, strict=True):
            axes.axhline(0, color=GREY, linestyle=":")
            for i, name in enumerate(shown):
                differences = [difference(found, Setting(width, steps), name, 1) for steps in STEPS]
                mean, low, high = np.array(differences).T
                place = np.array(STEPS) * 1.09 ** (i - (len(shown) - 1) / 2)  # side by side
                bars = [mean - low, high - mean]
                axes.errorbar(place, mean, bars, color=ARM_COLOURS[i], marker=ARM_MARKERS[i], label=name)
            axes.set_xscale("log")
            axes.set_xticks(STEPS, [str(steps) for steps in STEPS])
            axes.minorticks_off()
            wide = f"{width:,} times as wide" if width > 1 else "as narrow as the study's"
            axes.set_title(f"box {wide}", loc="left")
            axes.set_xlabel("steps an agent")
        panels[0].set_yscale(
            "symlog", linthresh=0.1
        )  # the panels share it; a few differences are many times the others
        ticks = (-0.2, -0.1, -0.05, 0, 0.05, 0.1, 0.2, 0.5)
        panels[0].set_yticks(ticks, [f"{tick:+.2f}" if tick else "0" for tick in ticks])
        panels[0].set_ylabel("test log-loss over random search (nats)")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(shown))
        figure.savefig(output)


def main() -> None:
    """Print the table and save the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=24, help="how many problems; at least 2")
    parser.add_argument("--first", type=int, default=1, help="seed of the first of them")
    parser.add_argument("--output", type=Path, default=Path("docs/swarm-mechanisms.png"), help="where the figure goes")
    arguments = parser.parse_args()
    if arguments.problems < 2:
        parser.error("wanted at least 2 problems: there is no interval of one")
    torch.set_num_threads(1)
    found = compare(range(arguments.first, arguments.first + arguments.problems))
    print_table(found)
    plot(found, arguments.output)


if __name__ == "__main__":
    main()
