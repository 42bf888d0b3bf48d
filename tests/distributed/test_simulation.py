"""The simulation against known answers."""

import numpy as np
import pytest

from hsokv.distributed.simulation import Service, simulate, sweep, validate


def service(work=1.0, transfer=0.0, handle=0.0, supervise=0.0, trips=1.0):
    return Service(np.atleast_1d(work), np.atleast_1d(transfer), handle, supervise, 100, trips)


def rate(measured, nodes, generations=50, seed=0, **options):
    return simulate(measured, nodes, generations, np.random.default_rng(seed), **options)


def test_throughput_is_that_of_all_nodes_or_of_the_sum_of_times_or_of_a_busy_supervisor():
    assert rate(service(), 8).throughput == pytest.approx(800)
    found = rate(service(1.0, 0.25, handle=0.125, supervise=0.25), 1, latency=0.125)
    assert (found.throughput[0], found.supervisor_busy[0]) == (pytest.approx(100 / 2.0), pytest.approx(0.25))
    found = rate(service(0.0, handle=0.1), 1000)  # .1 s a part each way: 5 parts a second, no more
    assert found.throughput[0] == pytest.approx(500, rel=0.05)
    assert found.supervisor_busy[0] > 0.95


def test_all_wait_for_the_slowest():
    """The mean of the larger of two times, 1 or 3 with equal chance, is 2.5."""
    found = rate(service(np.array([1.0, 3.0])), 2, generations=400).throughput
    assert found.mean() == pytest.approx(200 / 2.5, rel=0.02)


def test_a_prediction_comes_from_parts_of_the_same_size_and_its_error_is_printed():
    one = {"candidates": 8, "work": [1.0], "transfer": [0.0], "handle": 0.0, "supervise": 0.0, "steps": 100, "trips": 1}
    measured = {"nodes": 2, "candidates": 16, "latency": 0.5, "throughput": 80.0}
    (row,) = validate([one], [measured], 5)
    assert (row["predicted"], row["error"]) == (pytest.approx(100.0), pytest.approx(0.25))
    assert row["low"] == row["high"] == pytest.approx(100.0)


def test_the_sweep_has_a_row_for_every_place():
    rows = sweep(service(), [1, 4], [0.0, 0.5], 5)
    assert [(row["nodes"], row["latency"]) for row in rows] == [(1, 0.0), (4, 0.0), (1, 0.5), (4, 0.5)]
    assert [row["throughput"] for row in rows] == pytest.approx([100, 400, 50, 200])
