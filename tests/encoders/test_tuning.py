"""Tuning of the top layers: what below and above give together, the losses, their cost, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.encoders.texts import encoder_flops, load_text_encoder
from hsokv.encoders.tuning import TuningSettings, contrast, pseudo_labels, tune
from hsokv.exceptions import ConfigurationError, DataError
from tests.encoders.made import save_encoder

TEXTS = ("a charming film .", "it's dull", "elegant , tender and bright comedy", "a waste of time", "", "the plot")
LABELS = torch.tensor([1, 0, 1, 0, 0, 1])
FAST = TuningSettings(learning_rate=1e-3, epochs=2, batch=3)
FROZEN = 2
both_losses = pytest.mark.parametrize("loss", ["contrast", "cross_entropy"])


@pytest.fixture(scope="module", params=["bert", "mpnet"])  # the second has relative positions
def encoder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    save_encoder(folder, request.param, layers=4)
    return load_text_encoder(resolve_encoder(EncoderSource(folder=str(folder), tokens=16)))


@pytest.fixture(scope="module")
def above(encoder):
    return encoder.above(FROZEN)


@pytest.fixture(scope="module")
def states(encoder):
    return encoder.below(FROZEN).states(TEXTS)


@pytest.fixture(scope="module", params=[1, 2], ids=["texts", "pairs"])
def examples(request, encoder):
    """Six examples: the texts, or pairs of them, the last three those of the first turned round."""
    texts = TEXTS if request.param == 1 else [*TEXTS, *TEXTS[::-1]]
    return encoder.below(FROZEN).states(texts, columns=request.param)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def weights(encoder):
    return list(encoder.layers.parameters())


def test_layers_below_and_above_make_the_encoder_s_own_vectors_from_transformers_hidden_states(encoder):
    ids = torch.tensor([encoder.tokenizer.encode(TEXTS[0]).ids])
    given = {"position_ids": torch.arange(ids.shape[1])[None]} if encoder.model.config.model_type == "bert" else {}
    with torch.no_grad():
        hidden = encoder.model(input_ids=ids, output_hidden_states=True, **given).hidden_states
    for layer, state in enumerate(hidden):
        below = encoder.below(layer)
        with FlopCounterMode(display=False) as counter:
            states = below.states(TEXTS)
        assert counter.get_total_flops() == encoder_flops(encoder.lengths(TEXTS), below.size)
        torch.testing.assert_close(states.tokens[0], state[0])
        vectors = encoder.above(layer).vectors(states)
        np.testing.assert_allclose(vectors.numpy(), encoder.encode(TEXTS), atol=1e-6)
    assert encoder.above(0).vectors(encoder.below(0).states([])).shape == (0, encoder.size.width)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_texts_in_one_sequence_do_not_see_each_other(above, states, pooling):
    pooled, many = replace(above, pooling=pooling), states.take(list(range(6)) * 30)  # several sequences
    torch.testing.assert_close(pooled.packed_vectors(many), pooled.vectors(many, batch=1), atol=1e-6, rtol=0)


@both_losses
def test_the_formula_counts_what_the_counter_counts(above, examples, loss):
    with FlopCounterMode(display=False) as counter:
        tuned = tune(above, examples, LABELS, FAST, generator(), loss)
    assert tuned.flops == counter.get_total_flops()


@both_losses
def test_everything_above_is_tuned_the_same_by_the_same_generator_and_what_was_given_stays(
    encoder, above, examples, loss
):
    given = [part.clone() for part in (*weights(above), *examples.tokens)]
    before, drawn = encoder.encode(TEXTS), torch.get_rng_state()
    first, again, other = (weights(tune(above, examples, LABELS, FAST, generator(n), loss).encoder) for n in (0, 0, 1))
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))
    assert not any(map(torch.equal, first, weights(above)))
    assert not any(weight.requires_grad for weight in first)
    assert all(map(torch.equal, given, (*weights(above), *examples.tokens)))
    assert torch.equal(drawn, torch.get_rng_state())
    np.testing.assert_array_equal(encoder.encode(TEXTS), before)


def test_a_tuned_encoder_of_texts_says_what_its_upper_part_says_of_states(encoder, above, states):
    tuned = tune(above, states, LABELS, FAST, generator()).encoder
    whole = encoder.with_layers([*encoder.below(FROZEN).layers, *tuned.layers])
    np.testing.assert_allclose(whole.encode(TEXTS), tuned.vectors(states), atol=1e-6)


def test_contrast_draws_a_class_together_and_cross_entropy_the_classes_apart(above, examples):
    def between(vectors):
        return (vectors[LABELS == 1].mean(0) - vectors[LABELS == 0].mean(0)).norm()

    settings, before = TuningSettings(learning_rate=1e-3, epochs=8), above.vectors(examples)
    together = tune(above, examples, LABELS, settings, generator()).encoder.vectors(examples)
    apart = tune(above, examples, LABELS, settings, generator(), "cross_entropy").encoder.vectors(examples)
    assert contrast(together, LABELS, 0.1, unit=False) < contrast(before, LABELS, 0.1, unit=False)
    assert between(apart) > between(before)


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


def test_pairs_are_the_features_of_their_texts_and_keep_their_distance_turned_round_when_tuned(encoder, above):
    pairs = encoder.below(FROZEN).states([*TEXTS, *TEXTS[::-1]], columns=2)
    assert pairs.examples == 6
    features, u, v = above.vectors(pairs), encoder.encode(TEXTS[::2]), encoder.encode(TEXTS[1::2])
    np.testing.assert_allclose(features[:3].numpy(), np.hstack([u - v, abs(u - v)]), atol=1e-6)
    torch.testing.assert_close(above.vectors(pairs.take(torch.tensor([4, 0]))), features[[4, 0]], atol=1e-6, rtol=0)
    tuned = tune(above, pairs, LABELS, FAST, generator()).encoder  # both texts have the same layers
    direction, distance = tuned.vectors(pairs).chunk(2, dim=1)
    torch.testing.assert_close(direction[3:], -direction[:3].flip(0), atol=1e-5, rtol=0)
    torch.testing.assert_close(distance[3:], distance[:3].flip(0), atol=1e-5, rtol=0)


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


THREE, TWO = torch.tensor([[1.0, 0], [-1, 0], [0, 1]]), torch.tensor([[1.0, 0], [-1, 0]])


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        *(
            ((TWO, [0, 1], TWO, fraction), ConfigurationError, r"pseudo_label_fraction: .* in \(0, 0.5\]")
            for fraction in (0, 0.51, 0.1)
        ),
        ((TWO, [0, 2], TWO, 0.5), DataError, r"wanted descriptions of two classes or more, came \[1, 0, 1\]"),
        ((THREE, [0, 1, 2], TWO.repeat(2, 1), 0.3), DataError, "no text of 4 is nearest to class 2"),
    ],
)
def test_pseudo_labels_that_cannot_be_are_refused(given, error, said):
    described, labels, pool, fraction = given
    with pytest.raises(error, match=said):
        pseudo_labels(described, torch.tensor(labels), pool, fraction)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda above, states: (above.below(0), states, LABELS, FAST), ConfigurationError, "layers"),
        (lambda above, states: (above.below(3), states, LABELS, FAST), ConfigurationError, "layer must be between 0"),
        (lambda above, states: (above.above(3), states, LABELS, FAST), ConfigurationError, "layer must be between 0"),
    ],
)
def test_what_cannot_be_tuned_is_refused(above, states, call, error, said):
    with pytest.raises(error, match=said):
        tune(*call(above, states), generator())
