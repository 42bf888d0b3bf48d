"""Every table as Markdown, LaTeX and CSV, from the statistics alone."""

import json
from pathlib import Path

from hsokv.files import write_text
from hsokv.reporting.layout import lay_out, tidy
from hsokv.reporting.tables import all_tables
from hsokv.study.job import job


def main(statistics: Path, criteria: Path, targets: list[Path]) -> None:
    """Write each target, `<name>.<suffix>`, from the table of that name."""
    tables = all_tables(json.loads(statistics.read_text()), json.loads(criteria.read_text()))
    for target in targets:
        table = tables[target.stem]
        forms = {".md": table.to_markdown(), ".tex": lay_out(tidy(table), f"tab:{target.stem}"), ".csv": table.to_csv()}
        write_text(target, forms[target.suffix])


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(Path(snakemake.input[0]), Path(snakemake.input[1]), [Path(path) for path in snakemake.output])
