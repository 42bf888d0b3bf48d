"""A simulation of one search over many nodes, for as far as it predicts what was measured. Beyond it is *projected*.

A generation takes until the last node's scores have been taken in, plus the supervisor's own work. Work and transfer
of a part are drawn from what one node was measured to take for a part of that size; the supervisor handles parts one
after the other, both ways, and the network adds a latency each way.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np
from numpy import ndarray

REPLICATIONS = 30


class Service(NamedTuple):
    """What one node was measured to take, in seconds.

    work       of a part, and `transfer` of it, both to be drawn from
    handle     of a part in the supervisor, one way
    supervise  the supervisor's other work in a generation
    steps      environment steps of a part
    trips      messages there and back in a generation, those that score the agent included
    """

    work: ndarray
    transfer: ndarray
    handle: float
    supervise: float
    steps: int
    trips: float = 1.0


class ServiceRow(TypedDict):
    """A `Service` as JSON has it, and the candidates of the parts that it was measured with."""

    candidates: int
    work: list[float]
    transfer: list[float]
    handle: float
    supervise: float
    steps: int
    trips: float


class Measured(TypedDict):
    """Environment steps a second of so many nodes, with `latency` seconds each way and `candidates` in all."""

    nodes: int
    latency: float
    candidates: int
    throughput: float


class Projection(NamedTuple):
    """Environment steps a second of all nodes, and the share of time that the supervisor is busy, by replication."""

    throughput: ndarray
    supervisor_busy: ndarray


def simulate(
    service: Service,
    nodes: int,
    generations: int,
    generator: np.random.Generator,
    latency: float = 0.0,
) -> Projection:
    """Simulate so many generations on `nodes` nodes; `latency` in seconds, one way.

    >>> service = Service(np.array([1.0]), np.array([0.0]), 0.0, 0.0, 500)
    >>> simulate(service, 4, 10, np.random.default_rng(0)).throughput[:1].tolist()
    [2000.0]
    """
    shape, turn = (REPLICATIONS, generations, nodes), service.handle * np.arange(1, nodes + 1)
    away = (
        generator.choice(service.work, shape) + generator.choice(service.transfer, shape) + 2 * latency * service.trips
    )
    # The supervisor takes in scores once it has sent all parts.
    arrived = np.maximum(np.sort(turn + away, axis=-1), turn[-1])
    # done_k = max(done_(k-1), arrived_k) + handle, for all k at once
    done = (np.maximum.accumulate(arrived + service.handle - turn, axis=-1) + turn)[..., -1]
    seconds = (done + service.supervise).sum(-1)
    busy = generations * (2 * nodes * service.handle + service.supervise)
    return Projection(generations * nodes * service.steps / seconds, np.minimum(1.0, busy / seconds))


def service_of(row: ServiceRow) -> Service:
    """The service that one node was measured to give; see `hsokv.distributed.scaling.measure_service`."""
    found = Service(**{name: row[name] for name in Service._fields})
    return found._replace(work=np.asarray(found.work, float), transfer=np.maximum(found.transfer, 0.0))


def validate(services: Sequence[ServiceRow], measured: Sequence[Measured], generations: int) -> list[dict[str, float]]:
    """Predicted beside measured throughput and the relative error, for every measured number of nodes and latency.

    A prediction comes from one node alone, which had parts of the size that each of the nodes had.
    """
    rows = []
    for row in measured:
        one = next(s for s in services if s["candidates"] == row["candidates"] // row["nodes"])
        draws = np.random.default_rng([row["nodes"], round(1e6 * row["latency"])])
        found = simulate(service_of(one), row["nodes"], generations, draws, row["latency"])
        predicted = _row(row["nodes"], row["latency"], "predicted", found)
        error = abs(predicted["predicted"] / row["throughput"] - 1)
        rows.append(predicted | {"measured": row["throughput"], "error": error})
    return rows


def sweep(
    service: Service, nodes: Sequence[int], latencies: Sequence[float], generations: int
) -> list[dict[str, float]]:
    """Projected throughput over nodes and latencies, weak scaling: every node has a part of the same size."""
    rows = []
    for latency in latencies:
        for count in nodes:
            found = simulate(service, count, generations, np.random.default_rng(count), latency)
            busy = float(found.supervisor_busy.mean())
            rows.append(_row(count, latency, "throughput", found) | {"supervisor_busy": busy})
    return rows


def _row(nodes: int, latency: float, name: str, found: Projection) -> dict[str, float]:
    """Mean throughput, under the name, and the middle 95 % of the replications."""
    low, high = np.quantile(found.throughput, [0.025, 0.975]).tolist()
    return {"nodes": nodes, "latency": latency, name: float(found.throughput.mean()), "low": low, "high": high}
