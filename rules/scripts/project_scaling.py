"""Try the simulation, fitted to one node, on the nodes and latencies that were measured, and take it to more nodes.

Parts are as large there as one node's in the measurement.
"""

from pathlib import Path

from hsokv.distributed.simulation import service_of, sweep, validate
from hsokv.records import read_sealed, write_sealed
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        found, settings = read_sealed(Path(snakemake.input[0])), snakemake.params.settings
        generations, most = settings["generations"], max(found["services"], key=lambda row: row["candidates"])
        validation = validate(found["services"], found["configurations"], generations)
        swept = sweep(service_of(most), settings["nodes"], settings["latencies"], generations)
        write_sealed(Path(snakemake.output[0]), {"projected": True, "validation": validation, "sweep": swept})
