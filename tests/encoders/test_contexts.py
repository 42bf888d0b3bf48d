"""The study's own encoders of contexts: their equation, what does not matter to them, and that they learn."""

import numpy as np
import pytest
import torch

from hsokv.data.rare_words import Level, Settings, draw_background, draw_episode, make_world
from hsokv.data.rare_words_controls import nearest
from hsokv.encoders.contexts import ENCODERS, ContextEncoder, encode, features, train_context_encoders
from hsokv.learning.budget import count_flops

VOCABULARY = 12
TOKENS = np.random.default_rng(0).integers(1, VOCABULARY, size=(30, 5))
LABELS = np.arange(30) % 6


def train(seed: int = 0, steps: int = 3, count: int = ENCODERS) -> tuple[ContextEncoder, ...]:
    return train_context_encoders(TOKENS, LABELS, VOCABULARY, torch.Generator().manual_seed(seed), steps, count)


@pytest.fixture(scope="module")
def encoders():
    return train()


def test_same_generator_gives_the_same_encoders_another_others_and_the_global_one_is_left_alone(encoders):
    state = torch.get_rng_state()
    again, other, (one,) = train(), train(seed=1), train(count=1)
    assert torch.equal(state, torch.get_rng_state())
    for first, second, third in zip(encoders, again, other, strict=True):
        assert all(map(torch.equal, first, second))
        assert not torch.equal(first.output, third.output)
    assert all(map(torch.equal, one, encoders[0]))  # the first are those of a smaller count
    assert not torch.equal(encoders[0].output, encoders[1].output)


def test_features_follow_their_equation():
    generator = torch.Generator().manual_seed(1)
    shapes = ((4, 3), (3, 3), (3,), (3, 2))
    encoder = ContextEncoder(*(torch.randn(shape, generator=generator) for shape in shapes))
    e = encoder.embedding[[1, 3, 3]]
    h = [torch.relu(row + e.sum(dim=0) / 2 @ encoder.mixing + encoder.bias) for row in e]
    expected = torch.stack(h).mean(dim=0) @ encoder.output
    torch.testing.assert_close(features(encoder, torch.tensor([[1, 0, 3, 3]]))[0], expected)


def test_encoders_stand_side_by_side_with_the_same_weight_and_padding_order_and_batches_do_not_matter(encoders):
    single = [features(encoder, torch.from_numpy(TOKENS)) for encoder in encoders]
    expected = torch.cat([part / part.norm(dim=1, keepdim=True) for part in single], 1).numpy()
    padded = np.pad(TOKENS[:, ::-1], ((0, 0), (1, 2)))
    for vectors in (encode(encoders, TOKENS), encode(encoders, padded), encode(encoders, TOKENS, batch=7)):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_the_counted_cost_is_that_of_one_step_of_one_encoder_times_steps_and_encoders():
    one, six = (count_flops(lambda steps, count: train(0, steps, count), *size)[1] for size in ((1, 1), (2, 3)))
    assert six == 6 * one > 0


def test_it_learns_to_recognise_words_it_was_not_trained_on():
    levels = {"easy": Level(expressed=6, noise_words=2, value_noise=0.0)}
    settings = Settings(6, 3, registers=1, frequent_words=100, rare_words=10, queries=10, levels=levels)
    world = make_world(settings, 1)
    background, episode = draw_background(world), draw_episode(world, "test", 1, "easy")

    def accuracy(steps: int) -> float:
        generator, known = torch.Generator().manual_seed(0), background.tokens
        encoders = train_context_encoders(known, background.labels, settings.vocabulary, generator, steps, count=1)
        mean = encode(encoders, known).mean(axis=0)
        support, query = (encode(encoders, part.tokens) - mean for part in (episode.support, episode.query))
        return float(np.mean(nearest(support, query, episode.support.labels) == episode.query.labels))

    assert accuracy(0) < 0.4
    assert accuracy(200) > 0.8
