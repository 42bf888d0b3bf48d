"""What remembering costs: `python -m benchmarks.hub [texts]`.

1. Beside the encoder: 100 texts are remembered and one is predicted, with 0, 1,000 and 10,000 entries held; beside it,
   in turn, the encoder alone on the same texts. One thread; medians of 15 pairs, and the range of the middle half of
   their ratios.
2. Beside sentence-transformers, where it is installed: `remember` of many short texts (10,000), and in turn `encode` of
   the same texts by the same weights, on all cores; the median of 3 pairs.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from hsokv.data.synthetic import generate_sst2_synthetic
from hsokv.encoders.files import resolve_encoder
from hsokv.hub import HSOKVForSequenceClassification, text_memory

TEXTS, PAIRS, MANY = 100, 15, 10_000


def seconds(work: Callable[[], object]) -> float:
    """The time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def remember_and_predict(
    model: HSOKVForSequenceClassification, new: list[str], labels: list[str], own: list[str]
) -> None:
    """What is measured."""
    model.remember(new, labels)
    model.predict(own)


def encode(model: HSOKVForSequenceClassification, new: list[str], own: list[str]) -> None:
    """What it is held against."""
    model.encode(new)
    model.encode(own)


def beside_the_encoder() -> None:
    """Print one row a size of the memory."""
    torch.set_num_threads(1)
    examples, _ = generate_sst2_synthetic(11_000, 10, seed=1)
    texts, labels = list(examples.inputs), [["no", "yes"][label] for label in examples.labels]
    print("| entries before | encoder, ms | remember and predict, ms | ratio | middle half |\n|---|---|---|---|---|")
    for held in (0, 1_000, 10_000):
        model = text_memory(["no", "yes"], capacity=20_000)
        model.remember(texts[:held], labels[:held])
        memory, state, entries = model.predictor.memory, model.predictor.memory.state, dict(model.entries)
        new, one, own = texts[-TEXTS - 1 : -1], labels[-TEXTS - 1 : -1], texts[-1:]

        work = partial(remember_and_predict, model, new, one, own)
        alone = partial(encode, model, new, own)
        work(), alone()
        both = []
        for _ in range(PAIRS):
            memory.state, model.entries = state, dict(entries)
            both.append((seconds(alone), seconds(work)))
        encoder, whole = np.array(both).T
        low, high = np.quantile(whole / encoder, (0.25, 0.75))
        print(
            f"| {held} | {1e3 * np.median(encoder):.0f} | {1e3 * np.median(whole):.0f} "
            f"| {np.median(whole / encoder):.3f} | {low:.3f}-{high:.3f} |"
        )


def beside_sentence_transformers(count: int) -> None:
    """Print the times of both, and their ratio."""
    if peer := os.environ.get("HSOKV_PEER"):  # a folder of its own, as benchmarks.encoding has it
        sys.path.append(peer)
    try:
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError:
        print("remember_st=not run: sentence-transformers is not installed")
        return
    torch.set_num_threads(os.cpu_count() or 1)
    texts = list(generate_sst2_synthetic(count, 10, seed=2)[0].inputs)
    other = SentenceTransformer(str(resolve_encoder().path), device="cpu")
    model = text_memory(["no", "yes"], capacity=count)
    memory, state, labels = model.predictor.memory, model.predictor.memory.state, ["no"] * count

    def encode_by_other() -> None:
        other.encode(texts, show_progress_bar=False)

    encode_by_other()
    both = []
    for _ in range(3):
        memory.state, model.entries = state, {}
        both.append((seconds(encode_by_other), seconds(partial(model.remember, texts, labels))))
    theirs, own = np.median(both, axis=0)
    print(f"\n{count} texts: sentence-transformers {theirs:.1f} s, remember {own:.1f} s")
    print(f"remember_st={np.median([mine / their for their, mine in both]):.2f}")


if __name__ == "__main__":
    beside_the_encoder()
    beside_sentence_transformers(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)
