"""Each rule of arXiv that is checked, broken once."""

import pytest

from hsokv.archive import preflight as rules
from hsokv.archive.preflight import preflight

MAIN = rb"""\documentclass{article}
\begin{document}
\input{numbers} \includegraphics[width=1cm]{plot} % \input{gone} \today
\newcommand{\draw}[1]{\includegraphics{#1}}
\bibliography{references}
\end{document}
"""
GOOD = {
    "main.tex": MAIN,
    "main.bbl": b"x",
    "numbers.tex": b"x",
    "references.bib": b"x",
    "plot.pdf": b"%PDF",
    "anc/table.csv": b"a",
}


def test_a_good_submission_breaks_no_rule():
    assert preflight(GOOD) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"a b.csv": b""}, "a b.csv: wanted a name of"),
        ({"anc/ü.csv": b""}, "wanted a name of"),
        ({".hidden": b""}, ".hidden: a hidden file"),
        ({"anc/.git": b""}, "anc/.git: a hidden file"),
        ({"main.aux": b""}, "main.aux: made by TeX"),
        ({"main.pdf": b""}, "main.pdf: arXiv makes the paper itself"),
        ({"other.png": b""}, "other.png: a figure that no source draws"),
        ({"anc/x.tex": b""}, "no TeX may stand in anc/"),
        ({"part/x.csv": b""}, "wanted all sources in one folder"),
        ({"second.tex": rb"\documentclass{article}"}, "came 2: main.tex, second.tex"),
        ({"main.tex": b"hello"}, "came 0: none"),
        ({"main.bbl": None}, "main.bbl: wanted beside main.tex"),
        ({"numbers.tex": None}, "wanted the file numbers"),
        ({"plot.pdf": None}, "wanted the figure plot"),
        ({"plot.pdf": None, "plot.eps": b""}, "wanted the figure plot"),
        ({"numbers.tex": rb"\today"}, "changes with every build"),
        ({"numbers.tex": rb"\write18{ls}"}, "runs a program"),
        ({"numbers.tex": b"\xff"}, "numbers.tex: wanted UTF-8"),
        ({"NUMBERS.tex": b""}, "differs in its case alone"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_rule_is_named(change, said):
    changed = {name: content for name, content in (GOOD | change).items() if content is not None}
    assert said in "; ".join(preflight(changed))


def test_a_submission_that_is_too_large_is_named(monkeypatch):
    monkeypatch.setattr(rules, "LARGEST", 10)
    assert "wanted at most 10 bytes" in "; ".join(preflight(GOOD))
