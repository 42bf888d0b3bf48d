import math

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.learning.budget import count_flops
from hsokv.model.encoder_files import resolve_encoder
from hsokv.model.encoder_layers import States, read_layers, read_states, run_layers, take, text_vectors, vectors
from hsokv.model.encoder_tuning import TuningSettings, contrast, fine_tune, project, pseudo_labels, step_flops, tune
from hsokv.model.text_encoder import LAYERS, encoder_flops, load_text_encoder

TEXTS = ("a charming film .", "it's dull", "elegant , tender and bright comedy", "a waste of time", "", "the plot")
LABELS = torch.tensor([1, 0, 1, 0, 0, 1])
FAST = TuningSettings(learning_rate=1e-3, epochs=2, batch=3)


@pytest.fixture(scope="module")
def encoder():
    return load_text_encoder(resolve_encoder(download=False))


@pytest.fixture(scope="module")
def top(encoder):
    return read_layers(encoder)[4:]


@pytest.fixture(scope="module")
def states(encoder):
    return read_states(encoder, TEXTS, 4)


@pytest.fixture(scope="module", params=[1, 2], ids=["texts", "pairs"])
def examples(request, encoder):
    """Six examples: the texts, or pairs of them."""
    texts = TEXTS if request.param == 1 else [*TEXTS, *TEXTS[::-1]]
    return read_states(encoder, texts, 4)._replace(columns=request.param)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def tensors(layers):
    return [weight for layer in layers for affine in layer for weight in affine]


def with_cross_entropy(layers, states, labels, settings, generator, report=lambda line: None):
    return fine_tune(layers, states, labels, 2, settings, generator, report)


both_losses = pytest.mark.parametrize("tuning", [tune, with_cross_entropy])


@pytest.mark.parametrize("below", [0, 3, 6])
def test_layers_below_and_above_make_the_encoders_own_vectors(encoder, below):
    found = vectors(read_layers(encoder)[below:], read_states(encoder, TEXTS, below))
    np.testing.assert_allclose(found.numpy(), encoder.encode(TEXTS), atol=1e-6)


def test_neighbours_and_padding_do_not_matter(top, states):
    together = text_vectors(run_layers(top, states))  # lengths 2 to 8, padded in the attention
    torch.testing.assert_close(together, vectors(top, states, batch=1), atol=1e-6, rtol=0)


def test_no_texts_give_no_states(encoder):
    states = read_states(encoder, [], 3)
    assert states.tokens.shape == (0, 384)
    assert vectors(read_layers(encoder)[3:], states).shape == (0, 384)


def test_operations_below_are_their_part_of_the_encoders(encoder):
    with FlopCounterMode(display=False) as counter:
        read_states(encoder, TEXTS, 3)
    assert counter.get_total_flops() * LAYERS == encoder_flops(encoder.lengths(TEXTS)) * 3


@both_losses
@pytest.mark.parametrize("layers", [1, 2, 6])
def test_the_formula_counts_what_the_counter_counts_in_a_step(encoder, layers, tuning):
    top = read_layers(encoder)[LAYERS - layers :]
    states = read_states(encoder, TEXTS, LAYERS - layers)
    with FlopCounterMode(display=False) as counter:
        tuned = tuning(top, states, LABELS, TuningSettings(), generator())
    assert tuned.flops == counter.get_total_flops()
    assert tuned.flops == step_flops(states.lengths, layers, 0 if tuning is tune else 2)


@both_losses
def test_the_operations_of_several_steps_are_added(top, examples, tuning):
    with FlopCounterMode(display=False) as counter:
        tuned = tuning(top, examples, LABELS, FAST, generator())
    assert tuned.flops == counter.get_total_flops()


def test_a_step_on_pairs_costs_what_it_does_on_their_texts_less_what_contrast_compares(encoder, top):
    pairs = read_states(encoder, [*TEXTS, *TEXTS], 4)._replace(columns=2)
    found = tune(top, pairs, LABELS, TuningSettings(), generator()).flops
    assert found == step_flops(pairs.lengths, len(top), columns=2)
    assert step_flops(pairs.lengths, len(top)) - found == 6 * 12 * 384 * (12 - 6)


@both_losses
def test_same_generator_gives_the_same_bytes_and_another_does_not(top, examples, tuning):
    first, again, other = (tensors(tuning(top, examples, LABELS, FAST, generator(seed)).layers) for seed in (0, 0, 1))
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))


@both_losses
def test_everything_above_is_tuned_and_what_was_given_stays(encoder, top, examples, tuning):
    weights, tokens = [weight.clone() for weight in tensors(top)], examples.tokens.clone()
    before, drawn = encoder.encode(TEXTS), torch.get_rng_state()
    tuned = tensors(tuning(top, examples, LABELS, FAST, generator()).layers)
    assert not any(map(torch.equal, weights, tuned))
    assert all(map(torch.equal, weights, tensors(top)))
    assert torch.equal(tokens, examples.tokens)
    assert torch.equal(drawn, torch.get_rng_state())
    np.testing.assert_array_equal(encoder.encode(TEXTS), before)
    assert not any(weight.requires_grad for weight in tuned)


def test_contrast_draws_a_class_together(top, examples):
    before = contrast(vectors(top, examples), LABELS, 0.1, unit=False)
    tuned = tune(top, examples, LABELS, TuningSettings(epochs=4), generator())
    assert tuned.head is None
    assert contrast(vectors(tuned.layers, examples), LABELS, 0.1, unit=False) < before


def test_cross_entropy_learns_the_labels_it_is_shown(top, examples):
    tuned = fine_tune(top, examples, LABELS, 2, TuningSettings(epochs=8), generator())
    x = vectors(tuned.layers, examples)
    scores = x @ tuned.head.weight + tuned.head.bias
    assert torch.nn.functional.cross_entropy(scores, LABELS) < math.log(2)  # what a head of zeros has
    assert torch.equal(scores.argmax(1), LABELS)


@both_losses
def test_every_pass_is_reported(top, states, tuning):
    lines = []
    tuning(top, states, LABELS, FAST, generator(), lines.append)
    assert [line.split(":")[0] for line in lines] == ["epoch 1 of 2", "epoch 2 of 2"]


def test_a_projector_draws_a_class_together_and_draws_nothing(top, states):
    x, drawn = vectors(top, states), torch.get_rng_state()
    settings = TuningSettings(learning_rate=1e-3, epochs=5)
    found = project(x, LABELS, settings)
    projected = torch.nn.functional.normalize(x @ found, dim=1)
    assert contrast(projected, LABELS, 0.1) < contrast(x, LABELS, 0.1)
    assert torch.equal(found, project(x, LABELS, settings))
    assert torch.equal(drawn, torch.get_rng_state())
    assert not found.requires_grad


def test_the_operations_of_a_projector_can_be_counted():
    x = torch.eye(6, 4)
    costs = [count_flops(project, x, LABELS, TuningSettings(epochs=epochs))[1] for epochs in (1, 3)]
    assert costs[0] > 0
    assert costs[1] == 3 * costs[0]


@pytest.mark.parametrize("unit", [True, False])
def test_contrast_follows_its_equation(unit):
    z = torch.randn(5, 3, generator=generator())
    z = torch.nn.functional.normalize(z, dim=1) if unit else z
    labels, temperature = [0, 1, 0, 0, 2], 0.5

    def near(i, j):
        return math.exp(-float((z[i] - z[j]).square().sum()) / (2 * temperature))

    expected = []
    for i in range(5):
        others = [j for j in range(5) if j != i]
        mass = sum(near(i, j) for j in others)
        shares = [-math.log(near(i, j) / mass) for j in others if labels[j] == labels[i]]
        expected.append(sum(shares) / max(1, len(shares)))
    assert float(contrast(z, torch.tensor(labels), temperature, unit)) == pytest.approx(sum(expected) / 5, abs=1e-5)


def test_a_pair_of_equal_texts_has_nothing_to_show_and_turned_round_it_keeps_its_distance(encoder, top):
    flat = [text for pair in zip(TEXTS, TEXTS, strict=True) for text in pair]
    same = read_states(encoder, flat, 4)._replace(columns=2)
    torch.testing.assert_close(vectors(top, same), torch.zeros(6, 768), atol=1e-6, rtol=0)
    pairs = read_states(encoder, [*TEXTS, *TEXTS[::-1]], 4)._replace(columns=2)
    found, u, v = vectors(top, pairs), encoder.encode(TEXTS[::2]), encoder.encode(TEXTS[1::2])
    np.testing.assert_allclose(found[:3].numpy(), np.hstack([u - v, abs(u - v)]), atol=1e-6)
    direction, distance = found.chunk(2, dim=1)
    torch.testing.assert_close(direction[3:], -direction[:3].flip(0), atol=1e-6, rtol=0)
    torch.testing.assert_close(distance[3:], distance[:3].flip(0), atol=1e-6, rtol=0)


def test_both_texts_of_a_pair_have_the_same_layers(encoder, top):
    pairs = list(zip(TEXTS, reversed(TEXTS), strict=True))
    found = []
    for turned in (1, -1):
        states = read_states(encoder, [text for pair in pairs for text in pair[::turned]], 4)._replace(columns=2)
        found.append(vectors(tune(top, states, LABELS, FAST, generator()).layers, states).chunk(2, dim=1))
    (direction, distance), (back, same) = found
    torch.testing.assert_close(direction, -back, atol=1e-5, rtol=0)
    torch.testing.assert_close(distance, same, atol=1e-5, rtol=0)


def test_examples_are_taken_whole(top, examples):
    rows = torch.tensor([4, 0])
    assert examples.examples == 6
    torch.testing.assert_close(vectors(top, take(examples, rows)), vectors(top, examples)[rows], atol=1e-6, rtol=0)


def test_pseudo_labels_find_the_clearest_texts_of_every_class():
    around = torch.eye(3).repeat_interleave(10, dim=0) + 0.1 * torch.randn(30, 3, generator=generator())
    undecided = torch.ones(60, 3) + 0.1 * torch.randn(60, 3, generator=generator(1))
    pool = torch.cat([undecided, around])[torch.arange(89, -1, -1)]
    rows, labels = pseudo_labels(torch.eye(3), torch.arange(3), pool, fraction=0.1)
    assert len(rows) == len(set(rows.tolist()))
    assert torch.bincount(labels).tolist() == [9, 9, 9]
    assert torch.equal(pool[rows].argmax(1), labels)
    assert (rows < 30).all()  # none of the undecided


def test_pseudo_labels_leave_the_rest_of_a_small_class_out():
    pool = torch.tensor([[5.0, 0], [-1, 0.1], [-1, 0], [-1, 0.2], [-2, 0]])
    rows, labels = pseudo_labels(torch.tensor([[1.0, 0], [-1, 0]]), torch.tensor([0, 1]), pool, fraction=0.5)
    assert labels.tolist() == [0, 1, 1]
    assert rows[0] == 0


@pytest.mark.parametrize("pseudo_label_fraction", [0, 0.51, 0.1])
def test_a_fraction_that_cannot_be_is_refused(pseudo_label_fraction):
    with pytest.raises(ConfigurationError, match=r"pseudo_label_fraction: wanted a part of the pool in \(0, 0.5\]"):
        pseudo_labels(torch.eye(2), torch.arange(2), torch.eye(2), pseudo_label_fraction)


def test_a_class_that_is_not_described_or_not_met_is_refused():
    with pytest.raises(DataError, match=r"wanted descriptions of two classes or more, came \[1, 0, 1\]"):
        pseudo_labels(torch.eye(2), torch.tensor([0, 2]), torch.eye(2), 0.5)
    described = torch.tensor([[1.0, 0], [-1, 0], [0, 1]])
    with pytest.raises(DataError, match="no text of 4 is nearest to class 2"):
        pseudo_labels(described, torch.arange(3), torch.tensor([[1.0, 0], [-1, 0]]).repeat(2, 1), 0.3)


@both_losses
@pytest.mark.parametrize("wrong", [{"learning_rate": 0.0}, {"epochs": 0}, {"batch": 1}, {"temperature": 0.0}])
def test_settings_out_of_range_are_refused(top, states, tuning, wrong):
    with pytest.raises(ConfigurationError, match="wanted learning_rate and temperature above 0"):
        tuning(top, states, LABELS, TuningSettings()._replace(**wrong), generator())


@both_losses
def test_texts_and_labels_that_do_not_fit_are_refused(top, states, tuning):
    with pytest.raises(DataError, match="wanted at least two examples and a label of each, came 6 and 5"):
        tuning(top, states, LABELS[:-1], FAST, generator())
    with pytest.raises(DataError, match="came 1 and 1"):
        tuning(top, States(torch.ones(2, 384), torch.tensor([2])), LABELS[:1], FAST, generator())
    with pytest.raises(ConfigurationError, match="layers: wanted at least one to tune"):
        tuning((), states, LABELS, FAST, generator())


def test_layers_that_are_not_there_are_refused(encoder):
    with pytest.raises(ConfigurationError, match="layers: wanted 0 to 6, came 7"):
        read_states(encoder, TEXTS, 7)
