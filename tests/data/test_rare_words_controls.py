from dataclasses import replace

import numpy as np
import pytest

from hsokv.data.rare_words import Level, Settings, draw_background, draw_episode, make_world
from hsokv.data.rare_words_controls import CONTROLS, nearest

SMALL = Settings(
    frequent_words=60,
    frequent_contexts=10,
    rare_words=20,
    queries=6,
    levels={"clean": Level(8, 4, value_noise=0.0), "noisy": Level(6, 4, value_noise=0.1), "blank": Level(8, 4, 1.0)},
)


def accuracy(name: str, settings: Settings = SMALL, senses: int = 2, level: str = "clean") -> float:
    world = make_world(settings, 5)
    episode = draw_episode(world, "test", senses, level)
    return float(np.mean(CONTROLS[name](world, draw_background(world), episode) == episode.query.labels))


@pytest.mark.parametrize("senses", [1, 2])
@pytest.mark.parametrize("name", CONTROLS)
def test_predictions_are_one_known_word_a_query_the_same_every_time(name, senses):
    world = make_world(SMALL, 5)
    background, episode = draw_background(world), draw_episode(world, "test", senses, "noisy")
    predictions = CONTROLS[name](world, background, episode)
    assert predictions.shape == episode.query.labels.shape
    assert set(predictions.tolist()) <= set(range(20))
    assert np.array_equal(predictions, CONTROLS[name](world, background, episode))


def test_chance_is_one_over_the_words():
    assert accuracy("chance") == 1 / 20


@pytest.mark.parametrize("senses", [1, 2])
@pytest.mark.parametrize("name", ["oracle", "bayes_reader"])
def test_knowing_the_lexicon_is_enough_when_contexts_show_every_attribute_without_noise(name, senses):
    assert accuracy(name, senses=senses) == 1.0


@pytest.mark.parametrize("name", ["oracle", "bayes_reader", "bag_of_words_lda"])
def test_nothing_is_read_from_contexts_that_show_only_random_values(name):
    assert accuracy(name, level="blank") < 0.2


def test_word_counts_alone_tell_nothing_when_supports_and_queries_share_no_meaning():
    assert accuracy("bag_of_words_1nn") < 0.2


def test_linear_discriminants_read_synonyms_where_there_is_one_register():
    settings = replace(SMALL, registers=1, frequent_contexts=40)
    assert accuracy("bag_of_words_lda", settings) > 0.9
    assert accuracy("bag_of_words_lda", settings) > accuracy("bag_of_words_lda", replace(settings, registers=2))


def test_the_bayes_reader_weighs_both_senses_of_a_word():
    world = make_world(SMALL, 5)
    episode = draw_episode(world, "test", 2, "noisy")
    support = episode.support
    order = np.random.default_rng(0).permutation(len(support.labels))
    shuffled = replace(support, **{name: getattr(support, name)[order] for name in ("tokens", "labels")})
    background = draw_background(world)
    predictions = CONTROLS["bayes_reader"](world, background, episode)
    again = CONTROLS["bayes_reader"](world, background, replace(episode, support=shuffled))
    assert np.mean(predictions == again) == 1.0


def test_nearest_gives_ties_to_the_older_support():
    support = np.array([[1.0, 0.0], [2.0, 0.0]])
    assert nearest(support, np.array([[3.0, 0.0]]), np.array([4, 5])).tolist() == [4]
