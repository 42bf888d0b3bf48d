"""Find the data or the encoder of one name; what cannot be had is written down as `not run` with its reason."""

from pathlib import Path

from hsokv.definitions import Configuration, Sought
from hsokv.exceptions import DataUnavailableError
from hsokv.files import read_json, write_json
from hsokv.machine import data_root
from hsokv.study.data_manifest import check_contents, describe_source
from hsokv.study.job import job


def main(
    name: str,
    source: Sought,
    asked: Configuration,
    root: Path | None,
    encoder_folder: str | None,
    output: Path,
) -> None:
    """Write what was found, or why it was not; what an earlier run found stays where nothing is to be had now.

    Raises DataError where the data are damaged, or fewer than benchmarks have `asked` for.
    """
    try:
        manifest = {"status": "done", "reason": None, **describe_source(name, source, root, encoder_folder)}
    except DataUnavailableError as error:
        print(f"not run: {error} ({error.__cause__})")
        manifest = {"status": "not run", "reason": str(error), "name": name, "kind": "none", "files": {}}
        if output.exists() and (previous := read_json(output))["status"] == "done":
            print("what was found before is kept")
            manifest = previous
    for benchmark, definition in asked["benchmarks"].items():
        check_contents(benchmark, manifest, definition, asked)
    write_json(output, {"synthetic": False, **manifest})


if __name__ == "__main__":
    with job(snakemake.log[0]):
        name = snakemake.wildcards.source
        main(
            name,
            snakemake.params.source,
            snakemake.params.asked,
            data_root(),
            snakemake.config["encoders"].get(name.removeprefix("encoder_"), {}).get("folder"),
            Path(snakemake.output[0]),
        )
