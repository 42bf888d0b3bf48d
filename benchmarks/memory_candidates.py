"""The designs that `benchmarks.memory_mechanisms` compares on few-shot tasks: the package's arm with one part replaced.

A design is `kv_closed_form` (one head, one memory, no swarm) unless it says otherwise; candidates that are not in the
package live here alone. Functions of a task and a budget make keys and heads; gates are in memory_gates.py.
All of a fit but the reading of the test queries is counted and held to the allowance.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from benchmarks.memory_gates import package_gate
from hsokv.data.episode import Background, Episode, Shots
from hsokv.memory import functional as kv
from hsokv.methods import single
from hsokv.methods.members import default_hyperparameters, fold_temperature, write_memories
from hsokv.methods.ridge import discriminant
from hsokv.model.calibration import fit_temperature, label_log_prob
from hsokv.model.discriminant import key_projection
from hsokv.model.head import Head, logits
from hsokv.model.moments import add, init_moments, within
from hsokv.training.budget import Budget, count_flops
from hsokv.training.loop import init_learners, stack_problems, stack_scores, train
from hsokv.training.optimisers import STRATEGIES, update
from hsokv.training.optimisers import init_state as init_adam

METHODS = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())["methods"]
# The sharpness is the default of when the rows were drawn; it is 16 since, because of them.
SETTINGS = {"head": METHODS["head"], "memory": METHODS["memory"] | {"sharpness": 10.0}, "keys": METHODS["keys"]}
SHARPNESSES = 2.0 ** torch.arange(-2.0, 7.0)
RANDOM_FEATURES = 1024
PAIRS, HIDDEN, WARM_UP, SCALE = 200, 256, 30, 12.0  # of contrastive learning
RATES = {0: 0.01, HIDDEN: 0.001}  # the best of 0.01, 0.003 and 0.001 on the fold words of worlds 1 and 2

Say = Callable[[int, Tensor], Tensor]  # problem and queries -> log p [n, classes]
Read = Callable[[int, Tensor], kv.Retrieval]


@dataclass(frozen=True)
class Task:
    """An episode, what it may cost, and for rare words the contexts behind the background's statistics."""

    seed: int
    episode: Episode
    allowed: int
    contexts: Shots | None = None


def raw_keys(task: Task, budget: Budget) -> Callable[[Tensor], Tensor]:
    """The features themselves."""
    return lambda x: x


def package_keys(task: Task, budget: Budget) -> Callable[[Tensor], Tensor]:
    """Discriminative directions in closed form, where there is a background."""
    background = task.episode.background
    if background is None:
        return raw_keys(task, budget)
    projection = budget.run(lambda: key_projection(background.within, background.between, **SETTINGS["keys"]))
    return lambda x: normalize(x @ projection, dim=-1)


_learnt: dict[tuple[int, int, int], tuple[list[Tensor], int]] = {}  # of a world, all its levels alike


def learnt_keys(hidden: int, percent: int = 99) -> Callable[[Task, Budget], Callable[[Tensor], Tensor]]:
    """A linear map, with a hidden layer beside it where `hidden` > 0, learnt by contrast of frequent words.

    It takes what `kv_closed_form` leaves of `percent` of the allowance.
    """

    def keys(task: Task, budget: Budget) -> Callable[[Tensor], Tensor]:
        name = (task.seed, hidden, percent)
        if name not in _learnt:
            reference = Budget(task.allowed)
            single.fit(task.episode, SETTINGS, reference, torch.Generator())
            _learnt[name] = _contrast(task, task.allowed * percent // 100 - reference.spent, hidden)
        parameters, spent = _learnt[name]
        budget.charge(spent)
        return lambda x: _embed(parameters, x)

    return keys


def _embed(parameters: list[Tensor], x: Tensor) -> Tensor:
    out, rest = x @ parameters[0], parameters[1:]
    if rest:
        enter, bias, leave = rest
        out = out + torch.relu(x @ enter + bias) @ leave
    return normalize(out, dim=-1)


def _contrast(task: Task, allowed: int, hidden: int) -> tuple[list[Tensor], int]:
    """InfoNCE: of two contexts of each of 200 frequent words, each finds the other; Adam, rate falling to 0."""
    x, y = task.contexts
    by_word = y.argsort(stable=True).view(int(y.max()) + 1, -1)
    generator, dim, directions = torch.Generator().manual_seed(task.seed), x.shape[1], SETTINGS["keys"]["directions"]
    shapes = [(dim, directions)] + [(dim, hidden), (hidden,), (hidden, directions)] * bool(hidden)
    parameters = [torch.randn(shape, generator=generator) * shape[0] ** -0.5 * (len(shape) > 1) for shape in shapes]
    moments = [init_adam(parameter, ()) for parameter in parameters]
    adam, decay = torch.tensor(STRATEGIES.index("adam_norm")), torch.tensor(1e-3)

    def draw() -> tuple[Tensor, Tensor]:
        words = torch.randperm(len(by_word), generator=generator)[:PAIRS]
        places = torch.rand(PAIRS, by_word.shape[1], generator=generator).argsort(1)[:, :2]
        first, second = by_word[words].gather(1, places).unbind(1)
        return 8 * x[first], 8 * x[second]

    def step(pair: tuple[Tensor, Tensor], rate: float) -> None:
        leaves = [parameter.requires_grad_() for parameter in parameters]
        scores = SCALE * _embed(leaves, pair[0]) @ _embed(leaves, pair[1]).mT
        same = torch.arange(PAIRS)
        gradients = torch.autograd.grad(cross_entropy(scores, same) + cross_entropy(scores.mT, same), leaves)
        for i, gradient in enumerate(gradients):
            parameters[i], moments[i] = update(
                parameters[i].detach(), gradient, moments[i], adam, torch.tensor(rate), decay
            )

    _, cost = count_flops(step, draw(), 0.0)
    steps = allowed // cost
    for t in range(steps):
        step(draw(), RATES[hidden] * min(1, (t + 1) / WARM_UP) * (1 - t / steps))
    return [parameter.detach() for parameter in parameters], steps * cost


def gradient_head(task: Task, budget: Budget) -> Say:
    """The package's: a linear head by gradient, its temperature fitted on the folds."""
    problems, scores = stack_problems(task.episode), stack_scores(task.episode)
    learners = init_learners((1,), problems, task.episode.classes)
    head = SETTINGS["head"]
    learners, _ = train(learners, default_hyperparameters(head), problems, head["steps"], budget, budget.allowed // 4)
    temperature = budget.run(fold_temperature, learners.head, problems, scores)
    weight, bias = learners.head.weight[0], learners.head.bias[0]
    return lambda problem, x: (logits(Head(weight[problem], bias[problem]), x) / temperature[0]).log_softmax(-1)


def lda_head(task: Task, budget: Budget) -> Say:
    """Shrunken LDA, its shrinkage chosen and its temperature fitted on the folds."""
    return budget.run(_discriminants, task, lambda x: x, task.episode.background)


def random_lda_head(task: Task, budget: Budget) -> Say:
    """The same on relu(x R), R random, with the background's statistics made anew."""
    generator = torch.Generator().manual_seed(task.seed)
    dim = task.episode.train.x.shape[1]
    directions = torch.randn(dim, RANDOM_FEATURES, generator=generator)

    def lift(x: Tensor) -> Tensor:
        return torch.relu(x @ directions)

    def fit() -> Say:
        background = task.episode.background
        if background is not None:
            x, y = task.contexts
            moments = add(init_moments(int(y.max()) + 1, RANDOM_FEATURES), lift(x), y)
            scatter, degrees = within(moments)
            background = Background(scatter / degrees, degrees, background.between)  # LDA reads no `between`
        return _discriminants(task, lift, background)

    return budget.run(fit)


def _discriminants(task: Task, lift: Callable[[Tensor], Tensor], background: Background | None) -> Say:
    episode = task.episode

    def solve(shots: Shots, shrinkage: float) -> Head:
        return discriminant(Shots(lift(shots.x), shots.y), episode.classes, shrinkage, background)

    def on_folds(shrinkage: float) -> tuple[float, float, Tensor]:
        scores = torch.cat([logits(solve(fold.fit, shrinkage), lift(fold.score.x)) for fold in episode.folds])
        labels = torch.cat([fold.score.y for fold in episode.folds])
        temperature = fit_temperature(scores, labels)
        return -float(label_log_prob((scores / temperature).log_softmax(-1), labels).mean()), shrinkage, temperature

    _, shrinkage, temperature = min(map(on_folds, METHODS["ridge"]["shrinkage"]))
    heads = [solve(shots, shrinkage) for shots in _learnt_from(episode)]
    return lambda problem, x: (logits(heads[problem], lift(x)) / temperature).log_softmax(-1)


def _learnt_from(episode: Episode) -> list[Shots]:
    """What each problem of `stack_problems` learns from."""
    dev = [] if episode.dev.fit is episode.train else [episode.dev.fit]
    return [*(fold.fit for fold in episode.folds), *dev, episode.train]


@dataclass(frozen=True)
class Design:
    """What an arm is made of; the default is the package's `kv_closed_form`."""

    keys: Callable = package_keys
    head: Callable = gradient_head
    gate: Callable = package_gate
    k: int = SETTINGS["memory"]["k"]
    sharpness: float | None = SETTINGS["memory"]["sharpness"]  # None: fitted on the folds


def fit(task: Task, design: Design) -> tuple[Callable[[Tensor], Tensor], int]:
    """A map of queries to probabilities [n, classes], and the FLOPs spent; BudgetError past the allowance."""
    budget, episode = Budget(task.allowed), task.episode
    problems = stack_problems(episode)
    say, keys = design.head(task, budget), design.keys(task, budget)

    def write() -> kv.MemoryState:
        settings = {"memory": SETTINGS["memory"]}
        state = write_memories(episode, problems, settings, torch.ones(1)).state
        return state._replace(keys=keys(state.keys) * state.occupied.unsqueeze(-1))

    state = budget.run(write)

    def read(problem: int, x: Tensor) -> kv.Retrieval:
        return kv.read(kv.MemoryState(*(part[problem] for part in state)), keys(x), design.k)

    def on_folds() -> Tensor:
        found = [(read(i, fold.score.x), fold.score.y) for i, fold in enumerate(episode.folds)]

        def loss(b: Tensor) -> Tensor:
            said = [label_log_prob(kv.label_distribution(r, b, episode.classes).log(), y) for r, y in found]
            return -torch.cat(said).sum()

        return SHARPNESSES[torch.stack([loss(b) for b in SHARPNESSES]).argmin()]

    sharpness = budget.run(on_folds) if design.sharpness is None else design.sharpness

    def both(problem: int, x: Tensor) -> tuple[Tensor, Tensor, kv.Retrieval]:
        retrieval = read(problem, x)
        return say(problem, x), kv.label_distribution(retrieval, sharpness, episode.classes), retrieval

    gate = budget.run(lambda: design.gate(*both(problems.dev, episode.dev.score.x), episode.dev.score.y))

    def predict(x: Tensor) -> Tensor:
        said = both(problems.train, x)
        g = gate(*said)
        return (1 - g) * said[0].exp() + g * said[1]

    return predict, budget.spent
