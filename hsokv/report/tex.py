"""A table as LaTeX that stands upright on its page."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import pandas as pd

from hsokv.analysis.numbers import Number
from hsokv.report.cells import MARKS, Cell, Table, Verbatim, add_footnotes, texts
from hsokv.report.characters import POWER, command_of, escape, label, one_line

LINE = 469.0  # points: width of a line
SIZES = {"small": 9.0, "footnotesize": 8.0, "scriptsize": 7.0}  # points of a letter
GAP = 8.0  # points between columns
LONG = 18  # characters from which a cell may be wrapped
LONGEST = 24  # rows of a table that pages do not cut
GROUP = "benchmark"  # the column whose values become headings between the rows
_BREAK = re.compile(r" (?=\[|\(|of )")  # where a stacked cell begins a new line
_INTERVAL = re.compile(r" \[[-+.\d]")
_PIECES = re.compile(r"[^ _-]{1,30}[ _-]*")


class Layout(NamedTuple):
    """How a table is set: intervals under their means, long cells wrapped, letters of a size."""

    stacked: bool
    wrapped: bool
    size: str


LAYOUTS = [Layout(*layout) for layout in product((False, True), (False, True), SIZES)]
"""The first that fits a line is taken; a table that none fits is scaled down from the last."""


def table_to_tex(table: Table, name: str, numbers: Mapping[str, Number]) -> str:
    """A table: a float, or, with the rows of each benchmark below its name, one that pages cut between benchmarks."""
    table, shorten = add_footnotes(table, numbers)

    def tex(parts: Cell) -> str:
        told = texts(parts, numbers)
        return "".join(escape(shorten(part, text), numbers=not isinstance(part, Verbatim)) for part, text in told)

    columns = [_signed(str(column)) for column in table.frame.columns]
    if GROUP in columns:  # together, in the order of their first rows
        order = pd.factorize(table.frame[GROUP])[0].argsort(kind="stable")
        table = replace(table, frame=table.frame.iloc[order])
    plain = [[_printed("".join(shorten(*part) for part in texts(cell, numbers))) for cell in row] for row in table.rows]
    rows = [[tex(cell) for cell in row] for row in table.rows]
    groups = [""] * len(rows)
    if GROUP in columns and len({row[columns.index(GROUP)] for row in plain}) < len(plain):
        at = columns.index(GROUP)
        groups = [row[at] for row in rows]
        for row in (columns, *plain, *rows):
            del row[at]

    layouts = ((layout, _widths(columns, plain, layout)) for layout in LAYOUTS)
    layout, widths = next((found for found in layouts if sum(found[1]) <= LINE), (None, []))
    long = layout and (any(groups) or len(rows) > LONGEST)
    layout = layout or LAYOUTS[-1]
    widths = widths or _widths(columns, plain, layout)
    wrapped = [layout.wrapped and _is_long(plain, index) for index in range(len(columns))]
    spare = max(LINE - sum(widths), 0) / max(sum(wrapped), 1)
    widths = [width + spare * wraps for width, wraps in zip(widths, wrapped, strict=True)]
    kinds = "".join(f"Y{{{w - GAP:.0f}pt}}" if wraps else "l" for w, wraps in zip(widths, wrapped, strict=True))
    note = rf" {{\footnotesize {tex(table.note)}}}" if table.note else ""
    title = rf"\caption{{{tex(table.caption)}.{note}}}\label{{tab:{label(name)}}}"
    heading = " & ".join(_stack(map(escape, _fold(c, w, layout))) for c, w in zip(columns, widths, strict=True))
    heading = rf"\toprule {heading} \\ \midrule"
    body = []
    for index, row in enumerate(rows):
        if groups[index] and groups[index] != ("", *groups)[index]:
            body += [r"\addlinespace"] * bool(index)
            body.append(rf"\multicolumn{{{len(columns)}}}{{@{{}}l}}{{\textit{{{groups[index]}}}}} \\*")
        keep = groups[index] and groups[index] == (*groups, "")[index + 1]  # a group is not cut
        cells = (_stack(_BREAK.split(cell)) if layout.stacked else cell for cell in row)
        body.append(" & ".join(cells) + (r" \\*" if keep else r" \\"))
    size = rf"\{layout.size}\setlength{{\tabcolsep}}{{4pt}}%"
    tabular = f"{{@{{}}{kinds}@{{}}}}"
    if long:
        again = rf"\multicolumn{{{len(columns)}}}{{c}}{{Table \thetable, continued}} \\"
        opening = [rf"{{{size}", rf"\begin{{longtable}}{tabular}", rf"{title} \\", heading, r"\endfirsthead"]
        opening += [again, heading, r"\endhead"]
        closing = [r"\end{longtable}}"]
    else:
        opening = [r"\begin{table}\centering", title, rf"\fit{{{size}", rf"\begin{{tabular}}{tabular}", heading]
        closing = [r"\end{tabular}}", r"\end{table}"]
    return "\n".join([*opening, *body, r"\bottomrule", *closing, ""])


def _signed(heading: str) -> str:
    for mark, (sign, _) in MARKS.items():
        heading = heading.replace(mark, sign)
    return heading


def _stack(lines: Iterable[str]) -> str:
    lines = list(lines)
    return rf"\stack{{{(chr(92) * 2 + '{}').join(lines)}}}" if len(lines) > 1 else "".join(lines)


def _widths(columns: list[str], rows: list[list[str]], layout: Layout) -> list[float]:
    """Points that each column needs; one that is wrapped can do with its longest word."""
    widths = []
    for index, heading in enumerate(columns):
        cells = [part for row in rows for part in (_BREAK.split(row[index]) if layout.stacked else [row[index]])]
        if layout.wrapped and _is_long(rows, index):
            cells = [piece for cell in cells for piece in (*_PIECES.findall(cell), LONG // 2 * "x")]
        longest = max((_points(cell, layout.size) for cell in cells), default=0)
        widths.append(GAP + max(longest, *(_points(piece, layout.size) for piece in _PIECES.findall(heading))))
    return widths


def _fold(heading: str, width: float, layout: Layout) -> list[str]:
    """A heading in lines of a width."""
    lines = [""]
    for piece in _PIECES.findall(heading):
        if lines[-1] and _points(lines[-1] + piece, layout.size) > width - GAP:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines]


def _points(text: str, size: str) -> float:
    """About how wide a text is."""
    wide, narrow = "+%<>=mwM\N{MULTIPLICATION SIGN}", " .,:;'()[]|_fijlrt"
    text = POWER.sub(r"\1 x10\2", text)
    return SIZES[size] * sum(0.29 if c in narrow else 0.72 if c in wide or c.isupper() else 0.5 for c in text)


def _printed(text: str) -> str:
    """A text as wide as it is printed at most: what TeX may have no font for is told by its code point."""
    return "".join(c if c.isascii() or command_of(c) else f"[U+{ord(c):04X}]" for c in one_line(text))


def _is_long(rows: list[list[str]], column: int) -> bool:
    return any(len(row[column]) > LONG and not _INTERVAL.search(row[column]) for row in rows)
