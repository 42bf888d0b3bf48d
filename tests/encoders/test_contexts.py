import numpy as np
import pytest
import torch

from hsokv.data.rare_words import Level, Settings, draw_background, draw_episode, make_world
from hsokv.data.rare_words_controls import nearest
from hsokv.encoders.contexts import ENCODERS, FEATURES, ContextEncoder, encode, features, train_context_encoders
from hsokv.exceptions import DataError
from hsokv.learning.budget import count_flops

VOCABULARY = 12
TOKENS = np.random.default_rng(0).integers(1, VOCABULARY, size=(30, 5))
LABELS = np.arange(30) % 6


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def train(seed: int = 0, steps: int = 3, count: int = ENCODERS) -> tuple[ContextEncoder, ...]:
    return train_context_encoders(TOKENS, LABELS, VOCABULARY, torch.Generator().manual_seed(seed), steps, count)


def test_same_generator_gives_the_same_bytes_and_another_does_not():
    first, again, other = (encode(train(seed), TOKENS) for seed in (0, 0, 1))
    assert first.dtype == np.float32
    assert first.shape == (30, ENCODERS * FEATURES)
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_several_are_encoded_side_by_side():
    encoders = train()
    one_by_one = [encode([encoder], TOKENS) for encoder in encoders]
    assert np.array_equal(encode(encoders, TOKENS), np.concatenate(one_by_one, axis=1))


def test_encoders_weigh_the_same_whatever_the_length_of_their_features():
    first, second, third = train()
    longer = second._replace(output=10 * second.output)
    expected = encode([first, second, third], TOKENS)
    np.testing.assert_allclose(encode([first, longer, third], TOKENS), expected, atol=1e-6)
    np.testing.assert_allclose(np.square(expected).sum(axis=1), ENCODERS, rtol=1e-5)


def test_encoders_differ_and_the_first_are_those_of_a_smaller_count():
    (one,), (first, second) = train(count=1), train(count=2)
    assert all(map(torch.equal, one, first))
    assert not torch.equal(first.output, second.output)
    assert encode([one], TOKENS).shape == (30, FEATURES)


def test_the_counted_cost_is_that_of_one_step_of_one_encoder_times_steps_and_encoders():
    costs = [count_flops(lambda steps, count: train(steps=steps, count=count), *size)[1] for size in ((1, 1), (2, 3))]
    assert costs[0] > 0
    assert costs[1] == 6 * costs[0]


def test_the_global_generator_is_left_alone():
    state = torch.get_rng_state()
    train()
    assert torch.equal(state, torch.get_rng_state())


def test_padding_order_of_words_and_batches_do_not_matter():
    encoders = train()
    expected = encode(encoders, TOKENS)
    padded = np.pad(TOKENS[:, ::-1], ((0, 0), (1, 2)))
    np.testing.assert_allclose(encode(encoders, padded), expected, atol=1e-5)
    np.testing.assert_allclose(encode(encoders, TOKENS, batch=7), expected, atol=1e-5)


def test_features_follow_their_equation():
    generator = torch.Generator().manual_seed(1)
    shapes = ((4, 3), (3, 3), (3,), (3, 2))
    encoder = ContextEncoder(*(torch.randn(shape, generator=generator) for shape in shapes))
    e = encoder.embedding[[1, 3, 3]]
    h = [torch.relu(row + e.sum(dim=0) / 2 @ encoder.mixing + encoder.bias) for row in e]
    expected = torch.stack(h).mean(dim=0) @ encoder.output
    torch.testing.assert_close(features(encoder, torch.tensor([[1, 0, 3, 3]]))[0], expected)


def test_the_gradient_reaches_every_parameter():
    encoder = ContextEncoder(*(parameter.requires_grad_() for parameter in train(count=1)[0]))
    gradients = torch.autograd.grad(features(encoder, torch.from_numpy(TOKENS)).square().sum(), list(encoder))
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_it_learns_to_recognise_words_it_was_not_trained_on():
    level = Level(expressed=6, noise_words=2, value_noise=0.0)
    settings = Settings(
        attributes=6, values=3, registers=1, frequent_words=100, rare_words=10, queries=10, levels={"easy": level}
    )
    world = make_world(settings, 1)
    background, episode = draw_background(world), draw_episode(world, "test", 1, "easy")

    def accuracy(steps: int) -> float:
        generator = torch.Generator().manual_seed(0)
        known, words = background.tokens, background.labels
        encoders = train_context_encoders(known, words, settings.vocabulary, generator, steps, count=1)
        mean = encode(encoders, known).mean(axis=0)
        support, query = (encode(encoders, part.tokens) - mean for part in (episode.support, episode.query))
        return float(np.mean(nearest(support, query, episode.support.labels) == episode.query.labels))

    assert accuracy(0) < 0.4
    assert accuracy(200) > 0.8


@pytest.mark.parametrize("tokens", [TOKENS + 1, TOKENS - 2, TOKENS[0], TOKENS[:0]])
def test_tokens_of_another_world_are_refused(tokens):
    with pytest.raises(DataError, match=r"tokens: wanted int \[n, length\] from 0 to 11, came shape"):
        encode(train(steps=1), tokens)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="labels: wanted one for each of 30 contexts"):
        train_context_encoders(TOKENS, LABELS[:-1], VOCABULARY, torch.Generator())


def test_no_encoder_at_all_is_refused():
    with pytest.raises(ValueError, match="count: wanted at least 1 encoder, came 0"):
        train(count=0)


@pytest.mark.parametrize("wrong", [(), ContextEncoder(*torch.ones(4, 2))])
def test_what_is_not_a_sequence_of_encoders_is_refused(wrong):
    with pytest.raises(TypeError, match="encoders: wanted a sequence of at least one ContextEncoder, came"):
        encode(wrong, TOKENS)
