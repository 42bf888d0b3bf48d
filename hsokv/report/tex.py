"""A table as LaTeX that no page cuts and no line is too narrow for."""

import re
from collections.abc import Mapping
from itertools import groupby, product
from typing import NamedTuple

from hsokv.analysis.numbers import Number
from hsokv.report.cells import MARKS, Cell, Table, Verbatim, add_footnotes, texts
from hsokv.report.characters import POWER, escape, label

LINE, PAGE = 469.0, 650.0  # points: width of a line, height of a page
SIZES = {"small": 9.0, "footnotesize": 8.0, "scriptsize": 7.0}  # points of a letter
GAP = 8.0  # points between columns
LONG = 28  # characters from which a cell may break its lines
NAMING = ("arm", "benchmark", "condition", "contrast", "criterion")


class Layout(NamedTuple):
    """How a table is set: on a line of `room` points, with long cells wrapped, intervals under their means."""

    room: float
    stacked: bool
    wrapped: bool
    size: str


LAYOUTS = [Layout(*layout) for layout in product((LINE, PAGE), (False, True), (False, True), SIZES)]
"""The first that fits is taken: smaller letters, then longer rows, then a page on its side."""


def table_to_tex(table: Table, name: str, numbers: Mapping[str, Number]) -> str:
    """A table as floats that no page cuts, by the first of `LAYOUTS` that fits.

    A table that is higher than a page goes on in further floats, cut where the naming columns change.
    """
    table, shorten = add_footnotes(table, numbers)

    def tex(parts: Cell) -> str:
        told = texts(parts, numbers)
        return "".join(escape(shorten(part, text), numbers=not isinstance(part, Verbatim)) for part, text in told)

    headings = [_halves(_signed(str(column))) for column in table.frame.columns]
    plain = [
        ["".join(shorten(part, text) for part, text in texts(cell, numbers)) for cell in row] for row in table.rows
    ]
    layout, widths = next(
        ((layout, widths) for layout in LAYOUTS if sum(widths := _widths(headings, plain, layout)) <= layout.room),
        (LAYOUTS[-1], _widths(headings, plain, LAYOUTS[-1])),
    )
    broken = [layout.wrapped and _is_long(plain, index) for index in range(len(headings))]
    spare = max(layout.room - sum(widths), 0) / max(sum(broken), 1)
    widths = [width + spare * breaks for width, breaks in zip(widths, broken, strict=True)]
    heights = [_height(row, widths, broken, layout) for row in plain]
    note, caption = tex(table.note), tex(table.caption)
    room = (PAGE if layout.room == LINE else LINE) - 80 - 11 * (len(caption + note) // 105)

    rows = [[tex(cell) for cell in row] for row in table.rows]
    kinds = "".join(f"Y{{{w - GAP:.0f}pt}}" if breaks else "l" for w, breaks in zip(widths, broken, strict=True))
    lines = [" & ".join(map(_stack, row) if layout.stacked else row) + r" \\" for row in rows]
    heading = " & ".join(rf"\stack{{{(chr(92) * 2 + '{}').join(map(escape, halves))}}}" for halves in headings) + r" \\"
    note = rf" {{\footnotesize {note}}}" if note else ""
    title = rf"\caption{{{caption}.{note}}}\label{{tab:{label(name)}}}"
    opening, closing = r"\begin{table}[htbp]\centering", r"\end{table}"
    if layout.room == PAGE:
        opening = r"\begin{table}[p]\centering\rotatebox{90}{\begin{minipage}{\textheight}\centering"
        closing = r"\end{minipage}}\end{table}"
    floats = []
    for start, end in _chunks(plain, list(map(str, table.frame.columns)), heights, room):
        floats += [opening, r"\centerline{Table \thetable, continued}\smallskip" if start else title]
        floats += [rf"\fit{{\{layout.size}\setlength{{\tabcolsep}}{{4pt}}%", rf"\begin{{tabular}}{{@{{}}{kinds}@{{}}}}"]
        floats += [r"\toprule", heading, r"\midrule", *lines[start:end], r"\bottomrule", r"\end{tabular}}", closing, ""]
    return "\n".join(floats)


def _signed(heading: str) -> str:
    for mark, (sign, _) in MARKS.items():
        heading = heading.replace(mark, sign)
    return heading


def _stack(tex: str) -> str:
    """An interval under its mean."""
    return re.sub(r"^([^\[]*?) (\[.*\])$", r"\\stack{\1\\\\{}\2}", tex)


def _widths(headings: list[list[str]], rows: list[list[str]], layout: Layout) -> list[float]:
    """Points that each column needs; one that breaks its lines can do with few."""
    widths = []
    for index, halves in enumerate(headings):
        cells = [part for row in rows for part in (row[index].split(" [") if layout.stacked else [row[index]])]
        longest = max((_points(cell, layout.size) for cell in cells), default=0)
        if layout.wrapped and _is_long(rows, index):
            longest = LONG / 2 * SIZES[layout.size]
        widths.append(GAP + max(longest, *(_points(half, layout.size) for half in halves)))
    return widths


def _points(text: str, size: str) -> float:
    """About how wide a text is."""
    wide, narrow = "+%<>=mwM\N{MULTIPLICATION SIGN}", " .,:;'()[]|_fijlrt"
    text = POWER.sub(r"\1 x10\2", text)
    return SIZES[size] * sum(0.29 if c in narrow else 0.72 if c in wide or c.isupper() else 0.5 for c in text)


def _height(row: list[str], widths: list[float], broken: list[bool], layout: Layout) -> float:
    """Points from the top of a row to that of the next."""
    lines = [1 + (layout.stacked and " [" in text) for text in row]
    for index, breaks in enumerate(broken):
        if breaks:
            lines[index] = 1 + int(1.1 * _points(row[index], layout.size) / (widths[index] - GAP))
    return 1.22 * SIZES[layout.size] * max(lines)


def _is_long(rows: list[list[str]], column: int) -> bool:
    return any(len(row[column]) > LONG for row in rows)


def _halves(heading: str) -> list[str]:
    """Cut a long heading at the space nearest to its middle."""
    spaces = [i for i, character in enumerate(heading) if character == " " and 3 < i < len(heading) - 3]
    if len(heading) < 14 or not spaces:
        return [heading]
    cut = min(spaces, key=lambda i: abs(i - len(heading) / 2))
    return [heading[:cut], heading[cut + 1 :]]


def _chunks(rows: list[list[str]], columns: list[str], heights: list[float], room: float) -> list[tuple[int, int]]:
    """Where to cut rows that are together higher than a page: where the first naming column changes, if it does."""
    if sum(heights) <= room:
        return [(0, len(rows))]
    naming = next((i for i, column in enumerate(columns) if column in NAMING), 0)
    groups, start = [], 0
    for _, group in groupby(rows, key=lambda row: row[naming]):
        groups.append((start, start := start + len(list(group))))
    if max(sum(heights[first:last]) for first, last in groups) > room:
        groups = [(i, i + 1) for i in range(len(rows))]
    share, chunks = sum(heights) / -(-sum(heights) // room), []
    for first, last in groups:
        whole = sum(heights[chunks[-1][0] : last]) if chunks else 0
        if chunks and whole <= min(room, share + sum(heights[first:last]) / 2):
            chunks[-1] = (chunks[-1][0], last)
        else:
            chunks.append((first, last))
    return chunks
