import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.encoders.texts import States, encoder_flops, load_text_encoder
from hsokv.encoders.tuning import (
    TuningSettings,
    contrast,
    pseudo_labels,
    step_flops,
    tune_contrastive,
    tune_cross_entropy,
)
from hsokv.exceptions import ConfigurationError, DataError
from tests.encoders.made import save_encoder

TEXTS = ("a charming film .", "it's dull", "elegant , tender and bright comedy", "a waste of time", "", "the plot")
LABELS = torch.tensor([1, 0, 1, 0, 0, 1])
FAST = TuningSettings(learning_rate=1e-3, epochs=2, batch=3)
FROZEN = {"minilm": 4, "mpnet": 2, "roberta": 2}


@pytest.fixture(scope="module", params=FROZEN)
def encoder(request, tmp_path_factory):
    """MiniLM, and small random encoders of other kinds, one with relative positions."""
    if request.param == "minilm":
        return load_text_encoder(resolve_encoder(download=False))
    folder = tmp_path_factory.mktemp(request.param)
    save_encoder(folder, request.param, layers=4)
    return load_text_encoder(resolve_encoder(EncoderSource(folder=str(folder), tokens=16)))


@pytest.fixture(scope="module")
def frozen(encoder):
    return encoder.size.layers - 2


@pytest.fixture(scope="module")
def above(encoder, frozen):
    return encoder.above(frozen)


@pytest.fixture(scope="module")
def states(encoder, frozen):
    return encoder.below(frozen).states(TEXTS)


@pytest.fixture(scope="module", params=[1, 2], ids=["texts", "pairs"])
def examples(request, encoder, frozen):
    """Six examples: the texts, or pairs of them."""
    texts = TEXTS if request.param == 1 else [*TEXTS, *TEXTS[::-1]]
    return encoder.below(frozen).states(texts, columns=request.param)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def weights(encoder):
    return list(encoder.layers.parameters())


both_losses = pytest.mark.parametrize("tuning", [tune_contrastive, tune_cross_entropy])


def test_layers_below_and_above_make_the_encoders_own_vectors(encoder):
    for layer in range(encoder.size.layers + 1):
        vectors = encoder.above(layer).vectors(encoder.below(layer).states(TEXTS))
        np.testing.assert_allclose(vectors.numpy(), encoder.encode(TEXTS), atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_texts_in_one_sequence_do_not_see_each_other(above, states, pooling):
    pooled, many = replace(above, pooling=pooling), states.take(list(range(6)) * 30)  # several sequences
    torch.testing.assert_close(pooled.packed_vectors(many), pooled.vectors(many, batch=1), atol=1e-6, rtol=0)


def test_a_layer_s_vectors_are_those_of_transformers_hidden_states(encoder):
    ids = torch.tensor([encoder.tokenizer.encode(TEXTS[0]).ids])
    given = {"position_ids": torch.arange(ids.shape[1])[None]} if encoder.model.config.model_type == "bert" else {}
    with torch.no_grad():
        states = encoder.model(input_ids=ids, output_hidden_states=True, **given).hidden_states
    for layer, state in enumerate(states):
        mean = torch.nn.functional.normalize(state.mean(1)).numpy()
        np.testing.assert_allclose(encoder.below(layer).encode(TEXTS[:1]), mean, atol=1e-6)


def test_no_texts_give_no_states(encoder, frozen, above):
    states = encoder.below(frozen).states([])
    assert states.examples == 0
    assert above.vectors(states).shape == (0, encoder.size.width)


def test_operations_below_are_their_part_of_the_encoders(encoder, frozen):
    with FlopCounterMode(display=False) as counter:
        encoder.below(frozen).states(TEXTS)
    flops = encoder_flops(encoder.lengths(TEXTS), encoder.size)
    assert counter.get_total_flops() * encoder.size.layers == flops * frozen


@both_losses
@pytest.mark.parametrize("layers", [1, 2, 4])
def test_the_formula_counts_what_the_counter_counts_in_a_step(encoder, layers, tuning):
    first = encoder.size.layers - layers
    states, above = encoder.below(first).states(TEXTS), encoder.above(first)
    with FlopCounterMode(display=False) as counter:
        tuned = tuning(above, states, LABELS, TuningSettings(), generator())
    assert tuned.flops == counter.get_total_flops()
    lengths = [len(text) for text in states.tokens]
    assert tuned.flops == step_flops(lengths, above.size, 0 if tuning is tune_contrastive else 2)


@both_losses
def test_the_operations_of_several_steps_are_added(above, examples, tuning):
    with FlopCounterMode(display=False) as counter:
        tuned = tuning(above, examples, LABELS, FAST, generator())
    assert tuned.flops == counter.get_total_flops()


def test_a_step_on_pairs_costs_what_it_does_on_their_texts_less_what_contrast_compares(encoder, frozen, above):
    pairs = encoder.below(frozen).states([*TEXTS, *TEXTS], columns=2)
    found = tune_contrastive(above, pairs, LABELS, TuningSettings(), generator()).flops
    lengths = [len(text) for text in pairs.tokens]
    assert found == step_flops(lengths, above.size, columns=2)
    assert step_flops(lengths, above.size) - found == 6 * 12 * encoder.size.width * (12 - 6)


@both_losses
def test_same_generator_gives_the_same_bytes_and_another_does_not(above, examples, tuning):
    first, again, other = (
        weights(tuning(above, examples, LABELS, FAST, generator(seed)).encoder) for seed in (0, 0, 1)
    )
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))


@both_losses
def test_everything_above_is_tuned_and_what_was_given_stays(encoder, above, examples, tuning):
    kept, tokens = [weight.clone() for weight in weights(above)], [part.clone() for part in examples.tokens]
    before, drawn = encoder.encode(TEXTS), torch.get_rng_state()
    tuned = weights(tuning(above, examples, LABELS, FAST, generator()).encoder)
    assert len(tuned) == len(kept)
    assert not any(map(torch.equal, kept, tuned))
    assert all(map(torch.equal, kept, weights(above)))
    assert all(map(torch.equal, tokens, examples.tokens))
    assert torch.equal(drawn, torch.get_rng_state())
    np.testing.assert_array_equal(encoder.encode(TEXTS), before)
    assert not any(weight.requires_grad for weight in tuned)


def test_a_tuned_encoder_of_texts_says_what_its_upper_part_says_of_states(encoder, frozen, above, states):
    tuned = tune_contrastive(above, states, LABELS, FAST, generator()).encoder
    whole = encoder.with_layers([*encoder.below(frozen).layers, *tuned.layers])
    np.testing.assert_allclose(whole.encode(TEXTS), tuned.vectors(states), atol=1e-6)


def test_contrast_draws_a_class_together(above, examples):
    before = contrast(above.vectors(examples), LABELS, 0.1, unit=False)
    tuned = tune_contrastive(above, examples, LABELS, TuningSettings(epochs=4), generator()).encoder
    assert contrast(tuned.vectors(examples), LABELS, 0.1, unit=False) < before


def test_cross_entropy_draws_the_classes_apart(above, examples):
    tuned = tune_cross_entropy(above, examples, LABELS, TuningSettings(epochs=8), generator()).encoder

    def between(vectors):
        return (vectors[LABELS == 1].mean(0) - vectors[LABELS == 0].mean(0)).norm()

    assert between(tuned.vectors(examples)) > between(above.vectors(examples))


@both_losses
def test_every_pass_is_reported(above, states, tuning):
    lines = []
    tuning(above, states, LABELS, FAST, generator(), lines.append)
    assert [line.split(":")[0] for line in lines] == ["epoch 1 of 2", "epoch 2 of 2"]


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


def test_a_pair_of_equal_texts_has_nothing_to_show_and_turned_round_it_keeps_its_distance(encoder, frozen, above):
    flat = [text for pair in zip(TEXTS, TEXTS, strict=True) for text in pair]
    same = encoder.below(frozen).states(flat, columns=2)
    torch.testing.assert_close(above.vectors(same), torch.zeros(6, 2 * encoder.size.width), atol=1e-6, rtol=0)
    pairs = encoder.below(frozen).states([*TEXTS, *TEXTS[::-1]], columns=2)
    found, u, v = above.vectors(pairs), encoder.encode(TEXTS[::2]), encoder.encode(TEXTS[1::2])
    np.testing.assert_allclose(found[:3].numpy(), np.hstack([u - v, abs(u - v)]), atol=1e-6)
    direction, distance = found.chunk(2, dim=1)
    torch.testing.assert_close(direction[3:], -direction[:3].flip(0), atol=1e-6, rtol=0)
    torch.testing.assert_close(distance[3:], distance[:3].flip(0), atol=1e-6, rtol=0)


def test_both_texts_of_a_pair_have_the_same_layers(encoder, frozen, above):
    pairs = list(zip(TEXTS, reversed(TEXTS), strict=True))
    found = []
    for turned in (1, -1):
        states = encoder.below(frozen).states([text for pair in pairs for text in pair[::turned]], columns=2)
        tuned = tune_contrastive(above, states, LABELS, FAST, generator()).encoder
        found.append(tuned.vectors(states).chunk(2, dim=1))
    (direction, distance), (back, same) = found
    torch.testing.assert_close(direction, -back, atol=1e-5, rtol=0)
    torch.testing.assert_close(distance, same, atol=1e-5, rtol=0)


def test_examples_are_taken_whole(above, examples):
    assert examples.examples == 6
    taken = above.vectors(examples.take(torch.tensor([4, 0])))
    torch.testing.assert_close(taken, above.vectors(examples)[[4, 0]], atol=1e-6, rtol=0)


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
def test_settings_out_of_range_are_refused(above, states, tuning, wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        tuning(above, states, LABELS, TuningSettings()._replace(**wrong), generator())


@both_losses
def test_texts_and_labels_that_do_not_fit_are_refused(encoder, above, states, tuning):
    with pytest.raises(DataError, match="6 and 5"):
        tuning(above, states, LABELS[:-1], FAST, generator())
    with pytest.raises(DataError, match="1 and 1"):
        tuning(above, States(states.tokens[:1]), LABELS[:1], FAST, generator())
    with pytest.raises(ConfigurationError, match="layers"):
        tuning(above.below(0), states, LABELS, FAST, generator())


def test_layers_that_are_not_there_are_refused(encoder):
    for part in (encoder.below, encoder.above):
        with pytest.raises(ConfigurationError, match=rf"layer must be between 0 and {encoder.size.layers}"):
            part(encoder.size.layers + 1)
