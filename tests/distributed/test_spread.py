"""Parts worked elsewhere come back in order; a study's training comes back to the bit; a dead worker is told of."""

import os
import signal

import pytest
import torch

from hsokv.arms.population import fit_swarm, swarm_settings
from hsokv.distributed.spread import open_spread
from hsokv.exceptions import BackendError, ConfigurationError
from hsokv.learning.budget import Budget


def end(part):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_swarm_whose_managers_are_workers_finds_the_same_bits(make_episode, settings):
    def fit(spread):
        budget, generator = Budget(10**8), torch.Generator().manual_seed(0)
        found = fit_swarm(make_episode("shots"), settings, swarm_settings(settings), budget, generator, spread)
        return found, budget.spent

    here, spent = fit(None)
    with open_spread("processes", 2) as spread:
        there, spent_there = fit(spread)
    assert spent == spent_there
    assert here.curves == there.curves
    assert here.instruments == there.instruments
    queries = make_episode("shots").test.x
    assert torch.equal(here.predict(queries).log_probs, there.predict(queries).log_probs)


def test_parts_come_back_in_order_and_a_dead_worker_is_an_error():
    with open_spread("processes", 1) as spread:
        assert spread(abs, [-3, 1, -2]) == [3, 1, 2]
        with pytest.raises(BackendError, match="a worker process died"):
            spread(end, [1])


def test_what_no_backend_can_give_is_refused():
    with pytest.raises(ConfigurationError, match="wanted at least 1"), open_spread("processes", 0):
        pass
