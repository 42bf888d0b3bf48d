"""Find the data or the encoder of one name; what cannot be had is written down as `not run` with its reason.

What an earlier run found stays where nothing is to be had now. Damaged data, or fewer than benchmarks ask for, are an
error.
"""

from pathlib import Path

from hsokv.exceptions import DataUnavailableError
from hsokv.files import read_json, write_json
from hsokv.machine import data_root
from hsokv.study.data_manifest import check_contents, describe_source
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        name, params, output = snakemake.wildcards.source, snakemake.params, Path(snakemake.output[0])
        folder = snakemake.config["encoders"].get(name.removeprefix("encoder_"), {}).get("folder")
        try:
            found = describe_source(name, params.source, data_root(), folder)
            manifest = {"status": "done", "reason": None, **found}
        except DataUnavailableError as error:
            print(f"not run: {error} ({error.__cause__})")
            manifest = {"status": "not run", "reason": str(error), "name": name, "kind": "none", "files": {}}
            if output.exists() and (previous := read_json(output))["status"] == "done":
                print("what was found before is kept")
                manifest = previous
        for benchmark, definition in params.asked["benchmarks"].items():
            check_contents(benchmark, manifest, definition, params.asked)
        write_json(output, {"synthetic": False, **manifest})
