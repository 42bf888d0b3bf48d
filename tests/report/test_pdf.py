"""The PDF: what TeX says of it, and that names print as they were typed."""

import html
import shutil
import subprocess
import unicodedata
from copy import deepcopy

import pytest

from hsokv.exceptions import HsokvError
from hsokv.report.characters import one_line
from hsokv.report.pdf import compile_pdf, has_file, has_tex, overfull, typeset

from .made import PAPER, made_up, write

pytestmark = pytest.mark.skipif(not has_tex(), reason="there is no latexmk or pdflatex on this machine")


def text_of(pdf):
    if not shutil.which("pdftotext"):
        pytest.skip("there is no pdftotext on this machine")
    done = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, check=True, text=True)
    return unicodedata.normalize("NFC", done.stdout)


def test_no_box_leaves_the_page_names_print_as_typed_and_the_same_source_gives_the_same_bytes(tmp_path):
    tex = write(tmp_path, made_up()) / "report.tex"
    pdf = compile_pdf(tex)
    text, content = text_of(pdf).replace("\u2019", "'"), pdf.read_bytes()
    assert all(author["name"] in text for author in PAPER["authors"])
    assert overfull(typeset(tex, bibtex=False)) == []  # again, from the bibliography of the first time
    assert pdf.read_bytes() == content


UGLY = "_ % & # $ ^ ~ { } {x} < > | \\ \" ' ` * [x](y) <b>é</b> 王伟 שלום Жук 😀 -- 3.0e-5 -2 @cite \\input{x} ![a](b)"
OWN = " ".join([UGLY, "two\n\nlines\r\n\x00\x07\u2028", "Donaudampfschiff" * 16])


def owned(text):
    """A study of whose own words, in data, texts and reasons, all are this text."""
    study = deepcopy(made_up())
    about = study.about["benchmarks"]["rare_words"]
    about["notes"] = [text]
    about["data"] = {"classes": {text: [5, 4], "b": [3, 1]}, "dropped": {text: 2}, "files": {text: "0" * 64}}
    about["encoders"] = [{"name": text, "sha256": {text: "0" * 64}}]
    for name, column in (("scores", "reason"), ("criteria", "reason"), ("most_read", "text")):
        values = study.frames[name][column]
        study.frames[name][column] = values.where(values == "", text)
    return study


def test_words_of_the_user_print_as_typed_and_leave_no_page(tmp_path):
    report = write(tmp_path, owned(OWN))
    assert one_line(OWN) in html.unescape((report / "report.html").read_text())
    assert overfull(typeset(report / "report.tex")) == []


def test_a_box_that_leaves_the_page_is_found_and_an_error_of_tex_is_told(tmp_path):
    tex = tmp_path / "wrong.tex"
    page = r"\documentclass{article}\begin{document}\noindent%s\end{document}"
    tex.write_text(page % r"\rule{30cm}{1pt}")
    assert len(overfull(typeset(tex, bibtex=False))) == 1
    tex.write_text(page % r"\nosuchcommand")
    with pytest.raises(HsokvError, match="Undefined control sequence"):
        typeset(tex, bibtex=False)


def test_chinese_names_are_typeset(tmp_path):
    if not has_file("CJKutf8.sty") or not has_file("gbsn00lp.map"):
        pytest.skip("this TeX has no CJKutf8 with its fonts: texlive-lang-chinese")
    report = write(tmp_path, made_up(), PAPER | {"authors": [{"name": "王伟"}]})
    assert compile_pdf(report / "report.tex").exists()
