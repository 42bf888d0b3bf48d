"""Typesetting: TeX warns of nothing, and what is said where there is no TeX or it finds an error."""

import shutil
from pathlib import Path

import pytest

from hsokv.archive.preflight import figures_of
from hsokv.exceptions import HsokvError
from hsokv.reporting.figures import draw
from hsokv.reporting.pdf import compile_pdf, typeset

from .example_statistics import example_statistics
from .rendered import render


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    return render(tmp_path_factory.mktemp("report"))


@pytest.mark.skipif(not shutil.which("latexmk"), reason="there is no TeX on this machine")
@pytest.mark.parametrize("small", [False, True])
def test_tex_warns_of_nothing_and_no_box_sticks_out(tmp_path, small):
    tex = render(tmp_path / "report", small=small) / "report.tex"
    for figure in figures_of(tex.read_text()):
        draw("architecture", example_statistics(), *(tmp_path / f"figures/{figure}.{kind}" for kind in ("pdf", "png")))
    assert typeset(tex) == []


def fake_tex(folder: Path, script: str) -> str:
    folder.mkdir()
    for name in ("latexmk", "pdflatex"):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_without_tex_the_error_says_what_to_install(report, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(HsokvError, match=r"wanted latexmk and pdflatex.*install texlive"):
        compile_pdf(report / "report.tex")


def test_the_first_error_of_tex_is_in_the_message(report, tmp_path, monkeypatch):
    monkeypatch.setenv(
        "PATH", fake_tex(tmp_path / "bin", "echo '! Undefined control sequence.'; echo '! Later.'; exit 1")
    )
    with pytest.raises(HsokvError, match=r"report\.tex cannot be typeset; Undefined control sequence\.;"):
        compile_pdf(report / "report.tex")
    assert not (report / "report.pdf").exists()


def test_only_the_pdf_and_the_bbl_are_left_beside_the_source(tmp_path, monkeypatch):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.tex").write_text("x")
    write = 'echo "$SOURCE_DATE_EPOCH $FORCE_SOURCE_DATE" > report.pdf; echo b > report.bbl; echo a > report.aux'
    monkeypatch.setenv("PATH", fake_tex(tmp_path / "bin", write))
    assert compile_pdf(tmp_path / "report" / "report.tex").read_text() == "0 1\n"
    assert sorted(p.name for p in (tmp_path / "report").iterdir()) == ["report.bbl", "report.pdf", "report.tex"]
