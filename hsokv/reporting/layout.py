"""How tables stand on a page: shared reasons as notes, letters small enough, a cut between columns where none fit."""

import re
from collections import Counter
from dataclasses import replace
from itertools import groupby
from string import ascii_lowercase

from hsokv.reporting.latex import Tex, escape_latex
from hsokv.reporting.quoted import Quoted
from hsokv.reporting.table import STAND_IN, USER_COPY, Table

NAMING = ("arm", "benchmark", "condition", "contrast", "criterion")  # columns that stand in every part of a cut table
SIZES = {"small": 98, "footnotesize": 112}  # characters that fit beside each other on a line of 6.5 inches
_POWER = re.compile(r"(?<=\d)e(?=\d)")  # set as a power of ten, which is wider
LONG = 28  # characters from which a cell breaks its line
ROWS = 40  # lines that fit on a page with caption and notes
MARKS = {  # a sign in cells and headings, and the note that explains it
    STAND_IN: ("*", "* synthetic stand-in."),
    USER_COPY: ("\N{DOUBLE DAGGER}", "\N{DOUBLE DAGGER} a user's copy of the data, not the official files."),
}


def tidy(table: Table) -> Table:
    """Return the table without empty columns, with a reason that cells share, and the mark of stand-ins, as notes.

    >>> tidy(Table(("arm", "sst2"), (("a", "not run: no data"), ("b", "not run: no data")), "Results", "")).rows
    (('a', 'not run (a)'), ('b', 'not run (a)'))
    """
    count = Counter(cell for row in table.rows for cell in row if ": " in cell and not isinstance(cell, Quoted))
    marks, notes = {}, [table.note] if table.note else []
    for letter, cell in zip(ascii_lowercase, (cell for cell, times in count.items() if times > 1), strict=False):
        what, reason = cell.split(": ", 1)
        marks[cell] = f"{what} ({letter})"
        notes.append(f"({letter}) {reason}.")
    texts = [*table.columns, *(cell for row in table.rows for cell in row if not isinstance(cell, Quoted))]
    notes += [note for words, (_, note) in MARKS.items() if any(words in text for text in texts)]
    kept = [i for i in range(len(table.columns)) if not table.rows or any(row[i] for row in table.rows)]

    def tidied(cell: str) -> str:
        if isinstance(cell, Quoted):
            return cell
        cell = marks.get(cell, cell)
        for words, (sign, _) in MARKS.items():
            cell = cell.replace(words, sign)
        return cell

    rows = tuple(tuple(tidied(row[i]) for i in kept) for row in table.rows)
    return replace(table, columns=tuple(tidied(table.columns[i]) for i in kept), rows=rows, note=" ".join(notes))


def lay_out(table: Table, label: str) -> Tex:
    """Return floating LaTeX tables: one, in the largest letters that fit, or parts that repeat the naming columns.

    A table that is too long for a page is cut between benchmarks, where it has a column of them.
    """
    parts = [(replace(table, rows=rows), columns) for columns in _parts(table) for rows in _pages(table)]
    floats = []
    for number, (part, columns) in enumerate(parts, start=1):
        caption = table.caption + (f" (part {number} of {len(parts)})" if len(parts) > 1 else "")
        width = sum(_width(table, i) for i in columns)
        size = next((size for size, room in SIZES.items() if width <= room), "footnotesize")
        floats.append(_float(part, columns, size, caption, label if number == 1 else f"{label}-{number}"))
    return Tex("\n".join(floats))


def _pages(table: Table) -> list[tuple[tuple[str, ...], ...]]:
    """Return the rows of each page."""
    place = table.columns.index("benchmark") if "benchmark" in table.columns else None
    groups = [tuple(group) for _, group in groupby(table.rows, lambda row: None if place is None else row[place])]
    pages: list[tuple] = [()]
    for rows in (group[start : start + ROWS] for group in groups for start in range(0, len(group), ROWS)):
        if sum(map(_lines, (*pages[-1], *rows))) > ROWS and pages[-1]:
            pages.append(())
        pages[-1] += rows
    return pages


def _lines(row: tuple[str, ...]) -> int:
    """Return the lines that a row may take, its longest cell broken where it is long."""
    return -(-max(map(len, row), default=1) // LONG)


def _parts(table: Table) -> list[list[int]]:
    """Return the columns of each part: in as few parts as fit a line, of as equal numbers of columns as can be."""
    named = next((i for i, column in enumerate(table.columns) if column not in NAMING), len(table.columns))
    names, others = [*range(named)], [*range(named, len(table.columns))]
    for count in range(1, len(others) + 1):
        share = -(-len(others) // count)
        parts = [names + others[start : start + share] for start in range(0, len(others), share)]
        if all(sum(_width(table, i) for i in part) <= max(SIZES.values()) for part in parts):
            return parts
    return [[*names, i] for i in others] or [names]


def _float(table: Table, part: list[int], size: str, caption: str, label: str) -> str:
    long = [_is_long(table, i) for i in part]
    kinds = "".join(r">{\raggedright\arraybackslash}X" if broken else "l" for broken in long)
    begin, end = (r"tabularx}{\linewidth", "tabularx") if any(long) else ("tabular", "tabular")
    header = " & ".join(_heading(table.columns[i]) for i in part)
    body = [" & ".join(escape_latex(row[i]) for i in part) + r" \\" for row in table.rows]
    note = [rf"\par\smallskip\parbox{{\linewidth}}{{\footnotesize {escape_latex(table.note)}}}"] if table.note else []
    lines = [
        rf"\begin{{table}}[!htbp]\centering\{size}\setlength{{\tabcolsep}}{{4pt}}",
        rf"\caption{{{escape_latex(caption)}}}\label{{{label}}}",
        rf"\begin{{{begin}}}{{{kinds}}}",
        *(r"\toprule", rf"{header} \\", r"\midrule", *body, r"\bottomrule"),
        *(rf"\end{{{end}}}", *note, r"\end{table}", ""),
    ]
    return "\n".join(lines)


def _halves(heading: str) -> list[str]:
    """Cut a long heading at the space nearest to its middle."""
    spaces = [i for i, character in enumerate(heading) if character == " " and 3 < i < len(heading) - 3]
    if len(heading) < 14 or not spaces:
        return [heading]
    cut = min(spaces, key=lambda i: abs(i - len(heading) / 2))
    return [heading[:cut], heading[cut + 1 :]]


def _heading(heading: str) -> str:
    halves = [escape_latex(half) for half in _halves(heading)]
    return halves[0] if len(halves) == 1 else rf"\shortstack[l]{{{halves[0]}\\{{}}{halves[1]}}}"


def _is_long(table: Table, column: int) -> bool:
    return any(len(row[column]) > LONG for row in table.rows)


def _width(table: Table, column: int) -> int:
    """Return the characters a column takes, its margins included; one that breaks its lines can do with few."""
    heading = max(map(len, _halves(table.columns[column])))
    longest = max((len(_POWER.sub("x10", row[column])) for row in table.rows), default=0)
    return 2 + max(heading, LONG // 2 if _is_long(table, column) else longest)
