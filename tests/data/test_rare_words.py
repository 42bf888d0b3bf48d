from dataclasses import fields, replace

import numpy as np
import pytest

from hsokv.data.rare_words import (
    LEVELS,
    SPLITS,
    Contexts,
    Level,
    Settings,
    draw_background,
    draw_episode,
    make_world,
)
from hsokv.data.rare_words_controls import read_groups, read_register
from hsokv.exceptions import ConfigurationError

SMALL = Settings(frequent_words=30, frequent_contexts=6, rare_words=10, queries=4)


def same(a: Contexts, b: Contexts) -> bool:
    return all(np.array_equal(getattr(a, field.name), getattr(b, field.name)) for field in fields(Contexts))


def test_same_seed_gives_the_same_bytes_whatever_was_drawn_before():
    first, second = make_world(SMALL, 3), make_world(SMALL, 3)
    for split in SPLITS:
        draw_episode(second, split, 1, "level2")
    draw_background(second)
    a, b = draw_episode(first, "test", 2, "level1"), draw_episode(second, "test", 2, "level1")
    assert np.array_equal(first.meaning, second.meaning)
    assert same(a.support, b.support)
    assert same(a.query, b.query)
    assert same(draw_background(first), draw_background(second))


@pytest.mark.parametrize("other", [("dev", 2, "level1"), ("test", 2, "level2")])
def test_every_episode_has_contexts_of_its_own(other):
    world = make_world(SMALL, 3)
    episode, different = draw_episode(world, "test", 2, "level1"), draw_episode(world, *other)
    assert not np.array_equal(episode.query.register, different.query.register)


def test_other_seed_gives_another_world():
    assert not np.array_equal(make_world(SMALL, 3).meaning, make_world(SMALL, 4).meaning)


def test_no_two_meanings_are_alike_so_splits_are_disjoint():
    world = make_world(SMALL, 1)
    meanings = np.concatenate([values.reshape(-1, SMALL.attributes) for values in world.assignments.values()])
    assert len(np.unique(meanings, axis=0)) == len(meanings) == SMALL.meanings


def test_surface_is_the_inverse_of_meaning_in_every_register():
    world = make_world(SMALL, 1)
    values = np.take_along_axis(world.meaning, world.surface, axis=2)
    assert np.array_equal(values, np.broadcast_to(np.arange(SMALL.values), values.shape))


@pytest.mark.parametrize("senses", [1, 2])
@pytest.mark.parametrize("level", LEVELS)
def test_supports_and_queries_share_no_word_that_carries_meaning(senses, level):
    episode = draw_episode(make_world(SMALL, 1), "dev", senses, level)
    words = [
        np.unique(part.tokens[(part.tokens > 0) & (part.tokens < SMALL.first_marker)])
        for part in (episode.support, episode.query)
    ]
    assert all(len(part) for part in words)
    assert not np.intersect1d(*words).size


@pytest.mark.parametrize("senses", [1, 2])
def test_an_episode_holds_one_support_a_sense_and_even_queries(senses):
    episode = draw_episode(make_world(SMALL, 1), "fold", senses, "level3")
    pairs = set(zip(episode.support.labels.tolist(), episode.support.sense.tolist(), strict=True))
    assert pairs == {(word, sense) for word in range(10) for sense in range(senses)}
    assert len(episode.support.labels) == len(pairs)
    counts = np.bincount(episode.query.labels * senses + episode.query.sense)
    assert counts.tolist() == [4 // senses] * 10 * senses


def test_contexts_hold_attribute_words_markers_and_noise_in_the_numbers_of_their_level_and_nothing_else():
    level = SMALL.levels["level2"]
    tokens = draw_episode(make_world(SMALL, 1), "test", 2, "level2").query.tokens
    first_marker, first_noise = SMALL.first_marker, SMALL.first_noise
    assert tokens.shape[1] == SMALL.length
    assert tokens.max() < SMALL.vocabulary
    assert (((tokens > 0) & (tokens < first_marker)).sum(axis=1) == level.expressed).all()
    assert (((tokens >= first_marker) & (tokens < first_noise)).sum(axis=1) == SMALL.markers).all()
    assert ((tokens >= first_noise).sum(axis=1) == level.noise_words).all()


def test_markers_show_the_register():
    query = draw_episode(make_world(SMALL, 1), "test", 2, "level1").query
    assert np.array_equal(read_register(SMALL, query.tokens), query.register)
    assert set(query.register.tolist()) == {0, 1}


def test_without_value_noise_every_shown_value_is_the_true_one():
    world = make_world(replace(SMALL, levels={"clean": Level(5, 3, value_noise=0.0)}), 2)
    query = draw_episode(world, "test", 2, "clean").query
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
    ("change", "message"),
    [
        ({"attributes": 4}, "expressed: wanted at most attributes = 4, came 6"),
        ({"values": 2}, "wanted at least one combination for each of 1000 meanings, came 256"),
    ],
)
def test_settings_refuse_what_no_world_can_be_made_of(change, message):
    with pytest.raises(ConfigurationError, match=message):
        Settings(**change)
