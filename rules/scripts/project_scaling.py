"""Fit the simulation to one worker, try it on two, and take it to more nodes than were measured."""

from pathlib import Path

from hsokv.distributed.projection import service_of, sweep, validate
from hsokv.records import read_sealed, write_sealed
from hsokv.study.job import job


def main(measured: Path, settings: dict, output: Path) -> None:
    """Write errors on two workers, and the sweep from the shortest period and the largest payload."""
    found = read_sealed(measured)
    rows, speed = found["configurations"], found["settings"]["speed"]
    one = next(row for row in rows if row["workers"] == 1 and row["payload"] == 4)
    service = service_of({**one, "episodes_per_candidate": speed["episodes_per_candidate"]})
    validation = validate(rows, speed["periods"], speed["episodes_per_candidate"], seed=0, ceiling=found["ceiling"])
    swept = sweep(service, settings["nodes"], settings["latencies"], settings["periods"], seed=0)
    write_sealed(output, {"projected": True, "validation": validation, "sweep": swept})


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(Path(snakemake.input[0]), snakemake.params.settings, Path(snakemake.output[0]))
