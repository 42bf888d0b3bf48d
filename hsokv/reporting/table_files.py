"""Tables as files: Markdown, LaTeX and CSV."""

from collections.abc import Iterable
from pathlib import Path

from hsokv.files import read_json, write_text
from hsokv.reporting.document import read_statistics
from hsokv.reporting.layout import lay_out, tidy
from hsokv.reporting.tables import all_tables


def write_tables(statistics: Path, criteria: Path, targets: Iterable[Path]) -> None:
    """Write each target, `<name>.<suffix>`, from the table of that name."""
    tables = all_tables(read_statistics(statistics), read_json(criteria))
    for target in targets:
        table = tables[target.stem]
        forms = {".md": table.to_markdown(), ".tex": lay_out(tidy(table), f"tab:{target.stem}"), ".csv": table.to_csv()}
        write_text(target, forms[target.suffix])
