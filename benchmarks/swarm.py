"""What a swarm costs: `python -m benchmarks.swarm [--output docs/swarm-speed.png]`, under two minutes.

One thread. All contestants of a comparison take turns, and a ratio is the median of the ratios within a turn, so that
what else runs on the machine weighs on both sides. First one training step of all agents against loops over them, then
a whole run of `full` against the number of agents, then that run against one pass of the text encoder over as many
texts as the test set of `sst2` has. Everything the swarm sees is generated, in the shapes of the study.
"""

import argparse
import csv
import os
from collections.abc import Callable
from pathlib import Path
from statistics import median

import matplotlib
import torch
import yaml
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from benchmarks.memory import hardware, ratio, take_turns
from hsokv.arms.population import fit
from hsokv.data.episode import Background, Episode, Fold, Shots, shots_episode, words_episode
from hsokv.encoders.files import resolve_encoder
from hsokv.encoders.texts import load_text_encoder
from hsokv.exceptions import DataUnavailableError
from hsokv.learning.budget import Budget
from hsokv.learning.loop import Hyperparameters, Problems, init_learners, stack_problems, train_step
from hsokv.learning.optimizers import OPTIMIZERS, UNIT_RATES
from hsokv.report.panels import BLUE, GREY, STYLE

SETTINGS = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())["methods"]
SWARMS = {1: (1, 1), 4: (2, 2), 16: (4, 4), 64: (8, 8)}  # agents -> managers, agents of each
TURNS = {("sst2", 16): 30, ("sst2", 64): 15, ("rare_words", 16): 12, ("rare_words", 64): 6}
TEXTS, WORDS = 872, 19  # the test set of sst2, and the words of a text of it, on average
ALLOWED = 10**15  # so much that no run is cut short


def draw(per_class: int, classes: int, key_dim: int, generator: torch.Generator) -> Shots:
    """Unit vectors around one axis per class."""
    y = torch.arange(classes).repeat(per_class)
    x = torch.eye(classes, key_dim)[y] + 0.1 * torch.randn(len(y), key_dim, generator=generator)
    return Shots(normalize(x, dim=-1), y)


def make_sst2(generator: torch.Generator) -> Episode:
    """An episode shaped as those of sst2: 384 features, 2 classes, 16 shots of each, 4 folds."""
    train, dev, test = (draw(count, 2, 384, generator) for count in (16, 16, TEXTS // 2))
    return shots_episode(train, dev, test, classes=2, folds=4)


def make_rare_words(generator: torch.Generator) -> Episode:
    """An episode shaped as those of rare_words: 192 features, 100 words, 2 shots of each."""
    fold, dev, test = (Fold(draw(2, 100, 192, generator), draw(1, 100, 192, generator)) for _ in range(3))
    return words_episode(fold, dev, test, 100, Background(*(torch.eye(192), 100), *[torch.eye(192)] * 3))


def plain_loop(problems: Problems, classes: int, hyperparameters: Hyperparameters) -> Callable[[], None]:
    """A step of every agent on every problem as one would write it at first: autograd, one head after the other."""
    heads = []
    for optimizer, rate, decay in zip(*(part.tolist() for part in hyperparameters), strict=True):
        for x, y, mask in zip(problems.x, problems.y, problems.mask.bool(), strict=True):
            shapes = (x.shape[-1], classes), (classes,)
            state = [tuple(torch.zeros(shape) for _ in range(3)) for shape in shapes]
            heads.append([x[mask], y[mask], OPTIMIZERS[optimizer], rate * UNIT_RATES[optimizer], decay, state])
    taken = 0

    def step() -> None:
        nonlocal taken
        taken += 1
        for head in heads:
            x, y, name, rate, decay, state = head
            weight, bias = (parameter.requires_grad_() for parameter, _, _ in state)
            slopes = torch.autograd.grad(cross_entropy(x @ weight + bias, y), (weight, bias))
            told = float(slopes[0].square().mean()), name, rate, decay / len(y), taken
            head[-1] = [_move(*part, g, *told) for part, g in zip(state, slopes, strict=True)]

    return step


@torch.no_grad()
def _move(
    w: Tensor, m: Tensor, v: Tensor, g: Tensor, square: float, name: str, rate: float, decay: float, taken: int
) -> tuple[Tensor, Tensor, Tensor]:
    if name == "sgd":
        m = 0.9 * m + g
        direction = m
    else:
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * square
        numerator = m / (1 - 0.9**taken) if name == "adam_norm" else g
        direction = numerator / ((v / (1 - 0.999**taken)).sqrt() + 1e-8)
    return (w - rate * direction) / (1 + rate * decay), m, v


def steppers(problems: Problems, classes: int, agents: int) -> dict[str, Callable[[], None]]:
    """The same step of the same agents three ways, each going on from where it was."""
    everyone = Hyperparameters(
        torch.arange(agents) % len(OPTIMIZERS), torch.linspace(0.4, 2.5, agents), torch.full((agents,), 32.0)
    )
    each = [Hyperparameters(*(part[i : i + 1] for part in everyone)) for i in range(agents)]
    swarm = init_learners((agents,), problems, classes)
    alone = [init_learners((1,), problems, classes) for _ in each]

    def together() -> None:
        nonlocal swarm
        swarm = train_step(swarm, everyone, problems)

    def one_by_one() -> None:
        alone[:] = [train_step(one, own, problems) for one, own in zip(alone, each, strict=True)]

    return {"together": together, "one by one": one_by_one, "plain": plain_loop(problems, classes, everyone)}


def compare_steps(episodes: dict[str, Episode]) -> dict[tuple[str, int], float]:
    """Print the table of training steps; return how many times faster than a loop over agents, by task and agents."""
    print("| task | agents | together (ms) | loop over agents (ms) | speed-up | plain loop (ms) | speed-up |")
    print("|---|---|---|---|---|---|---|")
    speedups = {}
    for (task, agents), turns in TURNS.items():
        episode = episodes[task]
        seconds = take_turns(steppers(stack_problems(episode), episode.classes, agents), turns)
        ms = {name: 1e3 * median(times) for name, times in seconds.items()}
        speedup, plain = (ratio(seconds, name, "together") for name in ("one by one", "plain"))
        speedups[task, agents] = speedup
        loops = f"{ms['one by one']:.1f} | {speedup:.1f} | {ms['plain']:.1f} | {plain:.1f}"
        print(f"| {task} | {agents} | {ms['together']:.1f} | {loops} |", flush=True)
    return speedups


def whole_run(episode: Episode, agents: int) -> int:
    """Fit `full` with that many agents, predict the test set, and return the counted operations of the fit."""
    managers, each = SWARMS[agents]
    size = {"managers": managers, "agents": each, "ensemble_size": min(SETTINGS["swarm"]["ensemble_size"], agents)}
    budget = Budget(ALLOWED)
    fitted = fit(episode, SETTINGS | {"swarm": SETTINGS["swarm"] | size}, budget, torch.Generator().manual_seed(0))
    fitted.predict(episode.test.x)
    return budget.spent


def compare_runs(episode: Episode) -> dict[int, list[float]]:
    """Print what a whole run costs against the number of agents; return the seconds of every turn."""
    operations = {agents: whole_run(episode, agents) for agents in SWARMS}
    contestants = {agents: lambda agents=agents: whole_run(episode, agents) for agents in SWARMS}
    seconds = take_turns(contestants, turns=15, warm_up=1)
    print("\nA whole run of `full`, `sst2` shapes:\n")
    print("| agents | managers x agents | run (ms) | times one agent's | run by agents (ms) | MFLOPs | times |")
    print("|---|---|---|---|---|---|---|")
    for agents, (managers, each) in SWARMS.items():
        ms, spent = 1e3 * median(seconds[agents]), operations[agents]
        paid = f"{spent / 1e6:,.0f} | {spent / operations[1]:.1f}"
        cells = f"{ms:.0f} | {ratio(seconds, agents, 1):.1f} | {ms / agents:.1f} | {paid}"
        print(f"| {agents} | {managers} x {each} | {cells} |")
    return seconds


def find_texts(generator: torch.Generator) -> tuple[list[str], str]:
    """The texts of the test set of sst2 without their labels, or generated ones of that length; and what they are."""
    path = Path(os.environ.get("HSOKV_DATA_DIR", "")) / "glue" / "SST-2" / "dev.tsv"
    if os.environ.get("HSOKV_DATA_DIR") and path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            texts = [row["sentence"] for row in rows]
        return texts, f"the {len(texts)} texts of the test set of `sst2`"
    words = ["a", "the", "film", "story", "of", "and", "its", "is", "not", "too", "acting", "plot", "scenes", "good"]
    lengths = torch.randint(2, 2 * WORDS - 1, (TEXTS,), generator=generator).tolist()
    drawn = [torch.randint(0, len(words), (length,), generator=generator).tolist() for length in lengths]
    return [" ".join(words[i] for i in text) for text in drawn], f"{TEXTS} generated texts of {WORDS} words on average"


def compare_with_encoder(episode: Episode, generator: torch.Generator) -> None:
    """Print what a whole run of 16 agents on cached features takes beside one pass of the encoder over the test set."""
    try:
        encoder = load_text_encoder(resolve_encoder(download=False))
    except DataUnavailableError as reason:
        print(f"\nA run beside the encoder: not run: {reason}.")
        return
    texts, kind = find_texts(generator)
    contestants = {"swarm": lambda: whole_run(episode, 16), "encoder": lambda: encoder.encode(texts)}
    seconds = take_turns(contestants, turns=1, warm_up=0)
    swarm, one_pass = (seconds[name][0] for name in ("swarm", "encoder"))
    print(f"\nA whole run of 16 agents on cached features takes {swarm:.2f} s.")
    print(f"One pass of the encoder over {kind} takes {one_pass:.1f} s, {one_pass / swarm:.0f} times as long.")


def plot(seconds: dict[int, list[float]], output: Path) -> None:
    """Save the time of a whole run against the agents, both on logarithmic axes, beside proportional cost."""
    agents, times = list(SWARMS), [median(seconds[count]) for count in SWARMS]
    with matplotlib.rc_context(fname=STYLE):
        figure = Figure(figsize=(3.4, 2.5), layout="constrained")
        axes = figure.subplots()
        axes.loglog(agents, [times[0] * count for count in agents], ":", color=GREY, label="proportional to agents")
        axes.loglog(agents, times, "-", color=BLUE, marker="o", label="a whole run of full")
        axes.set(xlabel="agents", ylabel="time for one run (s)")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xticks(agents, [str(count) for count in agents])
        axes.set_title("Whole run, sst2 shapes, one thread", loc="left")
        axes.legend(loc="upper left", frameon=True, framealpha=1, edgecolor="none")  # no grid line through words
        axes.minorticks_off()
        figure.savefig(output)


def main() -> None:
    """Print two tables, a sentence and the line of ratios, and save the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("docs/swarm-speed.png"), help="where the plot goes")
    output = parser.parse_args().output
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    episodes = {"sst2": make_sst2(generator), "rare_words": make_rare_words(generator)}
    print(f"{hardware()} ({torch.backends.cpu.get_cpu_capability()}), 1 thread, torch {torch.__version__}.\n")
    speedups = compare_steps(episodes)
    seconds = compare_runs(episodes["sst2"])
    compare_with_encoder(episodes["sst2"], generator)
    plot(seconds, output)
    print(f"\nPlot: {output}\n")
    first, second = (speedups["sst2", agents] for agents in (16, 64))
    print(f"speedup_16={first:.1f} speedup_64={second:.1f} cost_64_over_1={ratio(seconds, 64, 1):.1f}")


if __name__ == "__main__":
    main()
