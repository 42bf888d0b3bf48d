"""The pages of a report as files, and beside them where their numbers are from."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hsokv.files import write_json
from hsokv.records import read_record
from hsokv.reporting.provenance import provenance
from hsokv.reporting.render import render_report, report_context
from hsokv.reporting.scaling import scaling_tables
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
) -> None:
    """Render every page into `output`, and provenance.json beside them.

    `records`: their paths below `base`, read for the provenance of their data alone; `context`: `study`, `paper`,
    `digest`, `overlays` and `versions`, all kept in provenance.json; `scaling`: the paths below `base` of what was
    measured and projected of the distributed swarm, if anything.
    """
    numbers, verdicts, records = _read(statistics), _read(criteria), list(records)
    about = report_context(
        {**context["study"], "paper": context["paper"]},
        [read_record(base / path) for path in records],
        digest=context["digest"],
        versions=context["versions"],
    )
    scaling = list(scaling)
    measured = [_read(base / path) for path in scaling]
    tables = all_tables(numbers, verdicts) | (scaling_tables(*measured) if measured else {})
    printed = render_report(numbers, verdicts, tables, about, templates, output)
    document = provenance(numbers, printed, records, (statistics, criteria), context, base)
    write_json(output / "provenance.json", document | {"scaling": scaling})


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
