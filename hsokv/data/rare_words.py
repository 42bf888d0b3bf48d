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
from numpy.typing import NDArray

from hsokv.exceptions import ConfigurationError

VERSION = "rare_words/3"
PADDING = 0
SPLITS = ("fold", "dev", "test")
SENSES = 2
_WORLD, _BACKGROUND, _EPISODE = range(3)  # one family of generators each


def _require(owner: object, name: str, low: float, high: float = np.inf) -> None:
    """Refuse a field that is not a number of the type of its lower bound, or is out of [low, high]."""
    value, kinds = getattr(owner, name), (int,) if isinstance(low, int) else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        what = f"an integer of at least {low}" if isinstance(low, int) else f"a number in [{low}, {high}]"
        raise ConfigurationError(f"{name}: wanted {what}, came {value!r}; change it in the configuration")


@dataclass(frozen=True)
class Level:
    """How contexts are drawn at one difficulty; the world and the encoder are shared by all levels.

    Args:
        expressed: attributes expressed in a context, 1 to `Settings.attributes`.
        noise_words: words without meaning in a context, 0 or more.
        value_noise: probability that an expressed attribute shows a value drawn at random, in [0, 1].
    """

    expressed: int
    noise_words: int
    value_noise: float = 0.02

    def __post_init__(self) -> None:
        _require(self, "expressed", 1)
        _require(self, "noise_words", 0)
        _require(self, "value_noise", 0.0, 1.0)


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

    Raises:
        ConfigurationError: a value is out of range, or the world has too few value combinations for its words.

    >>> Settings().vocabulary
    501
    >>> Settings(values=1)
    Traceback (most recent call last):
        ...
    hsokv.exceptions.ConfigurationError: values: wanted an integer of at least 2, came 1; change it in the configuration
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
        for name in ("values", "synonyms", "frequent_words", "rare_words", "queries"):
            _require(self, name, 2)
        for name in ("attributes", "registers", "marker_words", "markers", "topics", "topic_words"):
            _require(self, name, 1)
        _require(self, "frequent_contexts", 1)
        _require(self, "topic_share", 0.0, 1.0)
        for name in ("synonyms", "queries"):
            if getattr(self, name) % 2:
                raise ConfigurationError(f"{name}: wanted an even number, came {getattr(self, name)}; add one")
        if not self.levels:
            raise ConfigurationError("levels: wanted at least one level, came none; name one")
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
        """Attribute assignments in the world, all different: one a frequent word, two a rare word."""
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
    """A generated language.

    Args:
        settings: its knobs.
        seed: the one number that everything is drawn from.
        meaning: value of a surface group, int [attributes, registers, values (groups)].
        surface: its inverse, the group that expresses a value, int [attributes, registers, values].
        assignments: for "frequent" and every split, the hidden values, int [words, senses, attributes].
    """

    settings: Settings
    seed: int
    meaning: NDArray[np.int64]
    surface: NDArray[np.int64]
    assignments: Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Contexts:
    """Masked contexts: `tokens` int [n, length], padded with 0, and `labels`, `register`, `sense`, int [n] each.

    A method may read tokens and labels; register and sense are the hidden truth.
    """

    tokens: NDArray[np.int64]
    labels: NDArray[np.int64]
    register: NDArray[np.int64]
    sense: NDArray[np.int64]


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
    if seed < 0:
        raise ConfigurationError(f"seed: wanted an integer of at least 0, came {seed}; choose another")
    rng = np.random.default_rng([seed, _WORLD])
    shape = (settings.attributes, settings.registers, settings.values)
    meaning = rng.permuted(np.broadcast_to(np.arange(settings.values), shape), axis=2)
    codes = rng.choice(settings.values**settings.attributes, settings.meanings, replace=False)
    values = codes[:, None] // settings.values ** np.arange(settings.attributes) % settings.values
    assignments = {"frequent": values[: settings.frequent_words, None]}
    rare = values[settings.frequent_words :].reshape(len(SPLITS), settings.rare_words, SENSES, settings.attributes)
    assignments.update(zip(SPLITS, rare, strict=True))
    return World(settings, seed, meaning, np.argsort(meaning, axis=2), assignments)


def draw_episode(world: World, split: str, senses: int, level: str, shots: int = 1) -> EpisodeContexts:
    """Draw `shots` support contexts a sense and `queries` contexts a word, labelled 0 to `rare_words` - 1.

    Args:
        split: "fold" (to rank hyperparameters), "dev" (selection and gate) or "test".
        senses: 1 (each word keeps its first sense) or 2.
        level: a name in `settings.levels`.
        shots: at least 1; more come in rounds, every sense of every word once in each.

    Raises ConfigurationError for an unknown split, senses or level, and for no shots.

    >>> episode = draw_episode(make_world(Settings(), seed=1), "test", senses=2, level="level1")
    >>> len(episode.support.labels), len(episode.query.labels)
    (200, 1000)
    """
    settings = world.settings
    wanted = {"split": (split, SPLITS), "senses": (senses, (1, SENSES)), "level": (level, settings.levels)}
    for name, (value, known) in wanted.items():
        if value not in known:
            raise ConfigurationError(f"{name}: wanted one of {', '.join(map(str, known))}, came {value}; choose one")
    if shots < 1:
        raise ConfigurationError(f"shots: wanted an integer of at least 1, came {shots}; raise it")
    path = [world.seed, _EPISODE, SPLITS.index(split), senses, list(settings.levels).index(level)]
    rng = np.random.default_rng(path)
    entries = np.arange(settings.rare_words * senses)
    supports, queries = np.tile(entries, shots), np.repeat(entries, settings.queries // senses)
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
    world: World,
    split: str,
    words: NDArray[np.int64],
    senses: NDArray[np.int64],
    level: Level,
    synonyms: tuple[int, int],
    rng: np.random.Generator,
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
