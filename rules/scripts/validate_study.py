"""Print the criteria with their evidence; fail where one fails that is not allowed to."""

import sys
from pathlib import Path

from hsokv.analysis.criteria import failures
from hsokv.analysis.frames import Study
from hsokv.analysis.verdicts import validation_page
from hsokv.exceptions import HsokvError
from hsokv.files import read_json, write_text

if __name__ == "__main__":
    statistics, allowed = Path(snakemake.input[0]).parent, list(snakemake.params.expected_failures)
    try:
        failed = failures(read_json(statistics / "criteria.json"), allowed)
        page = validation_page(Study.read(statistics), allowed)
        write_text(Path(snakemake.log[0]), page)
    except HsokvError as error:
        sys.exit(f"error: {error}")
    print(page)
    if names := ",".join(failed):
        sys.exit(f"error: criteria not met: {names}; known ones: --config 'expected_failures=[{names}]'")
