"""Measure the distributed swarm on this machine: learning by arm, speed by workers, what the simulation needs."""

from pathlib import Path

from hsokv.distributed.nodes import why_no_nodes
from hsokv.distributed.scaling import machine, measure_ceiling, measure_learning, measure_service, measure_speed
from hsokv.machine import ray_address
from hsokv.records import write_sealed
from hsokv.study.job import job


def main(settings: dict, output: Path) -> None:
    """Write the one document that all of them make."""
    speed, machine_before = settings["speed"], machine()
    reason = why_no_nodes(speed["equal_share"])
    speed = speed | {"equal_share": None if reason else speed["equal_share"]}
    print("learning", flush=True)
    learning = measure_learning(settings["learning"], settings["managers"])
    print("speed", flush=True)
    rows = measure_speed(speed, ray_address())
    print("service", flush=True)
    found = {
        "machine": machine_before,
        "settings": settings,
        "no_equal_share": reason,
        "learning": learning,
        "speed": rows,
        "ceiling": measure_ceiling(speed),
        **measure_service(speed, settings["projection"]["latencies"]),
    }
    write_sealed(output, found)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(snakemake.config["distributed"], Path(snakemake.output[0]))
