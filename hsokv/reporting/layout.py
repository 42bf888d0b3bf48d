"""How tables stand on a page: shared reasons as notes, letters small enough, a cut between columns where none fit."""

import re
from collections import Counter
from dataclasses import replace
from string import ascii_lowercase

from hsokv.reporting.latex import Tex, escape_latex
from hsokv.reporting.quoted import Quoted
from hsokv.reporting.table import STAND_IN, USER_COPY, Table

NAMING = ("arm", "benchmark", "condition", "contrast", "criterion")  # columns that stand in every part of a cut table
SIZES = {"small": 99, "footnotesize": 108, "scriptsize": 115}  # digits that fit beside each other on 6.5 inches
NARROW, WIDE = " .,:;'()[]|_fijlrt", "+-%<>=\N{MULTIPLICATION SIGN}\N{PLUS-MINUS SIGN}mwABCDEFGHKLMNOPQRSTUVWXYZ"
_POWER = re.compile(r"(?<=\d)e(?=\d)")  # set as a power of ten, which is wider
LONG = 28  # characters from which a cell breaks its line
TOGETHER = 3  # rows at either end of a table that no page break parts
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
    """Return LaTeX tables that go on over pages: one, in the largest letters that fit, or parts that repeat the naming
    columns.

    What a note says stands under the caption, above the rows.
    """
    parts = _parts(table)
    tables = []
    for number, columns in enumerate(parts, start=1):
        caption = table.caption + (f" (part {number} of {len(parts)})" if len(parts) > 1 else "")
        width = sum(LONG if _is_long(table, i) else _width(table, i) for i in columns)
        size = next((size for size, room in SIZES.items() if width <= room), max(SIZES, key=SIZES.get))
        tables.append(_set(table, columns, size, caption, label if number == 1 else f"{label}-{number}"))
    return Tex("\n".join(tables))


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


def _set(table: Table, part: list[int], size: str, caption: str, label: str) -> str:
    long = [_is_long(table, i) for i in part]
    left = SIZES[size] - sum(_width(table, i) for i, broken in zip(part, long, strict=True) if not broken)
    share = f"{max(left, LONG // 2) / max(sum(long), 1) / SIZES[size]:.3f}"  # of the line, to each long column
    broken = rf">{{\raggedright\arraybackslash}}p{{\dimexpr {share}\linewidth-2\tabcolsep}}"
    kinds = "".join(broken if breaks else "l" for breaks in long)
    header = " & ".join(_heading(table.columns[i]) for i in part) + r" \\"
    note = rf". {{\footnotesize {escape_latex(table.note)}}}" if table.note else ""
    body = [" & ".join(map(_cell, (row[i] for i in part), long)) for row in table.rows]
    ends = [r" \\" if TOGETHER <= number < len(body) - TOGETHER else r" \\*" for number in range(1, len(body) + 1)]
    lines = [
        rf"{{\{size}\setlength{{\tabcolsep}}{{4pt}}",
        rf"\begin{{longtable}}{{{kinds}}}",
        rf"\caption{{{escape_latex(caption)}{note}}}\label{{{label}}} \\",
        *(r"\toprule", header, r"\midrule", r"\endfirsthead"),
        rf"\multicolumn{{{len(part)}}}{{l}}{{Table \thetable, continued}} \\",
        *(r"\toprule", header, r"\midrule", r"\endhead"),
        *(r"\bottomrule", r"\endfoot"),
        *(row + end for row, end in zip(body, ends, strict=True)),
        *(r"\end{longtable}}", ""),
    ]
    return "\n".join(lines)


def _cell(text: str, breaks: bool) -> str:
    latex = escape_latex(text)
    return latex.replace(r"\_", r"\_\allowbreak{}") if breaks else latex


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


def _width(table: Table, column: int) -> float:
    """Return the digits whose room a column takes, margins included; one that breaks its lines can do with few."""
    heading = max(map(_digits, _halves(table.columns[column])))
    longest = max((_digits(_POWER.sub(" \N{MULTIPLICATION SIGN} 10", row[column])) for row in table.rows), default=0)
    return 2 + max(heading, LONG // 2 if _is_long(table, column) else longest)


def _digits(text: str) -> float:
    """Return the number of digits that are about as wide as a text."""
    return sum(0.6 if character in NARROW else 1.5 if character in WIDE else 1 for character in text)
