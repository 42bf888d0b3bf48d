"""Cells and tables as Markdown for pandoc, and as CSV."""

import csv
import io
import re
from collections.abc import Callable, Mapping

from hsokv.analysis.numbers import Number
from hsokv.report.cells import Cell, Key, Table, Verbatim, add_footnotes, plain, texts
from hsokv.report.characters import POWER, one_line


class Markdown(str):
    """Markdown that is printed as it stands; any other text is escaped."""


def escape_markdown(text: object) -> Markdown:
    r"""Text as Markdown of pandoc that prints the same characters.

    >>> escape_markdown("a_b | <i>")
    'a\\_b \\| \\<i\\>'
    """
    if isinstance(text, Markdown):
        return text
    escaped = re.sub(r"([\\`*_{}\[\]<>&$~^|#@!])", r"\\\1", one_line(str(text)))
    return Markdown(re.sub(r"^(\d*)([-+=:.)])", r"\1\\\2", escaped))  # begins no list


def cells_to_markdown(
    cell: Cell, numbers: Mapping[str, Number], form: str, shorten: Callable[[str, str], str] = lambda part, text: text
) -> Markdown:
    """A cell; in HTML each number is an element that carries its key."""
    parts = []
    for part, text in texts(cell, numbers):
        text = one_line(shorten(part, text))
        if form == "tex":
            text = re.sub(r"(?<![\w.,$}-])-(?=\d)", "\N{MINUS SIGN}", text)
            text = POWER.sub("\\1 \N{MULTIPLICATION SIGN} 10\ue000\\2\ue000".replace(" ", "\N{NO-BREAK SPACE}"), text)
        if form == "file" and not isinstance(part, Verbatim):  # read as it is, by people: nothing but what ends a cell
            text = Markdown(text.replace("|", "\\|"))
        text = escape_markdown(text).replace("\ue000", "^")
        parts.append(f'[{text}]{{.number key="{part}"}}' if form == "html" and isinstance(part, Key) else text)
    return Markdown("".join(parts))


def table_to_markdown(table: Table, numbers: Mapping[str, Number], form: str, label: str = "", title: str = "") -> str:
    """A table under its caption and above its note."""
    table, shorten = add_footnotes(table, numbers)
    rows = [[cells_to_markdown(cell, numbers, form, shorten) for cell in row] for row in table.rows]
    heading = [cells_to_markdown((str(column),), numbers, form, shorten) for column in table.frame.columns]
    lines = ["| " + " | ".join(row) + " |" for row in (heading, ["---"] * len(heading), *rows)]
    caption, note = (cells_to_markdown(cell, numbers, form, shorten) for cell in (table.caption, table.note))
    if form == "html":
        page = [f"::: {{.table #{label}}}", "::: caption", f"**{title}** {caption}", ":::", ""]
        page += ["::: scroll", *lines, ":::"]
        return "\n".join(["", *page, *(["", "::: note", note, ":::"] if note else []), ":::", ""])
    return "\n".join([f"**{title}{caption}**", "", *lines, *(["", f"*{note}*"] if note else []), ""])


def table_to_csv(table: Table, numbers: Mapping[str, Number]) -> str:
    """Comma-separated values, the columns' names first; caption and note are left out."""
    page = io.StringIO()
    rows = ([plain(cell, numbers) for cell in row] for row in table.rows)
    csv.writer(page, lineterminator="\n").writerows([table.frame.columns, *rows])
    return page.getvalue()
