"""The simulation against what queueing says must come out."""

import numpy as np
import pytest

from hsokv.distributed.simulation import Service, project
from hsokv.exceptions import ConfigurationError


def service(work=1.0, merge=0.0, transfer=0.0):
    return Service(np.atleast_1d(work), np.atleast_1d(merge), np.atleast_1d(transfer), 100)


def rate(measured, nodes, mode="asynchronous", periods=50, seed=0, **options):
    return project(measured, nodes, periods, mode, np.random.default_rng(seed), **options)


@pytest.mark.parametrize("mode", ["none", "synchronous", "asynchronous"])
def test_a_store_that_costs_nothing_lets_nodes_add_up(mode):
    assert rate(service(), 8, mode, replications=2).throughput == pytest.approx([800, 800])


def test_one_node_takes_the_sum_of_its_times():
    found = rate(service(1.0, 0.5, 0.25), 1, replications=1, latency=0.125)
    assert found.throughput[0] == pytest.approx(100 / 2.0)
    assert found.store_busy[0] == pytest.approx(0.25)


def test_a_saturated_store_bounds_the_throughput():
    """At 0.1 s a push no more than 10 periods a second pass, however many nodes there are."""
    found = rate(service(1.0, 0.1), 64, replications=1)
    assert found.throughput[0] == pytest.approx(1000, rel=0.05)
    assert found.store_busy[0] > 0.95


def test_in_step_all_wait_for_the_slowest():
    """The mean of the larger of two times, 1 or 3 with equal chance, is 2.5; apart from each other it is 2."""
    varied = service(np.array([1.0, 3.0]))
    together = rate(varied, 2, "synchronous", periods=400).throughput
    apart = rate(varied, 2, "asynchronous", periods=400).throughput
    assert together.mean() == pytest.approx(200 / 2.5, rel=0.02)
    assert apart.mean() == pytest.approx(200 / 2.0, rel=0.06)  # the end waits for the slower of the two


def test_the_same_generator_gives_the_same_projection():
    varied = service(np.array([1.0, 3.0]), np.array([0.1, 0.2]))
    runs = [rate(varied, 3, seed=seed, replications=3).throughput.tolist() for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]
    assert len(set(runs[0])) > 1


@pytest.mark.parametrize(
    ("measured", "arguments", "message"),
    [
        (service(np.array([])), (1,), "work: wanted measured seconds"),
        (service(merge=np.nan), (1,), "merge: wanted measured seconds"),
        (service(transfer=-1.0), (1,), "transfer: wanted measured seconds"),
        (service(), (0,), "at least 1 node"),
        (service(), (1, "always"), "sharing: unknown name"),
    ],
)
def test_what_cannot_be_simulated_is_refused(measured, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        rate(measured, *arguments)
