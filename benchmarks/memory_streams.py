"""The mechanisms of `benchmarks.memory_mechanisms` that decide what a memory keeps of a stream, and how it is weighed.

A stream: 20 contexts of each of two senses of 100 rare words (level 2), shuffled, written in batches of 50 into 200 or
400 slots, features as they are; keys are projected for every read, which takes all entries at sharpness 10. The score
is the share of 1,000 later queries whose most probable label under the memory is right.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from hsokv.data.rare_words import SPLITS
from hsokv.memory import functional as kv
from hsokv.memory.state import age, sort, take
from hsokv.model.calibration import fit_gate, fit_temperature, label_log_prob
from hsokv.model.discriminant import key_projection, lda_head
from hsokv.model.head import Head, logits
from hsokv.model.moments import Moments, add, init_moments, within

WORDS, BATCH = 100, 50
CAPACITIES = (200, 400)
SHARPNESS, KEYS = 10.0, {"shrinkage": 0.1, "directions": 32}
NOVELTY, SURPRISE, RELEASE = (0.5, 0.7, 0.85), 0.5, 0.9


class Stream(NamedTuple):
    """Examples in their order, what is asked at the end, and the projection that features are read through."""

    x: Tensor
    y: Tensor
    queries: Tensor
    answers: Tensor
    projection: Tensor


class Run(NamedTuple):
    """A memory on its way: how often an entry weighed most, by its number, and how often its label was right then."""

    state: kv.MemoryState
    projection: Tensor
    reads: Tensor
    rights: Tensor


Write = Callable[[Run, Tensor, Tensor], kv.MemoryState]


def load_streams(path: Path, seed: int, wrong: float) -> dict[str, Stream]:
    """The streams of a world by split, a share of `wrong` labels drawn anew."""
    with np.load(path, allow_pickle=False) as arrays:
        found = {name: torch.from_numpy(arrays[name]) for name in arrays if name.startswith(("stream", "background"))}
    projection = key_projection(found["background/within"], found["background/between"], **KEYS)
    generator = torch.Generator().manual_seed(seed)

    def stream(split: str) -> Stream:
        x, y, queries, answers = (
            found[f"stream/{split}/{part}/{name}"] for part in ("support", "query") for name in "xy"
        )
        order = torch.randperm(len(y), generator=generator)
        drawn = torch.randint(WORDS, y.shape, generator=generator)
        flipped = torch.rand(y.shape, generator=generator) < wrong
        return Stream(x[order], torch.where(flipped, drawn, y[order]), queries, answers, projection)

    return {split: stream(split) for split in SPLITS}


def in_key_space(stream: Stream) -> Stream:
    """The same stream projected before it is written."""
    x, queries = (normalize(part @ stream.projection, dim=-1) for part in (stream.x, stream.queries))
    return stream._replace(x=x, queries=queries, projection=torch.eye(x.shape[-1]))


def look(run: Run, x: Tensor) -> kv.Retrieval:
    """All entries, nearest first, in key space."""
    queries = normalize(x @ run.projection, dim=-1)
    return kv.read(kv.project(run.state, run.projection), queries, run.state.labels.shape[-1])


def run_stream(stream: Stream, capacity: int, write: Write) -> Run:
    """Read every batch, which counts for the entries that weigh most, then write it."""
    run = Run(kv.init(capacity, stream.x.shape[-1]), stream.projection, *torch.zeros(2, len(stream.y)))
    for x, y in zip(stream.x.split(BATCH), stream.y.split(BATCH), strict=True):
        found = look(run, x)
        weight = found.count * torch.exp(SHARPNESS * (found.similarity - 1))
        best = weight.argmax(-1, keepdim=True)
        counted = (found.count.gather(-1, best) > 0).squeeze(1)
        number = run.state.number[found.slots.gather(-1, best)].squeeze(1)[counted]
        right = (found.labels.gather(-1, best).squeeze(1) == y)[counted]
        reads = run.reads.index_add(0, number, torch.ones(len(number)))
        run = run._replace(reads=reads, rights=run.rights.index_add(0, number, right.float()))
        run = run._replace(state=write(run, x, y))
    return run


def grow(run: Run, x: Tensor, y: Tensor) -> kv.MemoryState:
    """The entries and the new examples beside them, nothing folded or dropped."""
    return kv.write(kv.prune(run.state, len(run.state.labels) + len(y)), x, y)


def keep(state: kv.MemoryState, preference: Tensor, capacity: int) -> kv.MemoryState:
    """The package's class-balanced quota, but what stays of a class is what is preferred, the newer of equals."""
    label = torch.where(state.occupied, state.labels, WORDS)
    order = sort(-state.number, -preference, label)
    place = torch.arange(len(label))
    first = torch.where(label[order].diff(prepend=torch.tensor([-1])) != 0, place, 0).cummax(0).values
    rank = torch.empty_like(place).scatter(0, order, place - first)
    rank = torch.where(state.occupied, rank, len(label))
    chosen = sort(-state.number, -preference, rank)[:capacity]
    return take(state, chosen[sort(age(state)[chosen])])


def fold(run: Run, x: Tensor, y: Tensor) -> kv.MemoryState:
    """The package: what the quota leaves no room for is averaged into the nearest entry of its class."""
    return kv.write(run.state, x, y)


def drop_oldest(run: Run, x: Tensor, y: Tensor) -> kv.MemoryState:
    """The newest stay."""
    state = grow(run, x, y)
    return keep(state, state.number.float(), len(run.state.labels))


def drop_least_read(run: Run, x: Tensor, y: Tensor) -> kv.MemoryState:
    """What has weighed most the most often stays, and what has just come."""
    return _drop_least(run, x, y, run.reads)


def drop_least_useful(run: Run, x: Tensor, y: Tensor) -> kv.MemoryState:
    """The same by right reads less wrong reads."""
    return _drop_least(run, x, y, 2 * run.rights - run.reads)


def _drop_least(run: Run, x: Tensor, y: Tensor, worth: Tensor) -> kv.MemoryState:
    state = grow(run, x, y)
    preference = torch.where(state.number >= run.state.clock, torch.inf, worth[state.number.clamp_min(0)])
    return keep(state, preference, len(run.state.labels))


def nearest_of_class(run: Run, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine in key space to the nearest entry of the class, -2 where there is none, and its slot."""
    keys = kv.project(run.state, run.projection).keys
    same = (y.unsqueeze(1) == run.state.labels) & run.state.occupied
    return torch.where(same, normalize(x @ run.projection, dim=-1) @ keys.mT, -2).max(-1)


def write_some(run: Run, x: Tensor, y: Tensor, written: Tensor, into: Tensor) -> kv.MemoryState:
    """Average what is not `written` into the slots named, then write the rest, which folds at the cap."""
    state, old = run.state, ~written
    total = (state.keys * state.count.unsqueeze(1)).index_add(0, into[old], x[old])
    count = state.count.index_add(0, into[old], torch.ones(int(old.sum())))
    return kv.write(state._replace(keys=normalize(total, dim=-1), count=count), x[written], y[written])


def novel_only(threshold: float) -> Write:
    """Write what is not similar to an entry of its class; average the rest at once."""

    def write(run: Run, x: Tensor, y: Tensor) -> kv.MemoryState:
        similarity, into = nearest_of_class(run, x, y)
        return write_some(run, x, y, similarity <= threshold, into)

    return write


def surprising_only(run: Run, x: Tensor, y: Tensor) -> kv.MemoryState:
    """Write what the memory itself gave less than even odds; average the rest into the nearest of its class."""
    expected = label_distribution(run, x).gather(-1, y.unsqueeze(1)).squeeze(1)
    similarity, into = nearest_of_class(run, x, y)
    return write_some(run, x, y, (expected < SURPRISE) | (similarity < -1), into)


def label_distribution(run: Run, x: Tensor) -> Tensor:
    """What the memory says of the labels."""
    return kv.label_distribution(look(run, x), SHARPNESS, WORDS)


def equally(run: Run) -> Run:
    """Every entry weighs as one example."""
    return run._replace(state=run.state._replace(count=run.state.occupied.float()))


def by_outcome(run: Run) -> Run:
    """Counts times the share of reads that were right, (right + 1) / (reads + 2)."""
    number = run.state.number.clamp_min(0)
    share = (run.rights[number] + 1) / (run.reads[number] + 2)
    return run._replace(state=run.state._replace(count=run.state.count * share))


def stream_head(moments: Moments) -> Head:
    """Shrunken LDA on what the stream has shown; the mean of a class not seen yet is zero."""
    scatter, degrees = within(moments)
    means = moments.total / moments.count.clamp_min(1).unsqueeze(1)
    return Head(*(part.float() for part in lda_head(means, scatter / max(degrees, 1), KEYS["shrinkage"])))


def releasing(temperature: Tensor, dim: int) -> Write:
    """Fold, but entries of which the head of the stream is sure make room for the others first."""
    moments = init_moments(WORDS, dim)

    def write(run: Run, x: Tensor, y: Tensor) -> kv.MemoryState:
        nonlocal moments
        moments = add(moments, x, y)
        state = grow(run, x, y)
        sure = (logits(stream_head(moments), state.keys) / temperature).softmax(-1)
        learnt = sure.gather(-1, state.labels.unsqueeze(1)).squeeze(1) > RELEASE
        return kv.prune(kv.remove(state, learnt & state.occupied), len(run.state.labels))

    return write


def score_mixture(streams: dict[str, Stream], capacity: int, release: bool) -> float:
    """Accuracy of head and memory on the test stream: temperature of the fold stream's head, gate of the dev stream."""

    def head(split: str) -> Head:
        stream = streams[split]
        return stream_head(add(init_moments(WORDS, stream.x.shape[-1]), stream.x, stream.y))

    temperature = fit_temperature(logits(head("fold"), streams["fold"].queries), streams["fold"].answers)

    def branches(split: str) -> tuple[Tensor, Tensor]:
        stream = streams[split]
        write = releasing(temperature, stream.x.shape[-1]) if release else fold
        run = run_stream(stream, capacity, write)
        log_param = (logits(head(split), stream.queries) / temperature).log_softmax(-1)
        return log_param, label_distribution(run, stream.queries)

    log_param, memory = branches("dev")
    answers = streams["dev"].answers
    gate = fit_gate(label_log_prob(log_param, answers), label_log_prob(memory, answers))
    log_param, memory = branches("test")
    return _accuracy((1 - gate) * log_param.exp() + gate * memory, streams["test"].answers)


def score_streams(path: Path, seed: int, wrong: float) -> dict[tuple[str, int], float]:
    """Accuracy of every way to keep a stream, by name and capacity, on the test words of a world."""
    streams = load_streams(path, seed, wrong)
    test = streams["test"]
    scores = {}

    def note(name: str, capacity: int, run: Run, stream: Stream = test) -> None:
        scores[name, capacity] = _accuracy(label_distribution(run, stream.queries), stream.answers)

    for capacity in CAPACITIES:
        folded, keys = run_stream(test, capacity, fold), in_key_space(test)
        note("fold", capacity, folded)
        note("equal weights", capacity, equally(folded))
        note("weights by outcome", capacity, by_outcome(folded))
        note("fold in key space", capacity, run_stream(keys, capacity, fold), keys)
        for write in (drop_oldest, drop_least_read, drop_least_useful, surprising_only):
            note(write.__name__, capacity, run_stream(test, capacity, write))
        for threshold in NOVELTY:
            note(f"novelty {threshold}", capacity, run_stream(test, capacity, novel_only(threshold)))
        for release in (False, True):
            scores[f"release {release}", capacity] = score_mixture(streams, capacity, release)
    return scores


def _accuracy(probs: Tensor, labels: Tensor) -> float:
    return float((probs.argmax(-1) == labels).float().mean())
