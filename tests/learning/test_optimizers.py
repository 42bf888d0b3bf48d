"""What the training of a swarm (test_loop) does not show of its update rules."""

import pytest
import torch

from hsokv.learning.optimizers import OPTIMIZERS, init_state, update


def steps(w, slopes, rule, rate=0.1, decay=0.02):
    moments, batch = init_state(w, w.shape[:1]), w.shape[:1]
    for g in slopes:
        w, moments = update(w, g, moments, torch.full(batch, rule), torch.full(batch, rate), torch.full(batch, decay))
    return w, moments


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_moments_do_not_depend_on_the_rule_so_that_a_copy_keeps_its_history():
    found = [steps(torch.ones(1, 4), draw(3, 1, 4).float(), rule)[1] for rule in range(len(OPTIMIZERS))]
    assert all(torch.equal(*parts) for other in found for parts in zip(found[0], other, strict=True))


@pytest.mark.parametrize("decay", [1.0, 1e6])
def test_no_decay_is_too_strong(decay):
    """With a constant gradient g the plain rule settles at -g' / decay, g' what momentum makes of it."""
    g = torch.full((1, 2), 0.5, dtype=torch.float64)
    w, _ = steps(torch.ones_like(g), g.expand(400, 1, 2), OPTIMIZERS.index("sgd"), rate=1.0, decay=decay)
    torch.testing.assert_close(w, -10 * g / decay)
