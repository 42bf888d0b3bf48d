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


def intervals(text):
    """Every number of a text that has an interval, as (mean, low, high) in the words of the page."""
    number = r"[-+]?\d+\.\d+"
    found = re.findall(rf"({number})(?: ?%| points)?\s\[({number}), ({number})\]", text.replace("\N{MINUS SIGN}", "-"))
    return {tuple(end.lstrip("+") for end in ends) for ends in found}


def test_what_the_readme_says_was_found_is_what_the_reference_run_found():
    readme = (FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")
    said = intervals(readme.split("## What it found")[1].split("\n## ")[0])
    parts = [FOLDER / "report.md", *(FOLDER / "tables").glob("*.csv")]
    found = intervals("\n".join(path.read_text(encoding="utf-8") for path in parts))
    found |= {tuple(map(negative, (mean, high, low))) for mean, low, high in found}  # a fall by so much
    assert len(said) >= 6
    assert said <= found


def negative(number):
    return number[1:] if number.startswith("-") else f"-{number}"
