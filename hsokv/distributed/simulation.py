"""A discrete-event simulation of the swarm: managers work, then queue for the one store. What it says is *projected*.

Service times are resampled from measurements of one worker on this machine: the work of a period by the managers in it,
and what a push and a pull of a payload take the supervisor. Each node takes one thread; the network adds a latency each
way. The store serves one push at a time, first come first served; in step, nobody goes on before all have pushed.
"""

from typing import NamedTuple

import numpy as np
import simpy
from numpy import ndarray

from hsokv.exceptions import ConfigurationError, check_known

REPLICATIONS = 30


class Service(NamedTuple):
    """Measured seconds, to be drawn from: `work` of a period on a worker, `merge` of its pushes in the store,
    `transfer` of job and result between them; and the environment steps of a period on one worker."""

    work: ndarray
    merge: ndarray
    transfer: ndarray
    steps: int


class Projection(NamedTuple):
    """Steps per second of the whole swarm and the share of time that the store was busy, by replication."""

    throughput: ndarray
    store_busy: ndarray


def check_service(service: Service) -> Service:
    """Refuse measurements that are missing, negative or not finite; return them."""
    for name, seconds in zip(("work", "merge", "transfer"), service[:3], strict=True):
        if len(seconds) == 0 or not (np.isfinite(seconds).all() and (np.asarray(seconds) >= 0).all()):
            raise ConfigurationError(f"{name}: wanted measured seconds, finite and not negative; measure anew")
    return service


def project(
    service: Service,
    nodes: int,
    periods: int,
    mode: str,
    generator: np.random.Generator,
    *,
    latency: float = 0.0,
    replications: int = REPLICATIONS,
) -> Projection:
    """Simulate `nodes` workers for that many periods each, `replications` times over.

    `mode` is one of none, synchronous and asynchronous; without sharing results go to the store all the same, as the
    supervisor keeps them. `latency` is in seconds, one way.

    >>> always = Service(np.array([1.0]), np.array([0.0]), np.array([0.0]), 500)
    >>> project(always, 4, 10, "asynchronous", np.random.default_rng(0), replications=1).throughput.tolist()
    [2000.0]
    """
    check_service(service)
    check_known("sharing", mode, ("none", "synchronous", "asynchronous"))
    if nodes < 1 or periods < 1 or latency < 0:
        raise ConfigurationError(
            f"wanted at least 1 node and 1 period and no negative latency, came {nodes}, {periods} and {latency}"
        )
    runs = [_run(service, nodes, periods, mode, latency, draws) for draws in generator.spawn(replications)]
    return Projection(*(np.array(part) for part in zip(*runs, strict=True)))


def _run(
    service: Service, nodes: int, periods: int, mode: str, latency: float, draws: np.random.Generator
) -> tuple[float, float]:
    environment = simpy.Environment()
    store = simpy.Resource(environment, capacity=1)
    served = [0.0]
    # Drawn at once: draws one by one would take most of the time.
    away = draws.choice(service.work, (nodes, periods)) + draws.choice(service.transfer, (nodes, periods)) + 2 * latency
    merge = draws.choice(service.merge, (nodes, periods))
    turn = {"left": nodes, "over": environment.event()}

    def meet():
        """Wait until every node has pushed; the last one opens the next turn."""
        over = turn["over"]
        turn["left"] -= 1
        if turn["left"] == 0:
            turn.update(left=nodes, over=environment.event())
            over.succeed()
        return over

    def node(number):
        for period in range(periods):
            yield environment.timeout(away[number, period])
            with store.request() as request:
                yield request
                served[0] += merge[number, period]
                yield environment.timeout(merge[number, period])
            if mode == "synchronous":
                yield meet()

    for number in range(nodes):
        environment.process(node(number))
    environment.run()
    return nodes * periods * service.steps / environment.now, served[0] / environment.now
