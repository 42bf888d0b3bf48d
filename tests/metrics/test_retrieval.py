import numpy as np
import pytest

from hsokv.metrics.retrieval import chance_corrected, chance_hit_rate, gate_entropy, hit_rate, similarity_range


def test_an_empty_memory_and_an_absent_class_are_misses():
    assert hit_rate([-1, -1], [0, 1]) == 0.0
    assert chance_hit_rate([], [0, 1]) == 0.0
    assert hit_rate([0, 0], [0, 9]) == 0.5
    assert hit_rate([[6, 5], [5, 5]], [6, 5]) == 0.75  # over members and queries


def test_blind_retrieval_hits_at_chance():
    generator = np.random.default_rng(0)
    labels, queries = generator.integers(4, size=50), generator.integers(4, size=20_000)
    rate = hit_rate(generator.choice(labels, 20_000), queries)
    assert rate == pytest.approx(chance_hit_rate(labels, queries), abs=0.015)
    assert chance_corrected(rate, chance_hit_rate(labels, queries)) == pytest.approx(0.0, abs=0.02)


def test_known_answers_at_the_ends():
    assert (chance_corrected(1.0, 0.5), chance_corrected(1.0, 1.0)) == (1.0, None)
    assert [gate_entropy(gate) for gate in ([0.5] * 3, [0.0, 1.0], [0.25])] == pytest.approx([1, 0, 0.8112781])
    assert similarity_range([-1.0, 0.5, 1.00001]) == (0.0, 0.5, 1.0)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: hit_rate([[1], [2]], [0, 1]), "as many retrieved"),
        (lambda: hit_rate([], []), "at least one"),
        (lambda: chance_hit_rate([0], []), "at least one query"),
        (lambda: gate_entropy([1.2]), "sigmoid"),
        (lambda: gate_entropy([np.nan]), "sigmoid"),
        (lambda: similarity_range([3.0]), "Normalise"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
