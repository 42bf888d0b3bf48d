"""A reference run: readable where it lies, whole, and never of a small run; and the one that is committed."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from hsokv.archive.manifest import check_manifest
from hsokv.archive.reference import LARGEST, write_reference
from hsokv.exceptions import ArchiveError

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "reference"
TIME = {"minutes": 21.5, "cores": 2, "configuration": "a", "machine": {"system": "Linux", "processor": "A chip"}}


def assert_whole(folder):
    """Its manifest fits, every figure of its page is there, and its tables parse."""
    assert check_manifest(folder) == []
    figures = re.findall(r"\]\(([^)]*\.png)\)", (folder / "report.md").read_text(encoding="utf-8"))
    assert figures
    assert all((folder / figure).is_file() for figure in figures)
    for path in (folder / "tables").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as stream:
            assert len({len(row) for row in csv.reader(stream)}) == 1, path.name


def test_what_is_written_is_whole_and_a_small_run_is_refused_with_nothing_lost(study, tmp_path):
    results, folder = shutil.copytree(study[0] / "results", tmp_path / "results"), tmp_path / "docs/reference"
    path = results / "statistics/study.json"
    about = json.loads(path.read_text()) | {"time": TIME}
    path.write_text(json.dumps(about))
    (folder / "old").mkdir(parents=True)
    write_reference(results, folder, "make report")
    assert_whole(folder)
    assert not (folder / "old").exists()
    assert (folder / "tables/main.csv").read_bytes() == (results / "tables/main.csv").read_bytes()
    assert "Linux, A chip; 2 cores, 21.5 minutes" in (folder / "README.md").read_text()
    path.write_text(json.dumps(about | {"small": True}))
    with pytest.raises(ArchiveError, match="came a small run"):
        write_reference(results, folder, "make report")
    assert_whole(folder)


def test_the_committed_one_is_whole_not_large_and_of_the_whole_study():
    assert_whole(COMMITTED)
    assert sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()) <= LARGEST
    assert {"main", "criteria", "contrasts", "costs"} <= {path.stem for path in (COMMITTED / "tables").glob("*.csv")}
    assert "Small run" not in (COMMITTED / "report.md").read_text(encoding="utf-8")
    assert "Machine: " in (COMMITTED / "README.md").read_text(encoding="utf-8")


def intervals(text):
    """Every number of a text that has an interval, as (mean, low, high) in the words of the page."""
    number = r"[-+]?\d+\.\d+"
    found = re.findall(rf"({number})(?: ?%| points)?\s\[({number}), ({number})\]", text.replace("\N{MINUS SIGN}", "-"))
    return {tuple(float(end) for end in ends) for ends in found}


def test_what_the_readme_says_was_found_is_what_the_reference_run_found():
    readme = (COMMITTED.parents[1] / "README.md").read_text(encoding="utf-8")
    said = intervals(readme.split("## What it found")[1].split("\n## ")[0])
    parts = [COMMITTED / "report.md", *(COMMITTED / "tables").glob("*.csv")]
    found = intervals("\n".join(path.read_text(encoding="utf-8") for path in parts))
    found |= {(-mean, -high, -low) for mean, low, high in found}  # a fall by so much
    assert len(said) >= 6
    assert said <= found
