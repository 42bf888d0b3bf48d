"""The PDF of the report, typeset apart so that nothing but report.pdf and report.bbl is left beside its source."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from hsokv.exceptions import HsokvError
from hsokv.files import write_bytes

FIGURES = ("figures", "scaling")  # folders of the results that a figure of the report may lie in
_HOW_TO = "install texlive-latex-recommended, texlive-fonts-recommended and latexmk, then run the report again"


def compile_pdf(tex: Path) -> Path:
    """Typeset `tex` with pdflatex and bibtex; write the .pdf and the .bbl beside it and return the PDF's path.

    The folder of `tex` and those of figures beside it are copied to a temporary place first. The same sources give
    the same bytes with the same TeX. Nothing is written where an error stops it.

    Raises:
        HsokvError: there is no TeX, or TeX found an error, whose first line is in the message.
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "report"
        shutil.copytree(tex.parent, folder)
        for part in FIGURES:
            if (figures := tex.parent.parent / part).is_dir():
                shutil.copytree(figures, folder.parent / part)
        typeset(folder / tex.name)
        for suffix in (".bbl", ".pdf"):
            write_bytes(tex.with_suffix(suffix), (folder / tex.with_suffix(suffix).name).read_bytes())
    return tex.with_suffix(".pdf")


def typeset(tex: Path, *, bibtex: bool = True) -> list[str]:
    """Typeset `tex` in its folder; return what TeX complained of: boxes that stick out, warnings of LaTeX.

    Without `bibtex` the bibliography is the .bbl beside it, as on arXiv. Raises as `compile_pdf` does.
    """
    if not shutil.which("latexmk") or not shutil.which("pdflatex"):
        raise HsokvError(f"report: wanted latexmk and pdflatex; they are not on this machine; {_HOW_TO}")
    how = ["-norc", "-pdf", *([] if bibtex else ["-bibtex-"]), "-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run(
        ["latexmk", *how, tex.name],
        cwd=tex.parent,
        env={**os.environ, "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1", "max_print_line": "1000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise HsokvError(f"report: {tex.name} cannot be typeset; {_first_error(done.stdout)}; correct the template")
    log = tex.with_suffix(".log")
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return re.findall(r"^(?:Overfull .*|(?:LaTeX|Package \w+) Warning: .*)$", text, flags=re.MULTILINE)


def _first_error(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").splitlines()
    found = [line for line in lines if re.match(r"! |.*error message", line)] or lines[-1:] or ["no output"]
    return found[0].removeprefix("! ")
