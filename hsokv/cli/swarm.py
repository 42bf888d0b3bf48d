"""`hsokv swarm`: one run of the distributed swarm, from this machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hsokv.cli.common import Json, print_json, print_rows
from hsokv.exceptions import check_known


def swarm(
    benchmark: Annotated[str, typer.Option(metavar="NAME", help="swing_up or cartpole.")] = "swing_up",
    nodes: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="Workers, of one thread each.")] = 2,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="ray, processes or single (default: ray where it is installed).")
    ] = None,
    managers: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="Each improves policies of its own.")] = 4,
    sharing: Annotated[str, typer.Option(metavar="MODE", help="asynchronous, synchronous or none.")] = "asynchronous",
    iterations: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="Periods of each manager.")] = 5,
    seed: Annotated[int, typer.Option(metavar="NUMBER", min=0, help="Of the policies.")] = 0,
    address: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Of a running Ray cluster.")] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .npz that keeps the run, and that it goes on from.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Managers improve policies on workers, and copy each other; one line an improvement.

    What is measured of it, and projected to more nodes: `snakemake --cores all scaling` (docs/distributed.md).
    """
    from hsokv.distributed.pool import BACKENDS, default_backend, open_pool
    from hsokv.distributed.scaling import TASKS, first_store, machine, make_plan, overhead
    from hsokv.distributed.supervisor import MODES, Sharing, supervise

    check_known("--benchmark", benchmark, TASKS)
    check_known("--sharing", sharing, MODES)
    backend = backend or default_backend()
    check_known("--backend", backend, BACKENDS)
    plan = make_plan(benchmark, {"candidates": 64, "episodes_per_candidate": 2, "rounds": 5}, seed)
    pool, best = open_pool(backend, plan, nodes, address=address), [0.0]

    if note := machine(nodes)["note"]:
        typer.echo(f"note: {note}", err=True)

    def tell(event: Any) -> None:
        if event.kind == "lost":
            typer.echo(f"worker {event.owner} is lost, and started anew", err=True)
        if event.kind == "accepted" and event.value > best[0]:
            best[0] = event.value
            if not as_json:
                typer.echo(f"{event.seconds:8.1f} s {event.steps:>12,} steps: manager {event.owner} {event.value:.3f}")

    try:
        start = first_store(benchmark, managers, seed)
        outcome = supervise(start, plan, Sharing(sharing), iterations, pool, keep=output, watch=tell)
    finally:
        pool.close()
    scores, steps = outcome.store.score.tolist(), int(outcome.store.steps.sum())
    result = {"backend": backend, "nodes": nodes, "scores": scores, "steps": steps, "seconds": outcome.seconds}
    result |= {"copies": sum(event.kind == "copied" for event in outcome.events)}
    result |= {"overhead": overhead(outcome, nodes), "file": str(output) if output else None}
    if as_json:
        print_json(result)
    else:
        by_manager = ", ".join(f"{score:.3f}" for score in scores)
        print_rows({"scores of managers": by_manager, "steps": f"{steps:,}", "copies": result["copies"]})
