"""`hsokv swarm`: one run of the distributed swarm, from this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hsokv.cli.common import Json, tell
from hsokv.exceptions import check_known
from hsokv.machine import ray_address

if TYPE_CHECKING:
    from hsokv.distributed.search import Event


def swarm(
    benchmark: Annotated[str, typer.Option(metavar="NAME", help="swing_up or cartpole.")] = "swing_up",
    nodes: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=256, help="Workers, of one thread each.")] = 2,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="ray, processes or single (default: ray where it is installed).")
    ] = None,
    managers: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=256, help="Groups of agents.")] = 1,
    agents: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", min=1, max=256, help="Agents of a group; one in all: one search over all workers."
        ),
    ] = 1,
    candidates: Annotated[
        int, typer.Option(metavar="NUMBER", min=2, max=16_384, help="Policies tried in a generation.")
    ] = 1024,
    iterations: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, max=1_000_000, help="Rounds of four generations.")
    ] = 20,
    seed: Annotated[int, typer.Option(metavar="NUMBER", min=0, max=2**32 - 1, help="Of noise and starts.")] = 0,
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Of a running Ray cluster (default: HSOKV_RAY_ADDRESS).")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A checkpoint, from which the run continues where it exists.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search policies on workers until the target is reached; one line a round, with its speed.

    What is measured of it, and projected to more nodes: `snakemake --cores all scaling` (docs/distributed.md).
    """
    from hsokv.distributed.evolution import TASKS, find_task
    from hsokv.distributed.executors import BACKENDS, cores, default_backend, open_executor
    from hsokv.distributed.search import Plan, run_search

    check_known("--benchmark", benchmark, TASKS)
    backend = backend or default_backend()
    check_known("--backend", backend, BACKENDS)
    plan, target = Plan(benchmark, seed, candidates, managers=managers, agents=agents), find_task(benchmark).TARGET
    address = ray_address(address) if backend == "ray" else address
    if nodes > cores() and address is None:
        typer.echo(f"note: {nodes} workers on {cores()} cores: they take turns", err=True)

    def report(event: "Event") -> None:
        if not as_json:
            speed = f"{event.throughput / 1e6:6.2f} M steps/s" + (f", {event.lost} losses" if event.lost else "")
            typer.echo(f"{event.seconds:8.1f} s {event.steps:>12,} steps: score {event.score:.3f} {speed}")

    with open_executor(backend, nodes, address=address) as executor:
        outcome = run_search(plan, executor, rounds=iterations, target=target, checkpoint=output, watch=report)
        lost = executor.lost
    for reason in lost:
        typer.echo(f"a worker was lost and replaced: {reason}", err=True)
    last = outcome.events[-1]
    result = {"backend": backend, "nodes": nodes, "best": last.best, "score": outcome.score, "steps": last.steps}
    result |= {"seconds": last.seconds, "losses": len(lost), "file": str(output) if output else None}
    told = {"best score": f"{last.best:.3f}", "on fresh starts": f"{outcome.score:.3f}", "steps": f"{last.steps:,}"}
    tell(result, as_json, told)
