"""A reference run: readable where it lies, whole, and never of a small run."""

import csv
import json
import re
import shutil

import pytest

from hsokv.archive.manifest import check_manifest
from hsokv.archive.reference import write_reference
from hsokv.exceptions import ArchiveError

TIME = {"minutes": 21.5, "cores": 2, "configuration": "a", "machine": {"system": "Linux", "processor": "A chip"}}


@pytest.fixture
def results(study, tmp_path):
    """A made-up study that was timed, with its figures."""
    found = shutil.copytree(study[0] / "results", tmp_path / "results")
    path = found / "statistics/study.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"time": TIME}))
    return found


def test_what_it_holds_is_whole_and_every_figure_is_beside_its_page(results, tmp_path):
    folder = tmp_path / "docs/reference"
    (folder / "old").mkdir(parents=True)
    write_reference(results, folder, "make report")
    assert check_manifest(folder) == []
    assert not (folder / "old").exists()
    figures = re.findall(r"\]\(([^)]*\.png)\)", (folder / "report.md").read_text())
    assert figures
    assert all((folder / figure).is_file() for figure in figures)
    assert (folder / "tables/main.csv").read_bytes() == (results / "tables/main.csv").read_bytes()
    readme = (folder / "README.md").read_text()
    assert "Linux, A chip; 2 cores, 21.5 minutes" in readme
    with (folder / "tables/main.csv").open(newline="") as stream:
        assert len({len(row) for row in csv.reader(stream)}) == 1


def test_a_small_run_is_refused_and_nothing_is_lost(results, tmp_path):
    path = results / "statistics/study.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"small": True}))
    (tmp_path / "reference").mkdir()
    with pytest.raises(ArchiveError, match="came a small run"):
        write_reference(results, tmp_path / "reference", "make report")
    assert (tmp_path / "reference").is_dir()
