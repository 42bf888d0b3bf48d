"""The tables of the report, from the statistics alone, as Markdown and CSV; layout.py sets them in LaTeX."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hsokv.reporting.ledger import format_value, text

SMALL = "small run, not the study"
STAND_IN = "(synthetic stand-in)"


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
        lines = ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
        return "\n".join([f"**{self.caption}**", "", *lines, *(["", f"*{self.note}*"] if self.note else [])]) + "\n"

    def to_csv(self) -> str:
        """Comma-separated values, the columns' names first; caption and note are left out."""
        page = io.StringIO()
        csv.writer(page, lineterminator="\n").writerows([self.columns, *self.rows])
        return page.getvalue()


def all_tables(statistics: Mapping[str, Any], judged: Sequence[Mapping[str, Any]]) -> dict[str, Table]:
    """Every table of the study by name, in the order of the report."""
    return {
        "main": main_results(statistics),
        "criteria": criteria(statistics, judged),
        "contrasts": contrasts(statistics),
        "memory": memory(statistics),
        **{f"conditions_{name}": conditions(statistics, name) for name in statistics["study"]["benchmarks"]},
        "costs": costs(statistics),
    }


def main_results(statistics: Mapping[str, Any]) -> Table:
    """Headline accuracy: arms as rows, benchmarks as columns."""
    benchmarks, arms = statistics["study"]["benchmarks"], statistics["study"]["arms"]
    rows = [(arm, *(_score(statistics, name, "headline", arm) for name in benchmarks)) for arm in arms]
    columns = ("arm", *(_titled(statistics, name) for name in benchmarks))
    seeds = ", ".join(f"{name} {len(benchmark['seeds'])}" for name, benchmark in benchmarks.items())
    caption = "Accuracy in percent with its 95 % interval, one allowance of counted FLOPs for every arm"
    return _table(statistics, columns, rows, caption, f"Test set: {statistics['evaluate_on']}. Seeds: {seeds}.")


def conditions(statistics: Mapping[str, Any], benchmark: str) -> Table:
    """Accuracy on one benchmark: arms, then controls, as rows, conditions as columns."""
    slice_ = statistics["study"]["benchmarks"][benchmark]
    arms = [(arm, arm) for arm in statistics["study"]["arms"]]
    arms += [(arm, f"{arm} (control)") for arm in slice_["controls"]]
    rows = [(title, *(_score(statistics, benchmark, c, arm) for c in slice_["conditions"])) for arm, title in arms]
    columns = ("arm", *(f"{c} †" if c in slice_["headline"] else c for c in slice_["conditions"]))
    caption = f"{_titled(statistics, benchmark)}: accuracy in percent with its 95 % interval, by condition"
    return _table(statistics, columns, rows, caption, "† counts in the headline.")


def memory(statistics: Mapping[str, Any]) -> Table:
    """How the arms that have a memory or a swarm use it, on each benchmark's headline."""
    scores = {
        "hit_rate": "hit rate",
        "hit_chance": "chance",
        "hit_corrected": "above chance",
        "similarity_mean": "nearest cosine",
        "gate_mean": "gate",
        "gate_entropy": "gate entropy (bits)",
        "accuracy_lost_without_memory": "lost without memory (points)",
        "diversity": "diversity",
        "disagreement": "disagreement on dev",
    }
    numbers, rows = statistics["numbers"], []
    for benchmark in statistics["study"]["benchmarks"]:
        for arm in statistics["study"]["arms"]:
            keys = [f"{benchmark}.headline.{arm}.{score}.mean" for score in scores]
            if any(numbers.get(key, {}).get("status") == "done" for key in keys):
                cells = [numbers[key]["text"] if key in numbers else "" for key in keys]
                rows.append((_titled(statistics, benchmark), arm, *cells))
    note = "Hit rate, chance and the chance-corrected rate in percent; empty: the arm has no such part."
    return _table(statistics, ("benchmark", "arm", *scores.values()), rows, "What memory and swarm did", note)


def contrasts(statistics: Mapping[str, Any]) -> Table:
    """Paired differences on the headlines; p, plain and by Holm, for the family fixed before any run."""
    rows = []
    for row in statistics["contrasts"]:
        key = row["name"]
        cells = [_spread(statistics, key, "difference", "low", "high"), _spread(statistics, key, *_LIFT)]
        cells += [text(statistics["numbers"], f"{key}.{p}") if row["family"] else "" for p in ("p", "p_holm")]
        rows.append((f"{row['a']} minus {row['b']}", _titled(statistics, row["benchmark"]), *cells))
    columns = ("contrast", "benchmark", "difference (points)", "lift (%)", "p", "p (Holm)")
    note = "p: exact two-sided sign-flip test over seeds, for the family of contrasts fixed before any run."
    return _table(statistics, columns, rows, "Paired differences in accuracy with 95 % intervals", note)


def criteria(statistics: Mapping[str, Any], judged: Sequence[Mapping[str, Any]]) -> Table:
    """The study's success list with its verdicts; `judged` is what `judge_criteria` gave."""
    rows = []
    for entry in judged:
        key = f"criteria.{entry['name']}"
        bound = entry["threshold"]
        bound = "" if bound is None else f"{entry['comparison']} {format_value(bound, entry['unit']).lstrip('+')}"
        found = "" if entry["value"] is None else _spread(statistics, key, "value", "low", "high")
        rows.append((entry["name"], entry["benchmark"], bound, found, entry["verdict"], entry["reason"]))
    columns = ("criterion", "decided on", "threshold", "value", "verdict", "reason")
    note = "Rates and lifts in percent, differences in points."
    return _table(statistics, columns, rows, "Criteria of the study", note)


def costs(statistics: Mapping[str, Any]) -> Table:
    """Counted floating-point operations per run, allowed and spent."""
    rows = []
    for row in statistics["costs"]:
        ends = (f"{row['benchmark']}.{row['arm']}.flops.{end}" for end in ("allowed", "spent"))
        rows.append(
            (_titled(statistics, row["benchmark"]), row["arm"], *(text(statistics["numbers"], k) for k in ends))
        )
    caption = (
        "Counted floating-point operations to fit a run, forward and backward, tuning and discarded agents included"
    )
    note = "Predictions on the test set are charged to no arm."
    return _table(statistics, ("benchmark", "arm", "allowed", "spent"), rows, caption, note)


_LIFT = ("lift", "lift_low", "lift_high")


def _table(
    statistics: Mapping[str, Any], columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str, note: str
) -> Table:
    if statistics["small"]:
        caption, note = f"{caption} ({SMALL})", f"{SMALL[0].upper()}{SMALL[1:]}. {note}".strip()
    return Table(tuple(columns), tuple(map(tuple, rows)), caption, note)


def _titled(statistics: Mapping[str, Any], benchmark: str) -> str:
    synthetic = statistics["study"]["benchmarks"].get(benchmark, {}).get("synthetic")
    return f"{benchmark} {STAND_IN}" if synthetic else benchmark


def _score(statistics: Mapping[str, Any], *place: str) -> str:
    return _spread(statistics, ".".join((*place, "accuracy")), "mean", "low", "high")


def _spread(statistics: Mapping[str, Any], key: str, middle: str, low: str, high: str) -> str:
    """`63.4 [61.2, 65.6]`; without an interval the middle alone, without a middle the reason."""
    found, *ends = (f"{key}.{end}" for end in (middle, low, high))
    texts = [text(statistics["numbers"], end) for end in (found, *ends)]
    if any(statistics["numbers"][end]["value"] is None for end in ends):
        return texts[0]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"
