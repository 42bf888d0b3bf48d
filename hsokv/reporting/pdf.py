"""The PDF of the report, typeset apart so that nothing but report.pdf and report.bbl is left beside its source."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from hsokv.exceptions import HsokvError
from hsokv.files import write_bytes

_HOW_TO = "install texlive-latex-recommended, texlive-fonts-recommended and latexmk, then run the report again"


def compile_pdf(tex: Path) -> Path:
    """Typeset `tex` with pdflatex and bibtex; write the .pdf and the .bbl beside it and return the PDF's path.

    The folder of `tex` and the folder ../figures are copied to a temporary place first. The same sources give the same
    bytes with the same TeX. Nothing is written where an error stops it.

    Raises:
        HsokvError: there is no TeX, or TeX found an error, whose first line is in the message.
    """
    if not shutil.which("latexmk") or not shutil.which("pdflatex"):
        raise HsokvError(f"report: wanted latexmk and pdflatex; they are not on this machine; {_HOW_TO}")
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "report"
        shutil.copytree(tex.parent, folder)
        if (figures := tex.parent.parent / "figures").is_dir():
            shutil.copytree(figures, folder.parent / "figures")
        done = subprocess.run(
            ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error", tex.name],
            cwd=folder,
            env={**os.environ, "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1", "max_print_line": "1000"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise HsokvError(f"report: {tex.name} cannot be typeset; {_first_error(done.stdout)}; correct the template")
        for suffix in (".bbl", ".pdf"):
            write_bytes(tex.with_suffix(suffix), (folder / tex.with_suffix(suffix).name).read_bytes())
    return tex.with_suffix(".pdf")


def _first_error(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").splitlines()
    found = [line for line in lines if re.match(r"! |.*error message", line)] or lines[-1:] or ["no output"]
    return found[0].removeprefix("! ")
