"""The reference run that is committed: whole, readable, and a whole study."""

import csv
import re
from pathlib import Path

from hsokv.archive.manifest import check_manifest
from hsokv.archive.reference import LARGEST

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def test_its_manifest_matches_and_it_is_not_large():
    assert check_manifest(FOLDER) == []
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= LARGEST


def test_its_tables_parse():
    tables = sorted((FOLDER / "tables").glob("*.csv"))
    assert {"main", "criteria", "contrasts", "costs"} <= {path.stem for path in tables}
    for path in tables:
        with path.open(newline="", encoding="utf-8") as stream:
            assert len({len(row) for row in csv.reader(stream)}) == 1, path.name


def test_its_page_shows_its_figures_and_is_of_the_whole_study():
    page = (FOLDER / "report.md").read_text(encoding="utf-8")
    figures = re.findall(r"\]\(([^)]*\.png)\)", page)
    assert figures
    assert all((FOLDER / figure).is_file() for figure in figures)
    assert "Small run" not in page
    assert "Machine: " in (FOLDER / "README.md").read_text(encoding="utf-8")
