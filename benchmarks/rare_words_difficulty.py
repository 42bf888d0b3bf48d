"""Print the controls of the rare-words benchmark, with 1-NN on the study's own encoders, over tuning worlds.

    python -m benchmarks.rare_words_difficulty --seeds 1 2 3

Holds no learning arm: the three levels are fixed with this table alone (docs/rare-words.md). Tuning worlds have seeds
under 1000; others belong to the study and are refused.
"""

import argparse
import time

import numpy as np
import torch

from hsokv.data.rare_words import LEVELS, Contexts, Settings, World, draw_background, draw_episode, make_world
from hsokv.data.rare_words_controls import CONTROLS, nearest
from hsokv.encoders.contexts import CONTEXT_WEIGHT, STEPS, ContextEncoder, encode, train_context_encoders

CONDITIONS = [(senses, level) for senses in (2, 1) for level in LEVELS]
READERS = [*CONTROLS, "encoder_1nn"]


def score_condition(
    world: World, background: Contexts, encoders: tuple[ContextEncoder, ...], mean: np.ndarray, condition: tuple
) -> list[float]:
    """Accuracy of every control and of 1-NN on the encoders, in [0, 1], on the test episode of (senses, level)."""
    episode = draw_episode(world, "test", *condition)
    predictions = [control(world, background, episode) for control in CONTROLS.values()]
    support, query = (encode(encoders, part.tokens) - mean for part in (episode.support, episode.query))
    predictions.append(nearest(support, query, episode.support.labels))
    return [float(np.mean(prediction == episode.query.labels)) for prediction in predictions]


def name_frequent_words(world: World, background: Contexts, encoders: tuple[ContextEncoder, ...]) -> float:
    """Share of fresh contexts of frequent words that lie nearest, by cosine, to the mean of their own word's contexts.

    It reads no rare word and no arm: what one encoder is preferred to another by.
    """
    fresh, seen = draw_background(world, fresh=True), encode(encoders, background.tokens)
    mean = seen.mean(axis=0)
    means = np.stack(
        [seen[background.labels == word].mean(axis=0) - mean for word in range(world.settings.frequent_words)]
    )
    named = nearest(means, encode(encoders, fresh.tokens) - mean, np.arange(len(means)))
    return float(np.mean(named == fresh.labels))


def score_world(seed: int, steps: int, context_weight: float) -> tuple[np.ndarray, float, float]:
    """Accuracies [conditions, readers] in the world of a seed, of frequent words, and the seconds of the encoders."""
    start = time.perf_counter()
    settings = Settings()
    world = make_world(settings, seed)
    background = draw_background(world)
    generator = torch.Generator().manual_seed(seed)
    encoders = train_context_encoders(
        background.tokens, background.labels, settings.vocabulary, generator, steps, context_weight=context_weight
    )
    mean = encode(encoders, background.tokens).mean(axis=0)
    seconds = time.perf_counter() - start
    scores = [score_condition(world, background, encoders, mean, condition) for condition in CONDITIONS]
    return np.array(scores), name_frequent_words(world, background, encoders), seconds


def main() -> None:
    """Print mean and range over seeds, and whether each rule holds for the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="tuning worlds, 0 to 999")
    parser.add_argument("--steps", type=int, default=STEPS, help="updates of an encoder")
    parser.add_argument("--context-weight", type=float, default=CONTEXT_WEIGHT, help="of the hidden word in the loss")
    options = parser.parse_args()
    seeds = options.seeds
    if not all(0 <= seed < 1000 for seed in seeds):
        parser.error(f"--seeds: wanted tuning worlds, 0 to 999, came {seeds}; others belong to the study")
    torch.set_num_threads(1)
    worlds = [score_world(seed, options.steps, options.context_weight) for seed in seeds]
    scores, frequent, seconds = zip(*worlds, strict=True)
    table = np.array(scores)
    ratio = table / table[..., READERS.index("oracle"), None]
    print("| condition | " + " | ".join(READERS) + " | rule |\n|---|" + "---|" * (len(READERS) + 1))
    for row, (senses, level) in enumerate(CONDITIONS):
        means = dict(zip(READERS, ratio[:, row].mean(axis=0), strict=True))
        surface = max(means["bag_of_words_1nn"], means["bag_of_words_lda"])
        oracle = table[:, row, READERS.index("oracle")].mean()
        holds = oracle >= 0.95 and surface <= 0.5 and 0.3 <= means["encoder_1nn"] <= 0.7
        cells = (f"{v.mean():.3f} ({v.min():.3f} to {v.max():.3f})" for v in table[:, row].T)
        name = f"{'one' if senses == 1 else 'two'}_sense{'s' * (senses > 1)}_{level}"
        ratios = f"{surface:.2f}, {means['encoder_1nn']:.2f} of the oracle: {'holds' if holds else 'fails'}"
        print(f"| {name} | " + " | ".join(cells) + f" | {ratios} |")
    print(f"\nFrequent words named: {np.mean(frequent):.4f} ({min(frequent):.4f} to {max(frequent):.4f}).")
    print(f"World, background and encoders: {np.mean(seconds):.1f} s a seed on one thread.")


if __name__ == "__main__":
    main()
