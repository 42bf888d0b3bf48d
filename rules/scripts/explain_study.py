"""Print what would run, because of which change, and how long it took before."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from hsokv.study.explain import explanation, planned


def main(configuration: dict, snakefile: str, benchmarks: dict[str, str]) -> str:
    """Ask for a dry run of the report under the same configuration; an error of it is printed as it came."""
    with TemporaryDirectory() as scratch:
        overlay = Path(scratch) / "configuration.json"
        overlay.write_text(json.dumps(configuration))
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "report", "--snakefile", snakefile]
        told = ["--configfile", str(overlay), "--quiet", "host"]  # reasons, which the profile leaves out
        done = subprocess.run([*command, *told], capture_output=True, text=True)
    output = done.stdout + done.stderr
    return explanation(planned(output), benchmarks) if done.returncode == 0 else output


if __name__ == "__main__":
    params = snakemake.params
    page = main(params.configuration, params.snakefile, params.benchmarks)
    Path(snakemake.log[0]).write_text(page)
    print(page)
