"""Try the simulation, fitted to one node, on the nodes and latencies that were measured, and take it to more nodes."""

from pathlib import Path

from hsokv.distributed.simulation import service_of, sweep, validate
from hsokv.records import read_sealed, write_sealed
from hsokv.study.job import job


def main(measured: Path, settings: dict, output: Path) -> None:
    """Write errors, and the sweep with parts as large as one node's in the measurement."""
    found = read_sealed(measured)
    generations = settings["generations"]
    service = service_of(max(found["services"], key=lambda row: row["candidates"]))
    validation = validate(found["services"], found["configurations"], generations)
    swept = sweep(service, settings["nodes"], settings["latencies"], generations)
    write_sealed(output, {"projected": True, "validation": validation, "sweep": swept})


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(Path(snakemake.input[0]), snakemake.params.settings, Path(snakemake.output[0]))
