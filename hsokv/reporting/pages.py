"""The pages of a report as files, and beside them where their numbers are from."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hsokv.files import checksum, read_json, write_json
from hsokv.records import read_records
from hsokv.reporting.document import read_statistics
from hsokv.reporting.provenance import provenance
from hsokv.reporting.render import render_report, report_context
from hsokv.reporting.scaling_tables import scaling_tables
from hsokv.reporting.tables import all_tables


def write_report(
    records: Iterable[str],
    statistics: Path,
    criteria: Path,
    context: Mapping[str, Any],
    templates: Path,
    output: Path,
    base: Path = Path(),
    scaling: Iterable[str] = (),
    time: Iterable[str] = (),
) -> None:
    """Render every page into `output`, and provenance.json beside them.

    `records`: their paths below `base`, read for the provenance of their data alone; `context`: `study`, `paper`,
    `digest`, `overlays` and `versions`, all kept in provenance.json; `scaling`: the paths below `base` of what was
    measured and projected of the distributed swarm, if anything; `time`: that of how long the study took.
    """
    numbers, verdicts, records = read_statistics(statistics), read_json(criteria), list(records)
    about = report_context(
        {**context["study"], "paper": context["paper"]},
        [record for path in records for record in read_records(base / path)],
        digest=context["digest"],
        versions=context["versions"],
    )
    tables = all_tables(numbers, verdicts)
    if numbers.get("scaling"):
        tables |= scaling_tables(numbers["scaling"], numbers["numbers"])
    printed = render_report(numbers, verdicts, tables, about, templates, output)
    document = provenance(numbers, printed, records, (statistics, criteria), context, base)
    write_json(output / "provenance.json", document | _checksums(base, scaling=scaling, time=time))


def _checksums(base: Path, **measured: Iterable[str]) -> dict[str, dict[str, str]]:
    return {name: {path: checksum(base / path) for path in paths} for name, paths in measured.items()}
