import numpy as np
import pytest

from hsokv.swarm.diversity import coverage, disagreement, diversity, optimizer_entropy


def test_coinciding_agents_have_no_diversity():
    assert diversity(np.zeros(16, dtype=int), 4, np.full((16, 3), 0.4)) == 0.0


def test_latin_hypercube_with_uniform_optimizers_has_full_diversity():
    generator = np.random.default_rng(0)
    axes = [(generator.permutation(16) + generator.random(16)) / 16 for _ in range(3)]
    assert diversity(np.arange(16) % 4, 4, np.stack(axes, axis=1)) == pytest.approx(1.0)


def test_independent_draws_cover_about_six_tenths():
    generator = np.random.default_rng(0)
    found = np.mean([coverage(generator.random((16, 4))) for _ in range(500)])
    assert found == pytest.approx((16 * (1 - (15 / 16) ** 16) - 1) / 15, abs=0.01)  # 0.62


def test_fewer_agents_than_optimizers_can_still_be_diverse():
    assert optimizer_entropy([0, 3, 5], available=8) == pytest.approx(1.0)
    assert optimizer_entropy([0, 0, 1], available=8) == pytest.approx(0.6365 / np.log(3), abs=1e-4)
    assert optimizer_entropy([0, 0], available=1) == 0.0
    assert optimizer_entropy([2], available=4) == 0.0


def test_one_agent_has_no_diversity():
    assert diversity([0], 4, [[0.5, 0.5]]) == 0.0
    assert disagreement([[0, 1, 2]]) == 0.0


def test_the_ends_of_the_box_lie_in_its_first_and_last_bin():
    assert coverage([[0.0], [1.0]]) == 1.0


def test_diversity_is_the_same_in_any_order_of_agents():
    generator = np.random.default_rng(1)
    optimizers, position = generator.integers(3, size=10), generator.random((10, 2))
    order = generator.permutation(10)
    assert diversity(optimizers, 3, position) == pytest.approx(diversity(optimizers[order], 3, position[order]))


def test_disagreement_over_pairs():
    assert disagreement([[0, 0], [0, 1], [1, 1]]) == pytest.approx((0.5 + 1.0 + 0.5) / 3)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: optimizer_entropy([0, 4], 4), r"optimizers in 0\.\.3"),
        (lambda: coverage([[1.5]]), r"in \[0, 1\]"),
        (lambda: coverage([[np.nan]]), r"in \[0, 1\]"),
        (lambda: diversity([0], 2, [[0.1], [0.2]]), "one optimizer an agent"),
        (lambda: disagreement([0, 1]), "agents, examples"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
