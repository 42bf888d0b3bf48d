"""arXiv's rules for a submission in LaTeX, checked on its files without TeX (its documentation of July 2026).

pdflatex from the root of the archive; .bbl named like the main file; ancillary files below anc/.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

LARGEST = 50_000_000
"""Bytes of all files together that arXiv takes."""
FIGURES = (".pdf", ".png", ".jpg", ".jpeg")
DERIVED = (".aux", ".log", ".out", ".toc", ".lof", ".lot", ".blg", ".fls", ".fdb_latexmk", ".dvi", ".ps", ".gz", ".zip")
_PART = re.compile(r"[A-Za-z0-9_+=,][A-Za-z0-9_+.,=-]*")
_COMMENT = re.compile(r"(?<!\\)%.*")
_INPUT = re.compile(r"\\(?:input|include)\s*\{([^}#]*)\}")
_GRAPHICS = re.compile(r"\\(?:includegraphics\s*(?:\[[^\]]*\])?|hsokvfigure)\s*\{([^}#]*)\}")


def preflight(members: Mapping[str, bytes]) -> list[str]:
    """Each rule of arXiv that the files of a submission break, in words; an empty list is a submission it takes.

    >>> preflight({"a b.tex": rb"\\documentclass{article}\\today"})
    ['a b.tex: wanted a name of a-z A-Z 0-9 _ + - . , = alone', 'a b.tex: \\\\today changes with every build']
    """
    broken = [problem for name in sorted(members) for problem in _name(name)]
    lower = [name.lower() for name in members]
    broken += [
        f"{name}: another name differs in its case alone" for name in sorted(members) if lower.count(name.lower()) > 1
    ]
    if (size := sum(map(len, members.values()))) > LARGEST:
        broken.append(f"wanted at most {LARGEST} bytes in all, came {size}")
    texts = {}
    for name in sorted(members):
        if name.endswith((".tex", ".bbl")) and not _ancillary(name):
            try:
                texts[name] = _COMMENT.sub("", members[name].decode("utf-8"))
            except UnicodeDecodeError:
                broken.append(f"{name}: wanted UTF-8")
    mains = [name for name, text in texts.items() if r"\documentclass" in text]
    if len(mains) != 1:
        broken.append(f"wanted one file with \\documentclass, came {len(mains)}: {', '.join(mains) or 'none'}")
    for name, text in texts.items():
        broken += [f"{name}: {problem}" for problem in _source(text, members)]
    for main in mains:
        stem = main.removesuffix(".tex")
        if f"{stem}.pdf" in members:
            broken.append(f"{stem}.pdf: arXiv makes the paper itself; leave it out")
        if r"\bibliography{" in texts[main] and f"{stem}.bbl" not in members:
            broken.append(f"{stem}.bbl: wanted beside {main}, since arXiv runs no bibtex on it")
    return broken + _unused(members, "\n".join(texts.values()))


def figures_of(text: str) -> list[str]:
    """Names of the figures that a source draws, in order, as they are written there.

    >>> figures_of(r"\\includegraphics[width=1cm]{a} % \\hsokvfigure{b}")
    ['a']
    """
    return _GRAPHICS.findall(_COMMENT.sub("", text))


def _ancillary(name: str) -> bool:
    return name.startswith("anc/")


def _name(name: str) -> list[str]:
    path = PurePosixPath(name)
    if not all(_PART.fullmatch(part) for part in path.parts):
        hidden = any(part.startswith(".") for part in path.parts)
        return [f"{name}: {'a hidden file' if hidden else 'wanted a name of a-z A-Z 0-9 _ + - . , = alone'}"]
    if _ancillary(name):
        return [f"{name}: no TeX may stand in anc/"] if path.suffix in (".tex", ".bbl", ".sty", ".cls", ".bst") else []
    if len(path.parts) > 1:
        return [f"{name}: wanted all sources in one folder"]
    return [f"{name}: made by TeX or packed, not a source"] if name.endswith(DERIVED) else []


def _source(text: str, members: Mapping[str, bytes]) -> list[str]:
    problems = [f"{mark} changes with every build" for mark in (r"\today", r"\currenttime") if mark in text]
    problems += [f"{mark} runs a program, which arXiv does not" for mark in (r"\write18", "minted") if mark in text]
    if r"\usepackage{biblatex}" in text:
        problems.append("wanted bibtex, came biblatex, whose version would have to be arXiv's")
    for target in _INPUT.findall(text):
        if not {target, f"{target}.tex"} & members.keys():
            problems.append(f"wanted the file {target} that it reads; add it")
    for target in figures_of(text):
        if not _drawn(target) & members.keys():
            problems.append(f"wanted the figure {target} as one of {', '.join(FIGURES)}; add it")
    return problems


def _drawn(target: str) -> set[str]:
    return {target} | {f"{target}{suffix}" for suffix in FIGURES}


def _unused(members: Mapping[str, bytes], text: str) -> list[str]:
    used = set().union(*(_drawn(target) for target in figures_of(text)))
    return [
        f"{name}: a figure that no source draws"
        for name in sorted(members)
        if name.endswith(FIGURES) and not _ancillary(name) and name not in used
    ]
