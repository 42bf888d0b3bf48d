"""Rare words: one-shot vocabulary learning on a generated language, where surface words alone do not tell.

A word has one hidden value for each of several attributes. A context of a word expresses some of its attributes, each
by a surface word, among words that mark the context's register and words of noise; the word itself is masked. Surface
words are polysemous: those of group g of attribute a mean the value `meaning[a, register, g]`, a random permutation of
the values for each attribute and register. Supports and queries of rare words use different synonyms, so no surface
word that carries meaning is shared.

Never uses real text, never the global random state: every draw has a generator of its own, spawned from the world's
seed and the arguments, so the order of calls changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hsokv.exceptions import ConfigurationError

IntArray = NDArray[np.int64]
VERSION = "rare_words/3"
PADDING = 0
SPLITS = ("fold", "dev", "test")
SENSES = 2
_WORLD, _BACKGROUND, _EPISODE = range(3)  # one family of generators each


@dataclass(frozen=True)
class Level:
    """How contexts are drawn: with so many `expressed` attributes and `noise_words` without meaning; with probability
    `value_noise` an attribute shows a value drawn at random."""

    expressed: int
    noise_words: int
    value_noise: float = 0.02


LEVELS: dict[str, Level] = {
    "level1": Level(expressed=6, noise_words=2),
    "level2": Level(expressed=6, noise_words=9),
    "level3": Level(expressed=6, noise_words=16),
}


@dataclass(frozen=True)
class Settings:
    """Every knob of a world; the defaults are those of `rare_words/3` (docs/rare-words.md says how they were fixed).

    Counts: `attributes` of a word, `values` of an attribute, `synonyms` of an (attribute, value) pair in a register
    (even: half for supports, half for queries), `registers`, `marker_words` of a register, `markers` in a context,
    `topics` of noise and `topic_words` of each; `frequent_words` with `frequent_contexts` each; `rare_words` in each of
    the fold, dev and test splits, with `queries` contexts each (even: half for each sense). `topic_share` in [0, 1] is
    the share of noise words that come from the context's own topic.

    Raises ConfigurationError where a level expresses more attributes than there are, or the world has too few
    combinations of values for its words.

    >>> Settings().vocabulary
    501
    """

    attributes: int = 8
    values: int = 5
    synonyms: int = 6
    registers: int = 2
    marker_words: int = 10
    markers: int = 2
    topics: int = 12
    topic_words: int = 20
    topic_share: float = 0.8
    frequent_words: int = 400
    frequent_contexts: int = 40
    rare_words: int = 100
    queries: int = 10
    levels: Mapping[str, Level] = field(default_factory=lambda: dict(LEVELS))

    def __post_init__(self) -> None:
        for name, level in self.levels.items():
            if level.expressed > self.attributes:
                raise ConfigurationError(
                    f"levels.{name}.expressed: wanted at most attributes = {self.attributes}, came {level.expressed}; "
                    "lower it or add attributes"
                )
        if self.meanings > self.values**self.attributes:
            raise ConfigurationError(
                f"values ** attributes: wanted at least one combination for each of {self.meanings} meanings, "
                f"came {self.values**self.attributes}; add values or attributes"
            )

    @property
    def meanings(self) -> int:
        """Attribute assignments in the world, all different: one of a frequent word, two of a rare word."""
        return self.frequent_words + len(SPLITS) * SENSES * self.rare_words

    @property
    def first_marker(self) -> int:
        """Token of the first register marker; the words that express attributes come before."""
        return 1 + self.attributes * self.values * self.synonyms

    @property
    def first_noise(self) -> int:
        """Token of the first noise word."""
        return self.first_marker + self.registers * self.marker_words

    @property
    def vocabulary(self) -> int:
        """Number of tokens, padding (token 0) included."""
        return self.first_noise + self.topics * self.topic_words

    @property
    def length(self) -> int:
        """Tokens in the longest context."""
        return self.markers + max(level.expressed + level.noise_words for level in self.levels.values())


@dataclass(frozen=True)
class World:
    """A generated language, all drawn from `seed`.

    `meaning` is the value of a surface group, int [attributes, registers, values (groups)], and `surface` its inverse,
    the group that expresses a value; `assignments` are, for "frequent" and every split, the hidden values, int [words,
    senses, attributes].
    """

    settings: Settings
    seed: int
    meaning: IntArray
    surface: IntArray
    assignments: Mapping[str, IntArray]


@dataclass(frozen=True)
class Contexts:
    """Masked contexts: `tokens` int [n, length], padded with 0, and `labels`, `register`, `sense`, int [n] each.

    A method may read tokens and labels; register and sense are the hidden truth.
    """

    tokens: IntArray
    labels: IntArray
    register: IntArray
    sense: IntArray


@dataclass(frozen=True)
class EpisodeContexts:
    """Contexts to learn each word from (one a sense) and to recognise it in; and which episode it is."""

    support: Contexts
    query: Contexts
    split: str
    senses: int
    level: str


def make_world(settings: Settings, seed: int) -> World:
    """Draw a language: what surface words mean in each register, and what every word means (no two alike).

    >>> world = make_world(Settings(), seed=1)
    >>> {split: values.shape for split, values in world.assignments.items()}
    {'frequent': (400, 1, 8), 'fold': (100, 2, 8), 'dev': (100, 2, 8), 'test': (100, 2, 8)}
    """
    rng = np.random.default_rng([seed, _WORLD])
    shape = (settings.attributes, settings.registers, settings.values)
    meaning = rng.permuted(np.broadcast_to(np.arange(settings.values), shape), axis=2)
    codes = rng.choice(settings.values**settings.attributes, settings.meanings, replace=False)
    values = codes[:, None] // settings.values ** np.arange(settings.attributes) % settings.values
    assignments = {"frequent": values[: settings.frequent_words, None]}
    rare = values[settings.frequent_words :].reshape(len(SPLITS), settings.rare_words, SENSES, settings.attributes)
    assignments.update(zip(SPLITS, rare, strict=True))
    return World(settings, seed, meaning, np.argsort(meaning, axis=2), assignments)


def draw_episode(world: World, split: str, senses: int, level: str) -> EpisodeContexts:
    """Draw a support context for every sense and `queries` contexts for every word, labelled 0 to `rare_words` - 1.

    Args:
        split: "fold" (to rank hyperparameters), "dev" (selection and gate) or "test".
        senses: 1 (each word keeps its first sense) or 2.
        level: a name in `settings.levels`.

    >>> episode = draw_episode(make_world(Settings(), seed=1), "test", senses=2, level="level1")
    >>> len(episode.support.labels), len(episode.query.labels)
    (200, 1000)
    """
    settings = world.settings
    path = [world.seed, _EPISODE, SPLITS.index(split), senses, list(settings.levels).index(level)]
    rng = np.random.default_rng(path)
    supports = np.arange(settings.rare_words * senses)
    queries = np.repeat(supports, settings.queries // senses)
    half = settings.synonyms // 2
    support, query = (
        _draw_contexts(world, split, order // senses, order % senses, settings.levels[level], synonyms, rng)
        for order, synonyms in ((supports, (0, half)), (queries, (half, settings.synonyms)))
    )
    return EpisodeContexts(support, query, split, senses, level)


def draw_background(world: World, fresh: bool = False) -> Contexts:
    """Draw `frequent_contexts` contexts of every frequent word, in random order, the levels mixed evenly.

    Labels are the frequent words. For training the encoder and for statistics; holds no rare word. `fresh` draws other
    contexts of the same words, to judge an encoder by.
    """
    settings = world.settings
    rng = np.random.default_rng([world.seed, _BACKGROUND, *([1] if fresh else [])])
    words = rng.permutation(np.repeat(np.arange(settings.frequent_words), settings.frequent_contexts))
    shares = [words[start :: len(settings.levels)] for start in range(len(settings.levels))]
    drawn = [
        _draw_contexts(world, "frequent", share, np.zeros_like(share), level, (0, settings.synonyms), rng)
        for share, level in zip(shares, settings.levels.values(), strict=True)
    ]
    order = rng.permutation(len(words))
    return Contexts(
        *(np.concatenate([getattr(part, name) for part in drawn])[order] for name in Contexts.__dataclass_fields__)
    )


def _draw_contexts(
    world: World, split: str, words: IntArray, senses: IntArray, level: Level, synonyms: tuple[int, int], rng: Generator
) -> Contexts:
    """One context for each (word, sense), its surface words taken from `synonyms` = (first, after the last)."""
    settings, n = world.settings, len(words)
    register = rng.integers(settings.registers, size=n)
    attribute = rng.permuted(np.broadcast_to(np.arange(settings.attributes), (n, settings.attributes)), axis=1)
    attribute = attribute[:, : level.expressed]
    value = world.assignments[split][words[:, None], senses[:, None], attribute]
    slips = rng.random(value.shape) < level.value_noise
    value = np.where(slips, rng.integers(settings.values, size=value.shape), value)
    group = world.surface[attribute, register[:, None], value]
    synonym = rng.integers(*synonyms, size=value.shape)
    expressed = 1 + (attribute * settings.values + group) * settings.synonyms + synonym
    marker = rng.integers(settings.marker_words, size=(n, settings.markers))
    marker += settings.first_marker + register[:, None] * settings.marker_words
    shape = (n, level.noise_words)
    own = rng.random(shape) < settings.topic_share
    topic = np.where(own, rng.integers(settings.topics, size=(n, 1)), rng.integers(settings.topics, size=shape))
    noise = settings.first_noise + topic * settings.topic_words + rng.integers(settings.topic_words, size=shape)
    tokens = rng.permuted(np.concatenate([expressed, marker, noise], axis=1), axis=1)
    padding = settings.length - tokens.shape[1]
    return Contexts(np.pad(tokens, ((0, 0), (0, padding)), constant_values=PADDING), words, register, senses)
