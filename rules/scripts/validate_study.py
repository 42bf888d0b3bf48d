"""Print the criteria with their evidence; fail where one fails that is not allowed to."""

import sys
from pathlib import Path

from hsokv.exceptions import HsokvError
from hsokv.files import read_json, write_text
from hsokv.reporting.validation import failures, validation_page


def main(statistics: Path, criteria: Path, allowed: list[str], log: Path) -> str:
    """The page, which is written to the log too; raises HsokvError with the names of what fails."""
    verdicts, numbers = read_json(criteria), read_json(statistics)
    failed = failures(verdicts, allowed)
    page = validation_page(verdicts, numbers, allowed)
    write_text(log, page)
    print(page)
    if failed:
        raise HsokvError(f"criteria not met: {', '.join(failed)}; known ones: --config 'allow=[{','.join(failed)}]'")
    return page


if __name__ == "__main__":
    try:
        main(*map(Path, snakemake.input), list(snakemake.params.allow), Path(snakemake.log[0]))
    except HsokvError as error:
        sys.exit(f"error: {error}")
