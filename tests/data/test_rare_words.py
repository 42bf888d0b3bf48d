"""The generated language of rare words: what its contexts show and share, and what its controls can read of them."""

from dataclasses import fields, replace

import numpy as np
import pytest

from hsokv.data.rare_words import LEVELS, SPLITS, Contexts, Level, Settings, draw_background, draw_episode, make_world
from hsokv.data.rare_words_controls import CONTROLS, nearest, read_groups, read_register
from hsokv.exceptions import ConfigurationError

SMALL = Settings(frequent_words=30, frequent_contexts=6, rare_words=10, queries=4)
FOR_CONTROLS = Settings(
    frequent_words=60,
    frequent_contexts=10,
    rare_words=20,
    queries=6,
    levels={"clean": Level(8, 4, value_noise=0.0), "noisy": Level(6, 4, value_noise=0.1), "blank": Level(8, 4, 1.0)},
)


def same(one: Contexts, other: Contexts) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Contexts))


def test_same_seed_gives_the_same_bytes_whatever_was_drawn_before_and_another_another_world():
    first, second = make_world(SMALL, 3), make_world(SMALL, 3)
    for split in SPLITS:
        draw_episode(second, split, 1, "level2")
    draw_background(second)
    one, other = draw_episode(first, "test", 2, "level1"), draw_episode(second, "test", 2, "level1")
    assert np.array_equal(first.meaning, second.meaning)
    assert same(one.support, other.support)
    assert same(one.query, other.query)
    assert same(draw_background(first), draw_background(second))
    assert not np.array_equal(first.meaning, make_world(SMALL, 4).meaning)
    for different in (("dev", 2, "level1"), ("test", 2, "level2")):
        assert not np.array_equal(one.query.register, draw_episode(first, *different).query.register)


def test_no_two_meanings_are_alike_and_surface_is_the_inverse_of_meaning():
    world = make_world(SMALL, 1)
    meanings = np.concatenate([values.reshape(-1, SMALL.attributes) for values in world.assignments.values()])
    assert len(np.unique(meanings, axis=0)) == len(meanings) == SMALL.meanings
    values = np.take_along_axis(world.meaning, world.surface, axis=2)
    assert np.array_equal(values, np.broadcast_to(np.arange(SMALL.values), values.shape))


@pytest.mark.parametrize("senses", [1, 2])
@pytest.mark.parametrize("level", LEVELS)
def test_an_episode_holds_what_its_level_says_and_supports_and_queries_share_no_meaning(senses, level):
    episode = draw_episode(make_world(SMALL, 1), "test", senses, level)
    tokens, first_marker, first_noise = episode.query.tokens, SMALL.first_marker, SMALL.first_noise
    assert tokens.shape[1] == SMALL.length
    assert tokens.max() < SMALL.vocabulary
    assert (((tokens > 0) & (tokens < first_marker)).sum(axis=1) == LEVELS[level].expressed).all()
    assert (((tokens >= first_marker) & (tokens < first_noise)).sum(axis=1) == SMALL.markers).all()
    assert ((tokens >= first_noise).sum(axis=1) == LEVELS[level].noise_words).all()
    parts = (episode.support.tokens, episode.query.tokens)
    support, query = (np.unique(part[(part > 0) & (part < first_marker)]) for part in parts)
    assert support.size
    assert not np.intersect1d(support, query).size
    # One support a sense, as many queries of each.
    pairs = (part.labels * senses + part.sense for part in (episode.support, episode.query))
    assert [np.bincount(pair).tolist() for pair in pairs] == [[1] * 10 * senses, [4 // senses] * 10 * senses]


def test_markers_show_the_register_and_without_value_noise_every_shown_value_is_the_true_one():
    world = make_world(replace(SMALL, levels={"clean": Level(5, 3, value_noise=0.0)}), 2)
    query = draw_episode(world, "test", 2, "clean").query
    assert np.array_equal(read_register(world.settings, query.tokens), query.register)
    assert set(query.register.tolist()) == {0, 1}
    groups = read_groups(world.settings, query.tokens)
    values = world.meaning[np.arange(8), query.register[:, None], groups]
    true = world.assignments["test"][query.labels, query.sense]
    assert ((groups >= 0).sum(axis=1) == 5).all()
    assert ((values == true) | (groups < 0)).all()


def test_background_holds_every_frequent_word_equally_often_at_every_level():
    background = draw_background(make_world(SMALL, 1))
    assert np.bincount(background.labels).tolist() == [6] * 30
    lengths, counts = np.unique((background.tokens > 0).sum(axis=1), return_counts=True)
    assert lengths.tolist() == [SMALL.markers + level.expressed + level.noise_words for level in LEVELS.values()]
    assert counts.tolist() == [60, 60, 60]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"attributes": 4}, "expressed: wanted at most attributes = 4, came 6"),
        ({"values": 2}, "wanted at least one combination for each of 1000 meanings, came 256"),
    ],
)
def test_settings_refuse_what_no_world_can_be_made_of(change, said):
    with pytest.raises(ConfigurationError, match=said):
        Settings(**change)


def accuracy(name: str, settings: Settings, senses: int, level: str) -> float:
    world = make_world(settings, 5)
    episode = draw_episode(world, "test", senses, level)
    return float(np.mean(CONTROLS[name](world, draw_background(world), episode) == episode.query.labels))


ONE_REGISTER = replace(FOR_CONTROLS, registers=1, frequent_contexts=40)


@pytest.mark.parametrize(
    ("name", "settings", "senses", "level", "least", "most"),
    [
        ("chance", FOR_CONTROLS, 2, "clean", 1 / 20, 1 / 20),
        # Who knows the lexicon needs no more than contexts that show every attribute.
        *((name, FOR_CONTROLS, senses, "clean", 1, 1) for name in ("oracle", "bayes_reader") for senses in (1, 2)),
        # Of random values nobody reads anything, of supports and queries without a common word no count of words.
        *((name, FOR_CONTROLS, 2, "blank", 0, 0.2) for name in ("oracle", "bayes_reader")),
        ("bag_of_words_1nn", FOR_CONTROLS, 2, "clean", 0, 0.2),
        # Linear discriminants read synonyms where there is one register.
        ("bag_of_words_lda", ONE_REGISTER, 2, "clean", 0.9, 1),
        ("bag_of_words_lda", replace(ONE_REGISTER, registers=2), 2, "clean", 0, 0.9),
    ],
)
def test_controls_read_what_their_names_say(name, settings, senses, level, least, most):
    assert least <= accuracy(name, settings, senses, level) <= most


def test_the_bayes_reader_weighs_both_senses_of_a_word():
    world = make_world(FOR_CONTROLS, 5)
    background, episode = draw_background(world), draw_episode(world, "test", 2, "noisy")
    support, order = episode.support, np.random.default_rng(0).permutation(40)
    shuffled = replace(support, tokens=support.tokens[order], labels=support.labels[order])
    predictions = CONTROLS["bayes_reader"](world, background, episode)
    again = CONTROLS["bayes_reader"](world, background, replace(episode, support=shuffled))
    assert np.array_equal(predictions, again)


def test_nearest_gives_ties_to_the_older_support():
    assert nearest(np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([[3.0, 0.0]]), np.array([4, 5])).tolist() == [4]
