"""A table as LaTeX that no page cuts and no line is too narrow for."""

import re
from collections.abc import Mapping
from itertools import groupby

from hsokv.analysis.numbers import Number
from hsokv.report.cells import MARKS, Cell, Table, Verbatim, add_footnotes, texts
from hsokv.report.characters import POWER, escape

LINE, PAGE = 469.0, 650.0  # points: width of a line, height of a page
SIZES = {"small": 9.0, "footnotesize": 8.0, "scriptsize": 7.0}
LONG = 28  # characters from which a cell may break its lines
NAMING = ("arm", "benchmark", "condition", "contrast", "criterion")


def table_to_tex(table: Table, name: str, numbers: Mapping[str, Number]) -> str:
    """A table as floats that no page cuts, in the largest letters that fit the line.

    In turn: smaller letters, intervals under their means, and a page on its side. A table that is higher than a page
    goes on in further floats, cut where the naming columns change.
    """
    table, shorten = add_footnotes(table, numbers)

    def cell(parts: Cell) -> str:
        return "".join(
            escape(shorten(part, text), numbers=not isinstance(part, Verbatim)) for part, text in texts(parts, numbers)
        )

    columns = list(map(str, table.frame.columns))
    plain = [["".join(shorten(part, text) for part, text in texts(c, numbers)) for c in row] for row in table.rows]
    rows = [[cell(c) for c in row] for row in table.rows]
    fits = [(stacked, room, size) for room in (LINE, PAGE) for stacked in (False, True) for size in SIZES]
    stacked, room, size = next((fit for fit in fits if sum(_widths(columns, plain, *fit)) <= fit[1]), fits[-1])
    widths = _widths(columns, plain, stacked, room, size)
    longest = [_is_long(plain, index) for index in range(len(columns))]
    spare = max(room - sum(widths), 0) / max(sum(longest), 1)
    kinds = "".join(f"Y{{{width - 8 + spare:.0f}pt}}" if long else "l" for width, long in zip(widths, longest, strict=True))
    headings = (r"\\{}".join(map(escape, _halves(_signed(column)))) for column in columns)
    heading = " & ".join(rf"\stack{{{heading}}}" for heading in headings) + r" \\"
    points = 1.22 * SIZES[size]
    heights = [points * max(_lines(text, widths[i] + spare, size, long, stacked) for i, (text, long) in enumerate(zip(row, longest, strict=True))) for row in plain]  # fmt: skip
    note = "".join(escape(shorten(part, text)) for part, text in texts(table.note, numbers))
    caption = "".join(escape(text) for _, text in texts(table.caption, numbers)) + (rf". {{\footnotesize {note}}}" if note else ".")
    parts, height = _chunks(plain, columns, heights, (PAGE if room == LINE else LINE) - 40 - 11 * (1 + len(caption) // 105) - 3 * points)
    floats = []
    for number, (start, end) in enumerate(parts):
        body = [" & ".join(_stack(text) if stacked else text for text in row) + r" \\" for row in rows[start:end]]
        title = rf"\caption{{{caption}}}\label{{tab:{name}}}" if not number else r"\centerline{Table \thetable, continued}\smallskip"
        tabular = [rf"\begin{{tabular}}{{@{{}}{kinds}@{{}}}}", r"\toprule", heading, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
        inner = "\n".join([title, rf"\fit{{\{size}\setlength{{\tabcolsep}}{{4pt}}%", *tabular, "}"])
        floats.append(rf"\begin{{table}}[htbp]\centering{'%' if room == LINE else ''}" if room == LINE else r"\begin{table}[p]\centering\rotatebox{90}{\begin{minipage}{\textheight}\centering")
        floats += [inner, r"\end{table}" if room == LINE else r"\end{minipage}}\end{table}", ""]
    return "\n".join(floats)


def _signed(heading: str) -> str:
    for mark, (sign, _) in MARKS.items():
        heading = heading.replace(mark, sign)
    return heading


def _stack(tex: str) -> str:
    """An interval under its mean."""
    return re.sub(r"^([^\[]*?) (\[.*\])$", r"\\stack{\1\\\\{}\2}", tex)


def _widths(columns: list[str], rows: list[list[str]], stacked: bool, room: float, size: str) -> list[float]:
    """Points that each column needs; one that breaks its lines can do with few."""
    widths = []
    for index, column in enumerate(columns):
        cells = [part for row in rows for part in (row[index].split(" [") if stacked else [row[index]])]
        longest = LONG / 2 * 0.5 * SIZES[size] if _is_long(rows, index) else max((_points(c, size) for c in cells), default=0)
        widths.append(8 + max(longest, *(_points(half, size) for half in _halves(_signed(column)))))
    return widths


def _points(text: str, size: str) -> float:
    text = POWER.sub(r"\1 x10\2", text)
    return SIZES[size] * sum(0.29 if c in " .,:;'()[]|_fijlrt" else 0.72 if c in "+%<>=mwM" or c.isupper() else 0.5 for c in text)


def _is_long(rows: list[list[str]], column: int) -> bool:
    return any(len(row[column]) > LONG for row in rows)


def _lines(text: str, width: float, size: str, long: bool, stacked: bool) -> float:
    return 1 + _points(text, size) // max(width - 8, 1) if long else 1 + (stacked and " [" in text)


def _halves(heading: str) -> list[str]:
    """Cut a long heading at the space nearest to its middle."""
    spaces = [i for i, character in enumerate(heading) if character == " " and 3 < i < len(heading) - 3]
    if len(heading) < 14 or not spaces:
        return [heading]
    cut = min(spaces, key=lambda i: abs(i - len(heading) / 2))
    return [heading[:cut], heading[cut + 1 :]]


def _chunks(rows: list[list[str]], columns: list[str], heights: list[float], room: float) -> tuple[list[tuple[int, int]], float]:
    """Where to cut rows that are together higher than a page: between those that the first column tells apart."""
    naming = next((i for i, column in enumerate(columns) if column in NAMING), 0)
    groups, start = [], 0
    for _, group in groupby(rows, key=lambda row: row[naming]):
        groups.append((start, start := start + len(list(group))))
    if len(groups) in (1, len(rows)):  # every row a group of its own, or all one
        groups = [(i, i + 1) for i in range(len(rows))]
    count = max(1, -(-int(sum(heights)) // int(room)))
    share, chunks = sum(heights) / count, []
    for first, last in groups:
        here = sum(heights[first:last])
        if chunks and sum(heights[chunks[-1][0] : last]) <= (room if count == 1 else min(room, share + here / 2)):
            chunks[-1] = (chunks[-1][0], last)
        else:
            chunks.append((first, last))
    return chunks, share
