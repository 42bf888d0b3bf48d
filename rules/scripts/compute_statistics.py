"""From every record, and what was measured of the distributed swarm, to the statistics and the verdicts."""

import json
from pathlib import Path
from typing import Any

from hsokv.files import write_json
from hsokv.records import read_record
from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.scaling import speed_up
from hsokv.reporting.statistics import compute_statistics
from hsokv.study.job import job


def main(records: list[str], scaling: list[str], study: dict[str, Any], statistics: Path, criteria: Path) -> None:
    """Read all records (the first that is damaged is named) and write both documents."""
    found = speed_up(*(json.loads(Path(path).read_text()) for path in scaling)) if scaling else None
    computed = compute_statistics([read_record(path) for path in records], study, found)
    write_json(criteria, judge_criteria(computed, study))
    write_json(statistics, computed)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            list(snakemake.input.records),
            list(snakemake.input.scaling),
            snakemake.params.study,
            Path(snakemake.output.statistics),
            Path(snakemake.output.criteria),
        )
