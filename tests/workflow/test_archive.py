"""What leaves the study: archives that resume, and verdicts that can end in an error."""

import subprocess
import sys

from hsokv.archive.tarball import unpack
from tests.workflow.conftest import REPOSITORY


def test_an_unpacked_artifact_has_nothing_to_do_and_packs_to_the_same_bytes(built, tmp_path):
    code, output = built.run("archive")
    assert code == 0, output
    archive = next((built.folder / "results/small/archive").glob("hsokv-*.tar.gz"))
    unpack(archive, tmp_path)
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    moved = object.__new__(type(built))
    moved.folder, moved.environment = folder, built.environment | {"PYTHONPATH": str(folder)}
    del moved.environment["HSOKV_DATA_DIR"]  # Snakemake holds a user's own files against times in the archive
    assert not moved.planned()
    before = archive.read_bytes()
    archive.unlink()
    code, output = built.run("archive")
    assert code == 0, output
    assert archive.read_bytes() == before


def test_validate_tells_every_criterion_and_fails_where_one_fails_that_is_not_known(built):
    code, output = built.run("validate")
    assert code != 0
    assert "NOT MET: kv_hit_rate, on rare_words" in output
    failed = output.partition("--config 'expected_failures=[")[2].partition("]'")[0]
    code, output = built.run("validate", overlay=f"expected_failures: [{failed}]")
    assert code == 0, output
    assert "(known, allowed)" in output


def without_cores(study, *arguments):
    """What Snakemake prints where no number of cores is given, as on a cluster."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    done = subprocess.run(command, cwd=study.folder, env=study.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_rule_wants_a_number_of_cores():
    """`workflow.cores` raises where there is none, as on a cluster and for the page for browsers."""
    for path in (REPOSITORY / "rules").glob("*.smk"):
        assert "workflow.cores" not in path.read_text(), path


def test_the_page_for_browsers_holds_figures_tables_and_words(built, tmp_path):
    page = tmp_path / "report.html"
    without_cores(built, "--report", str(page), "--configfile", "config/small.yaml", "arms.yaml")
    text = page.read_text()
    for part in ("figures/accuracy.png", "tables/main.csv", "95 % interval over seeds", "for the paper"):
        assert part in text, part
