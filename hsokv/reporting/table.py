"""A table of texts, in Markdown and CSV, and how the ledger's numbers stand in its cells; layout.py sets it in TeX."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hsokv.reporting.ledger import text
from hsokv.reporting.quoted import escape_markdown

SMALL = "small run, not the study"
STAND_IN = "(synthetic stand-in)"
USER_COPY = "(user copy)"
DASH = "\N{EN DASH}"
UNDEFINED = f"{DASH}: not defined for that benchmark."


@dataclass(frozen=True)
class Table:
    """A table of texts: one name a column, one text a cell, a caption above and a note below (empty for none)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    note: str

    def to_markdown(self) -> str:
        """A Markdown table under its caption, above its note."""
        rows = [self.columns, ("---",) * len(self.columns), *self.rows]
        lines = ["| " + " | ".join(map(escape_markdown, row)) + " |" for row in rows]
        return "\n".join([f"**{self.caption}**", "", *lines, *(["", f"*{self.note}*"] if self.note else [])]) + "\n"

    def to_csv(self) -> str:
        """Comma-separated values, the columns' names first; caption and note are left out."""
        page = io.StringIO()
        csv.writer(page, lineterminator="\n").writerows([self.columns, *self.rows])
        return page.getvalue()


def make_table(
    statistics: Mapping[str, Any], columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str, note: str
) -> Table:
    """A table of the study; in that of a small run caption and note say so."""
    if statistics["small"]:
        caption, note = f"{caption} ({SMALL})", f"{SMALL[0].upper()}{SMALL[1:]}. {note}".strip()
    return Table(tuple(columns), tuple(map(tuple, rows)), caption, note)


def titled(statistics: Mapping[str, Any], benchmark: str) -> str:
    """The name of a benchmark, with the mark of a stand-in or of a user's copy."""
    study = statistics["study"]["benchmarks"].get(benchmark, {})
    marks = (STAND_IN, study.get("synthetic")), (USER_COPY, study.get("user_copy"))
    return " ".join([benchmark, *(mark for mark, holds in marks if holds)])


def with_any(statistics: Mapping[str, Any], *scores: str) -> list[tuple[str, str, str]]:
    """Title, benchmark and arm wherever the headline has one of the scores, run or not."""
    return [
        (titled(statistics, name), name, arm)
        for name, benchmark in statistics["study"]["benchmarks"].items()
        for arm in benchmark["arms"]
        if any(f"{name}.headline.{arm}.{score}.mean" in statistics["numbers"] for score in scores)
    ]


def of_scores(
    statistics: Mapping[str, Any], scores: Mapping[str, bool], added: Mapping[str, bool] | None = None
) -> list[tuple[str, ...]]:
    """A row for each benchmark and arm that has one of the scores, with intervals where true; `added` ones beside."""
    every = {**scores, **(added or {})}
    rows = [
        (name, arm, *(if_done(statistics, (benchmark, "headline", arm), score, ends) for score, ends in every.items()))
        for name, benchmark, arm in with_any(statistics, *scores)
    ]
    return [row for row in rows if any(row[2 : 2 + len(scores)])]


def if_done(statistics: Mapping[str, Any], place: tuple[str, str, str], score: str, interval: bool = False) -> str:
    """The mean at benchmark, condition and arm, where asked for with its interval; empty where there is none."""
    stem = ".".join((*place, score))
    if statistics["numbers"].get(f"{stem}.mean", {}).get("status") != "done":
        return ""
    return spread(statistics, stem) if interval else text(statistics["numbers"], f"{stem}.mean")


def score_at(statistics: Mapping[str, Any], *place: str) -> str:
    """The accuracy at benchmark, condition and arm; a dash where the arm is not defined for the benchmark."""
    if place[2] not in _arms(statistics, place[0]):
        return DASH
    return spread(statistics, ".".join((*place, "accuracy")))


def spread(statistics: Mapping[str, Any], key: str, middle: str = "mean", low: str = "low", high: str = "high") -> str:
    """`63.4 [61.2, 65.6]`; without an interval the middle alone, without a middle the reason."""
    found, *ends = (f"{key}.{end}" for end in (middle, low, high))
    texts = [text(statistics["numbers"], end) for end in (found, *ends)]
    if any(statistics["numbers"][end]["value"] is None for end in ends):
        return texts[0]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"


def _arms(statistics: Mapping[str, Any], benchmark: str) -> list[str]:
    study = statistics["study"]["benchmarks"][benchmark]
    return [*study["arms"], *study["controls"]]
