"""What remembering costs beside the encoder: `python -m benchmarks.hub`.

100 texts are remembered and one is predicted, with 0, 1,000 and 10,000 entries held; beside it, in turn, the encoder
alone on the same texts. One thread; medians of 15 pairs, and the range of the middle half of their ratios.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from hsokv.data.synthetic import generate_sst2_synthetic
from hsokv.hub import HSOKVForSequenceClassification, text_memory

TEXTS, PAIRS = 100, 15


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


def main() -> None:
    """Print one row a size of the memory."""
    torch.set_num_threads(1)
    examples, _ = generate_sst2_synthetic(11_000, 10, seed=1)
    texts, labels = list(examples.inputs), [["no", "yes"][label] for label in examples.labels]
    print("| entries before | encoder, ms | remember and predict, ms | ratio | middle half |\n|---|---|---|---|---|")
    for held in (0, 1_000, 10_000):
        model = text_memory(["no", "yes"], capacity=20_000)
        model.remember(texts[:held], labels[:held])
        state = model.predictor.value()
        new, one, own = texts[-TEXTS - 1 : -1], labels[-TEXTS - 1 : -1], texts[-1:]

        work = partial(remember_and_predict, model, new, one, own)
        alone = partial(encode, model, new, own)
        work(), alone()
        both = []
        for _ in range(PAIRS):
            model.predictor.keep(state)
            both.append((seconds(alone), seconds(work)))
        encoder, whole = np.array(both).T
        low, high = np.quantile(whole / encoder, (0.25, 0.75))
        print(
            f"| {held} | {1e3 * np.median(encoder):.0f} | {1e3 * np.median(whole):.0f} "
            f"| {np.median(whole / encoder):.3f} | {low:.3f}-{high:.3f} |"
        )


if __name__ == "__main__":
    main()
