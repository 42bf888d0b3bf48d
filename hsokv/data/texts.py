"""Tables of labelled texts: GLUE's files and a user's own, read by pandas, never guessed at.

A row of texts becomes one string, its texts joined by PAIR, so that what is drawn, compared and shown is one text.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hsokv.data.examples import PAIR, Examples, as_printed, canonical, check_names
from hsokv.exceptions import DataError, nearest
from hsokv.files import parse_json

if TYPE_CHECKING:
    import pandas as pd

OUT_OF_SCOPE = -1
"""The label of a query that belongs to none."""


class Task(NamedTuple):
    """Columns of a task's tables, one text or two, and its labels as written there; None: those of the train table.

    `quoted`: whether fields may stand in quotation marks; None where each tab-separated table says so itself.
    """

    texts: tuple[str, ...]
    label: str
    labels: tuple[str, ...] | None = None
    quoted: bool | None = None


TASKS = {
    "sst2": Task(("sentence",), "label", ("0", "1"), quoted=False),
    "mnli": Task(("sentence1", "sentence2"), "gold_label", ("entailment", "neutral", "contradiction"), quoted=False),
    "banking77": Task(("text",), "category"),
    "clinc150": Task(("text",), "intent"),
}


def read_texts(train: Path, test: Path, task: Task) -> tuple[Examples, Examples]:
    """(train, test) of a task's tables; the classes are its labels, else those of the train table, sorted.

    Raises DataError naming the file and the row for a label that the task has not, a label without test rows, labels
    that make no classes, and for all that `read_table` refuses.
    """
    tables = [read_table(path, [*task.texts, task.label], task.quoted) for path in (train, test)]
    labels = [table[task.label].map(as_printed) for table in tables]
    names = task.labels or check_names(labels[0], f"{train}, column {task.label}")
    for path, column in zip((train, test), labels, strict=True):
        for row, label in column[~column.isin(names)].items():
            raise DataError(f"{path}, row {row}: unknown label {label!r}{nearest(label, names)}")
    if missing := sorted(set(names) - set(labels[1])):
        raise DataError(f"{test}: no rows with the label {missing[0]!r}, which the train table has; add some")
    number = {name: place for place, name in enumerate(names)}
    return tuple(
        Examples(
            tuple(map(join, zip(*(table[name] for name in task.texts), strict=True))),
            column.map(number).to_numpy(np.int64),
            names,
        )
        for table, column in zip(tables, labels, strict=True)
    )


def read_clinc150(path: Path, part: str, others: Sequence[str] = ()) -> tuple[Examples, Examples]:
    """(train, queries) of CLINC150's data_full.json: its train texts, and those of its part `part`, `val` or `test`.

    What the parts `others` hold, which are out of scope, stands among the queries. Raises DataError for another file.
    """
    try:
        parts = parse_json(path.read_text(encoding="utf-8"))
        names = check_names((label for _, label in parts["train"]), str(path))
        number = {name: place for place, name in enumerate(names)} | {"oos": OUT_OF_SCOPE}
        queries = [row for name in (part, *others) for row in parts[name]]
        return tuple(
            Examples(tuple(text.strip() for text, _ in rows), np.array([number[label] for _, label in rows]), names)
            for rows in (parts["train"], queries)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not CLINC150's data_full.json ({error})") from error


def read_table(path: Path, columns: Sequence[str], quoted: bool | None = None, empty: bool = False) -> "pd.DataFrame":
    """The `columns` of a table as text, blanks around them dropped; the index is the row in the file, the header's 1.

    The name says the format: .csv, .tsv or .txt (separated by tabs), .jsonl or .parquet, each also with .gz behind.
    Fields of a .csv may stand in quotation marks, as pandas and spreadsheets write them; those of a .tsv do where every
    field with a quotation mark is quoted as a whole, unless `quoted` says it. Raises DataError naming the file and the
    row for another format, an unreadable or empty file, bytes that are no text in UTF-8, a missing or repeated column,
    a row with too many fields, an empty field unless `empty` allows it, and quotation marks that do not match.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "own.csv"
    >>> _ = path.write_text('label,sentence\\ngood,"so, so"\\n')
    >>> read_table(path, ["sentence", "label"]).loc[2].tolist()
    ['so, so', 'good']
    """
    path = Path(path)
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in READERS:
        raise DataError(f"{path}: no table that can be read; formats: {', '.join(READERS)}, each also with .gz behind")
    if len(set(columns)) < len(columns):
        raise DataError(f"{path}: wanted different columns for texts and labels, got {', '.join(columns)}")
    header, rows = READERS[suffix](path, _content(path, suffix), quoted)
    header, wanted = ([as_printed(str(name)) for name in names] for names in (header, columns))
    for name, given in zip(wanted, columns, strict=True):
        if header.count(name) != 1:
            what = "stands twice" if name in header else "is missing"
            hint = {".csv": " (separated by commas)", ".tsv": " (separated by tabs)"}.get(suffix, "")
            raise DataError(f"{path}: the column {given!r} {what}; columns{hint}: {str(header)[1:600].rstrip(']')}")
    table = rows[[header.index(name) for name in wanted]].set_axis(list(columns), axis=1).astype(object)
    if table.empty:
        raise DataError(f"{path}: the table has no rows")
    for name in columns:
        table[name] = [_field(f"{path}, row {row}: {name}", cell) for row, cell in table[name].items()]
        if not empty and (missing := table.index[table[name] == ""]).size:
            raise DataError(f"{path}, row {missing[0]}: {name} is empty; the file may be cut off")
    return table


def join(texts: Sequence[str]) -> str:
    """One string for the texts of a row; a tab inside one becomes a blank.

    >>> join(["a premise", "a\\thypothesis"])
    'a premise\\ta hypothesis'
    """
    return PAIR.join(text.replace(PAIR, " ") for text in texts)


def _content(path: Path, suffix: str) -> bytes:
    """The bytes of a table, unpacked; refused where they are empty or, of a table that is text, no text in UTF-8."""
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):  # gzip, whatever the name says: downloads lose or keep its .gz
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not content.strip():
        raise DataError(f"{path}: the file is empty")
    if suffix == ".parquet":
        return content
    try:
        content.decode()
        wrong = content.find(b"\0")  # as in UTF-16 and in what is no text
    except UnicodeDecodeError as error:
        wrong = error.start
    if wrong >= 0:
        row = content.count(b"\n", 0, wrong) + 1
        raise DataError(f"{path}, row {row}: no text in UTF-8 at byte {wrong}; save the table as UTF-8")
    content = content.removeprefix(b"\xef\xbb\xbf")
    return content if b"\n" in content else content.replace(b"\r", b"\n")  # a \r among \n is part of a text


def _field(place: str, value: object) -> str:
    import pandas as pd

    if not isinstance(value, str):
        if not pd.api.types.is_scalar(value) or isinstance(value, bytes):
            raise DataError(f"{place} is a {type(value).__name__}, not text or a number")
        value = "" if pd.isna(value) else str(value)
    if not value.isprintable() and re.search("[\0\ud800-\udfff]", value):
        raise DataError(f"{place} holds {value[:40]!r}, with half a character or NUL; save the table anew")
    value = value.strip()
    return value if value[:1].isprintable() or canonical(value) else ""


def _read_csv(path: Path, content: bytes, quoted: bool | None) -> tuple[list[str], "pd.DataFrame"]:
    rest = _without_quoted_fields(content, b",")
    if broken := re.search(rb'(?:^|,) *"', rest, re.MULTILINE):
        row = rest.count(b"\n", 0, broken.end()) + 1
        raise DataError(
            f"{path}, line {row}: quotation marks do not match; a field with commas, line breaks or quotation marks "
            "stands in quotation marks, and those inside it are doubled"
        )
    return _read_separated(path, content, True, ",")


def _read_separated(
    path: Path, content: bytes, quoted: bool | None, separator: str = "\t"
) -> tuple[list[str], "pd.DataFrame"]:
    import pandas as pd

    quoted = _is_quoted(content) if quoted is None else quoted
    first = content.split(b"\n", 1)[0].decode().strip()
    if not first:
        raise DataError(f"{path}, row 1: blank; the first line has to be the header")
    try:
        table = pd.read_csv(
            io.BytesIO(content),
            sep=separator,
            header=None,
            dtype=str,
            keep_default_na=False,  # "NA" and "null" are words
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            lineterminator="\n",  # else a bare \r, which may stand inside a sentence, would end a row
            skip_blank_lines=False,  # so that rows keep their numbers
            skipinitialspace=quoted,  # a field may be quoted after a blank
        )
    except pd.errors.ParserError as error:
        raise DataError(
            f"{path}: {error}; every row needs as many fields as the header, {first[:200]!r}, and quotation marks "
            "inside a quoted field are doubled"
        ) from error
    table.index += 1
    blank = table.index[table.map(str.strip).eq("").all(axis=1)]
    return table.iloc[0].tolist(), table.iloc[1:].drop(blank)  # a blank line is no row


def _is_quoted(content: bytes) -> bool:
    """Whether a tab-separated table is quoted, as pandas and Excel write it: every field with a mark, as a whole.

    Where the lines as they stand have as many fields as the header, a quoted field ends in its own line: of a table
    without quoting, two sentences that begin with a mark are not one row.
    """
    lines = content.rstrip(b"\r\n").split(b"\n")
    if len({line.count(b"\t") for line in lines if line.strip()}) > 1:
        return b'"' not in _without_quoted_fields(content, b"\t")
    return all(b'"' not in _without_quoted_fields(line, b"\t") for line in lines if b'"' in line)


def _without_quoted_fields(content: bytes, separator: bytes) -> bytes:
    """A table without the fields that stand in quotation marks as a whole; their line breaks stay."""
    whole = re.compile(rb'(^|%b) *"(?:[^"]++|"")*+" *(?=%b|\r?$)' % (separator, separator), re.MULTILINE)
    return whole.sub(lambda match: match[1] + b"\n" * match[0].count(b"\n"), content) if b'"' in content else content


def _read_jsonl(path: Path, content: bytes, quoted: bool | None) -> tuple[list[str], "pd.DataFrame"]:
    import pandas as pd

    rows = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            if line.strip():
                rows[number] = parse_json(line.decode())
                rows[number].items()
        except (ValueError, AttributeError, RecursionError) as error:
            raise DataError(f"{path}, row {number}: not a JSON object ({error})") from error
    table = pd.DataFrame(list(rows.values()), index=list(rows), dtype=object)
    return table.columns.tolist(), table.set_axis(range(table.shape[1]), axis=1)


def _read_parquet(path: Path, content: bytes, quoted: bool | None) -> tuple[list[str], "pd.DataFrame"]:
    import pandas as pd

    try:
        table = pd.read_parquet(io.BytesIO(content), engine="pyarrow")
    except ImportError as error:
        raise DataError(f"{path}: reading .parquet needs pyarrow: pip install 'hsokv[parquet]'") from error
    except Exception as error:  # pyarrow's own errors, of which there are many
        raise DataError(f"{path} cannot be read as .parquet: {error}") from error
    return table.columns.tolist(), table.set_axis(range(table.shape[1]), axis=1).set_axis(range(1, len(table) + 1))


READERS: Mapping[str, Callable[[Path, bytes, bool | None], tuple[list[str], "pd.DataFrame"]]] = {
    ".csv": _read_csv,
    ".tsv": _read_separated,
    ".txt": _read_separated,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
"""The formats of tables. A reader gives the header, and a frame of numbered columns whose index is the row."""
