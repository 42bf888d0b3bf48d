"""Tables of texts: .csv with quoting, everything else as strict tab-separated lines; read row by row, never guessed at.

A row of texts becomes one string, its texts joined by PAIR, so that what is drawn, compared and shown is one text.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from hsokv.exceptions import DataError

PAIR = "\t"
"""Stands between the two texts of a pair; inside a text it becomes a blank."""


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The line number and the fields of `columns` of every row of a table with a header; blanks around them dropped.

    Raises DataError naming the file and the line for an empty file, bytes that are no UTF-8, a missing or repeated
    column, a row with too few or too many fields, an empty field, quotation marks of a .csv that do not match, and a
    file without rows.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "own.csv"
    >>> _ = path.write_text('label,sentence\\ngood,"so, so"\\n')
    >>> list(read_rows(path, ["sentence", "label"]))
    [(2, ['so, so', 'good'])]
    """
    rows = (_separated_by_commas if path.suffix.lower() == ".csv" else _separated_by_tabs)(path)
    _, header = next(rows, (0, []))
    header = [name.strip() for name in header]
    if header in ([], [""]):
        raise DataError(f"{path}: wanted a header and rows, came an empty file")
    for column in columns:
        if header.count(column) != 1:
            raise DataError(
                f"{path}: wanted the columns {list(columns)} once each, came {header} "
                "(separated by commas in a .csv, by tabs elsewhere)"
            )
    places = [header.index(column) for column in columns]
    line = None
    for line, fields in rows:
        if len(fields) != len(header):
            raise DataError(
                f"{path}, line {line}: wanted {len(header)} fields, came {len(fields)}: the file may be truncated"
            )
        wanted = [fields[place].strip() for place in places]
        for column, field in zip(columns, wanted, strict=True):
            if not field:
                raise DataError(f"{path}, line {line}: wanted a {column}, came an empty one")
        yield line, wanted
    if line is None:
        raise DataError(f"{path}: wanted rows under the header, came none")


def join(texts: Sequence[str]) -> str:
    """One string for the texts of a row.

    >>> join(["a premise", "a\\thypothesis"])
    'a premise\\ta hypothesis'
    """
    return PAIR.join(text.replace(PAIR, " ") for text in texts)


def _separated_by_tabs(path: Path) -> Iterator[tuple[int, list[str]]]:
    # Not text mode, str.splitlines nor csv: each breaks a row at characters that may stand inside a sentence.
    for number, line in _lines(path):
        yield number, line.removesuffix("\n").removesuffix("\r").split("\t")


def _separated_by_commas(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((line for _, line in _lines(path)), strict=True)
    while True:
        first = reader.line_num + 1  # a quoted field may go over several lines
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{path}, line {first}: {error}; wanted a field with commas, line breaks or quotation marks in "
                "quotation marks, those inside it doubled"
            ) from error
        if fields is None:
            return
        if fields:  # a blank line is no row
            yield first, fields


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    start = 0
    try:
        with Path(path).open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    text = line.decode()
                except UnicodeDecodeError as error:
                    at = start + error.start
                    raise DataError(f"{path}, line {number}: wanted UTF-8, came other bytes at byte {at}") from error
                yield number, text.removeprefix("\ufeff") if number == 1 else text  # Windows editors put it first
                start += len(line)
    except OSError as error:
        raise DataError(f"{path}: wanted a readable file, came {error.strerror}") from error
