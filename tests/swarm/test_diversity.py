import numpy as np
import pytest

from hsokv.swarm.diversity import coverage, disagreement, diversity, optimizer_entropy


def test_coinciding_agents_and_one_agent_have_no_diversity():
    assert diversity(np.zeros(16, dtype=int), 4, np.full((16, 3), 0.4)) == 0.0
    assert diversity([0], 4, [[0.5, 0.5]]) == 0.0
    assert disagreement([[0, 1, 2]]) == 0.0


def test_a_latin_hypercube_with_uniform_optimizers_has_full_diversity_in_any_order():
    generator = np.random.default_rng(0)
    axes = [(generator.permutation(16) + generator.random(16)) / 16 for _ in range(3)]
    assert diversity(np.arange(16) % 4, 4, np.stack(axes, axis=1)) == pytest.approx(1.0)
    optimizers, position, order = generator.integers(3, size=10), generator.random((10, 2)), generator.permutation(10)
    assert diversity(optimizers, 3, position) == pytest.approx(diversity(optimizers[order], 3, position[order]))


def test_independent_draws_cover_about_six_tenths():
    generator = np.random.default_rng(0)
    found = np.mean([coverage(generator.random((16, 4))) for _ in range(500)])
    assert found == pytest.approx((16 * (1 - (15 / 16) ** 16) - 1) / 15, abs=0.01)  # 0.62


def test_known_values():
    """Fewer agents than optimizers can still be diverse; the ends of the box lie in its first and last bin."""
    assert optimizer_entropy([0, 3, 5], available=8) == pytest.approx(1.0)
    assert optimizer_entropy([0, 0, 1], available=8) == pytest.approx(0.6365 / np.log(3), abs=1e-4)
    assert optimizer_entropy([0, 0], available=1) == optimizer_entropy([2], available=4) == 0.0
    assert coverage([[0.0], [1.0]]) == 1.0
    assert disagreement([[0, 0], [0, 1], [1, 1]]) == pytest.approx((0.5 + 1.0 + 0.5) / 3)
