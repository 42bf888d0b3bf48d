"""Print the criteria with their evidence; fail where one fails that is not allowed to."""

import sys
from pathlib import Path

from hsokv.analysis.criteria import failures
from hsokv.analysis.frames import Study
from hsokv.analysis.verdicts import validation_page
from hsokv.exceptions import HsokvError
from hsokv.files import read_json, write_text


def main(statistics: Path, allowed: list[str], log: Path) -> str:
    """The page, which is written to the log too; raises HsokvError with the names of what fails."""
    failed = failures(read_json(statistics / "criteria.json"), allowed)
    page = validation_page(Study.read(statistics), allowed)
    write_text(log, page)
    print(page)
    if failed:
        raise HsokvError(
            f"criteria not met: {', '.join(failed)}; known ones: --config 'expected_failures=[{','.join(failed)}]'"
        )
    return page


if __name__ == "__main__":
    try:
        main(Path(snakemake.input[0]).parent, list(snakemake.params.expected_failures), Path(snakemake.log[0]))
    except HsokvError as error:
        sys.exit(f"error: {error}")
