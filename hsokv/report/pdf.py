"""The PDF of the report, typeset apart so that nothing but report.pdf and report.bbl is left beside its source."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from hsokv.exceptions import HsokvError
from hsokv.files import write_bytes

INSTALL = "Install texlive-latex-recommended, texlive-fonts-recommended and latexmk, then run the report again."
PACKAGES = {  # a file that only some scripts need, by the word that asks for it, and what to install
    "CJKutf8": (
        "CJKutf8.sty",
        "texlive-lang-cjk with texlive-lang-chinese, texlive-lang-japanese or texlive-lang-korean",
    ),
    "T2A": ("t2aenc.def", "texlive-lang-cyrillic and cm-super"),
    "T5": ("t5enc.def", "texlive-lang-other"),
}


def has_tex() -> bool:
    """Whether this machine can typeset the report."""
    return bool(shutil.which("latexmk") and shutil.which("pdflatex"))


def has_file(name: str) -> bool:
    """Whether TeX finds a file of its packages."""
    return bool(subprocess.run(["kpsewhich", name], capture_output=True, check=False).stdout.strip())


def compile_pdf(tex: Path) -> Path:
    """Typeset `tex` with pdflatex and bibtex; write the .pdf and the .bbl beside it and return the PDF's path.

    It is typeset in a temporary copy of its folder and of the figures beside it. The same sources give the same bytes
    with the same TeX. Nothing is written where an error stops it.

    Raises:
        HsokvError: there is no TeX, or TeX found an error, whose first line is in the message.
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "report"
        folder.mkdir()
        for part in (tex, *tex.parent.glob("*.bib")):
            shutil.copy(part, folder)
        if (figures := tex.parent.parent / "figures").is_dir():
            (folder.parent / "figures").symlink_to(figures.resolve())
        typeset(folder / tex.name)
        for suffix in (".bbl", ".pdf"):
            write_bytes(tex.with_suffix(suffix), (folder / tex.with_suffix(suffix).name).read_bytes())
    return tex.with_suffix(".pdf")


def typeset(tex: Path, *, bibtex: bool = True) -> list[str]:
    """Typeset `tex` in its folder; return what TeX complained of: boxes that stick out, warnings of LaTeX.

    Without `bibtex` the bibliography is the .bbl beside it, as on arXiv. Raises as `compile_pdf` does.
    """
    if not has_tex():
        raise HsokvError(f"report: there is no latexmk or no pdflatex on this machine, so there is no PDF. {INSTALL}")
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
        output = done.stdout.decode("utf-8", "replace")
        told = (f"Install {packages}." for name, packages in PACKAGES.values() if f"`{name}' not found" in output)
        missing = next(told, "")
        raise HsokvError(f"report: {tex.name} cannot be typeset: {_first_error(output)}. {missing}".strip())
    log = tex.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
    return re.findall(r"^(?:Overfull .*|(?:LaTeX|Package \w+) Warning: .*)$", log, flags=re.MULTILINE)


def overfull(complaints: list[str]) -> list[str]:
    r"""Those complaints of TeX that tell of a box which sticks out by more than a point.

    >>> overfull([r"Overfull \hbox (0.4pt too wide) in paragraph", r"Overfull \hbox (12.5pt too wide) in paragraph"])
    ['Overfull \\hbox (12.5pt too wide) in paragraph']
    """
    boxes = ((line, re.match(r"Overfull \\[hv]box \(([\d.]+)pt", line)) for line in complaints)
    return [line for line, found in boxes if found and float(found[1]) > 1]


def _first_error(output: str) -> str:
    lines = output.splitlines()
    found = [line for line in lines if re.match(r"! |.*error message", line)] or lines[-1:] or ["no output"]
    return found[0].removeprefix("! ").rstrip(".")
