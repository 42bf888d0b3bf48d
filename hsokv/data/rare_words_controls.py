"""Controls of the rare-words benchmark: readers that learn nothing from the encoder, on the test queries themselves.

Each takes (world, background, episode) and returns a predicted label for every query, int [n queries]. They say what
a score means: what surface words alone give, what the best use of one example gives, and what knowing the words gives.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hsokv.data.rare_words import PADDING, Contexts, EpisodeContexts, IntArray, Settings, World

Control = Callable[[World, Contexts, EpisodeContexts], IntArray]
SHRINKAGE = 0.3


def chance(world: World, background: Contexts, episode: EpisodeContexts) -> IntArray:
    """Say the same label for every query: right for one query in `rare_words`, exactly."""
    return np.zeros_like(episode.query.labels)


def bag_of_words_1nn(world: World, background: Contexts, episode: EpisodeContexts) -> IntArray:
    """Nearest support by cosine of word counts, centred on the background's mean."""
    mean = _counts(world, background).mean(axis=0)
    return nearest(_counts(world, episode.support) - mean, _counts(world, episode.query) - mean, episode.support.labels)


def bag_of_words_lda(world: World, background: Contexts, episode: EpisodeContexts) -> IntArray:
    """Nearest support by cosine of word counts on the linear discriminants of frequent words (Fisher, Rao).

    With S_w and S_b the covariances within and between frequent words and S = (1 - s) S_w + s diag(S_w), the read-out
    holds the leading eigenvectors of S^-1 S_b, each of unit variance under S: one for each free value of an attribute,
    attributes x (values - 1), since counts depend on the word through no more. s = .3 was the best of five on tuning
    worlds, and these directions beat weighted ones.
    """
    settings = world.settings
    X = _counts(world, background)
    mean = X.mean(axis=0)
    sums = np.zeros((settings.frequent_words, X.shape[1]), dtype=X.dtype)
    np.add.at(sums, background.labels, X - mean)
    means = sums / settings.frequent_contexts
    between = means.T @ means / len(means)
    within = (X - mean).T @ (X - mean) / len(X) - between
    within = (1 - SHRINKAGE) * within + SHRINKAGE * np.diag(np.diag(within)) + 1e-6 * np.eye(len(within))
    whiten = np.linalg.inv(np.linalg.cholesky(within)).T
    _, directions = np.linalg.eigh(whiten.T @ between @ whiten)
    readout = whiten @ directions[:, -settings.attributes * (settings.values - 1) :]
    support, query = ((_counts(world, part) - mean) @ readout for part in (episode.support, episode.query))
    return nearest(support, query, episode.support.labels)


def bayes_reader(world: World, background: Contexts, episode: EpisodeContexts) -> IntArray:
    """Most probable word for a reader that knows the lexicon, and of the rare words their supports only.

    It reads a context's register off the markers and the shown values off the lexicon. With value noise d and v values
    an attribute shows its true value with k = 1 - d + d / v, so two contexts of one sense that both show it agree with
    probability p = k^2 + (1 - k)^2 / (v - 1). A support's score is the log of its likelihood over that of an unknown
    word: log(v p) for each attribute that agrees, log(v (1 - p) / (v - 1)) for each that differs. A word's likelihood
    is the sum over its supports (one a sense); ties go to the first word.
    """
    values = world.settings.values
    noise = max(world.settings.levels[episode.level].value_noise, 1e-9)  # a certain reader would take log 0
    keep = 1 - noise + noise / values
    p = keep**2 + (1 - keep) ** 2 / (values - 1)
    support, query = _read_values(world, episode.support), _read_values(world, episode.query)
    both = (query[:, None] >= 0) & (support >= 0)
    agree = both & (query[:, None] == support)
    score = agree.sum(axis=2) * np.log(values * p) + (both & ~agree).sum(axis=2) * np.log(
        values * (1 - p) / (values - 1)
    )
    words = np.unique(episode.support.labels)
    total = [np.logaddexp.reduce(score[:, episode.support.labels == word], axis=1) for word in words]
    return words[np.argmax(total, axis=0)]


def oracle(world: World, background: Contexts, episode: EpisodeContexts) -> IntArray:
    """The word with a sense whose true values agree with most of what the query shows; ties go to the first."""
    true = world.assignments[episode.split][:, : episode.senses]
    shown = _read_values(world, episode.query)
    agree = (shown[:, None, None] == true[None]).sum(axis=3)
    return np.argmax(agree.max(axis=2), axis=1)


CONTROLS: Mapping[str, Control] = {
    control.__name__: control for control in (chance, bag_of_words_1nn, bag_of_words_lda, bayes_reader, oracle)
}


def nearest(support: NDArray[np.floating], query: NDArray[np.floating], labels: IntArray) -> IntArray:
    """Label of the support with the highest cosine; ties go to the older one.

    >>> nearest(np.eye(2), np.array([[0.1, 2.0]]), np.array([7, 9]))
    array([9])
    """
    length = np.linalg.norm(support, axis=1)
    return labels[np.argmax(query @ (support / np.maximum(length, 1e-12)[:, None]).T, axis=1)]


def read_groups(settings: Settings, tokens: IntArray) -> IntArray:
    """Surface group shown for every attribute, int [n, attributes], -1 where the context expresses none."""
    groups = np.full((len(tokens), settings.attributes), -1)
    row, column = np.nonzero((tokens != PADDING) & (tokens < settings.first_marker))
    attribute, group = np.divmod((tokens[row, column] - 1) // settings.synonyms, settings.values)
    groups[row, attribute] = group
    return groups


def read_register(settings: Settings, tokens: IntArray) -> IntArray:
    """Register that the markers show, int [n]."""
    marker = (tokens >= settings.first_marker) & (tokens < settings.first_noise)
    first = tokens[np.arange(len(tokens)), np.argmax(marker, axis=1)]
    return (first - settings.first_marker) // settings.marker_words


def _counts(world: World, contexts: Contexts) -> NDArray[np.float32]:
    """Word counts, [n, vocabulary], padding left out."""
    n, vocabulary = len(contexts.tokens), world.settings.vocabulary
    flat = (contexts.tokens + np.arange(n)[:, None] * vocabulary).ravel()
    counts = np.bincount(flat, minlength=n * vocabulary).reshape(n, vocabulary)[:, 1:]
    return counts.astype(np.float32)


def _read_values(world: World, contexts: Contexts) -> IntArray:
    """Values shown under the register that the markers show, int [n, attributes], -1 where none is shown."""
    groups = read_groups(world.settings, contexts.tokens)
    register = read_register(world.settings, contexts.tokens)
    values = world.meaning[np.arange(groups.shape[1]), register[:, None], groups]
    return np.where(groups < 0, -1, values)
