"""Measure the distributed swarm on this machine: learning by arm, speed by workers, what the simulation needs."""

from pathlib import Path

from hsokv.distributed.projection import measure_configurations
from hsokv.distributed.scaling import machine, make_plan, measure_ceiling, measure_learning, measure_speed
from hsokv.records import write_sealed
from hsokv.study.job import job


def main(settings: dict, output: Path) -> None:
    """Write the one document that all of them make."""
    managers, address, speed = settings["managers"], settings["address"], settings["speed"]
    contestants = [
        (backend, workers) for backend in speed["backends"] for workers in speed["workers"] if workers <= managers
    ]
    print("learning", flush=True)
    learning = measure_learning(settings["learning"], managers, "processes", min(2, managers))
    print("speed", flush=True)
    rows = measure_speed(speed, managers, [("single", 1), *contestants], address)
    print("configurations", flush=True)
    ceiling = measure_ceiling(make_plan("swing_up", speed, 0), managers, speed["repeats"])
    found = {
        "machine": machine(max(speed["workers"])),
        "settings": settings,
        "learning": learning,
        "speed": rows,
        "ceiling": ceiling,
        "configurations": measure_configurations(speed, "processes"),
    }
    write_sealed(output, found)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(snakemake.config["distributed"], Path(snakemake.output[0]))
