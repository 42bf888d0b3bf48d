"""The tables of the report, from the statistics alone, as Markdown and CSV; layout.py sets them in LaTeX."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hsokv.reporting.ledger import format_value, text
from hsokv.reporting.quoted import Quoted, escape_markdown

SMALL = "small run, not the study"
STAND_IN = "(synthetic stand-in)"
AREA = "area under regret (nats \N{MULTIPLICATION SIGN} decades)"


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


def all_tables(statistics: Mapping[str, Any], judged: Sequence[Mapping[str, Any]]) -> dict[str, Table]:
    """Every table of the study by name, in the order of the report."""
    return {
        "main": main_results(statistics),
        "criteria": criteria(statistics, judged),
        "contrasts": contrasts(statistics),
        "memory": memory(statistics),
        "occupancy": occupancy(statistics),
        "most_read": most_read(statistics),
        "regret": regret(statistics),
        "swarm": swarm(statistics),
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
    """What the memory of each arm that has one was worth on each benchmark's headline, and how far it was trusted."""
    rows = []
    for name, benchmark, arm in _with_any(statistics, "hit_rate", "accuracy_lost_without_memory", "memory_entries"):
        lost, hits = (
            _if_done(statistics, benchmark, arm, s, True) for s in ("accuracy_lost_without_memory", "hit_rate")
        )
        chance, gate, entropy = (
            _if_done(statistics, benchmark, arm, s) for s in ("hit_chance", "gate_mean", "gate_entropy")
        )
        cosines = _range(statistics, benchmark, arm, *(f"similarity_{end}" for end in ("min", "mean", "max")))
        accuracy = _score(statistics, benchmark, "headline", arm)
        cells = (lost, hits, chance, gate, entropy, cosines)
        rows.append((name, arm, accuracy, *(cells if any(cells) else ["\N{EN DASH}"] * len(cells))))
    columns = ("benchmark", "arm", "accuracy (%)", "lost without memory (points)", "hit rate (%)", "chance (%)")
    columns += ("gate", "gate entropy (bits)", "nearest cosine: least \N{EN DASH} mean \N{EN DASH} most")
    note = "Chance: the hit rate of an entry drawn blindly. Intervals of hits are over seeds alone."
    return _table(statistics, columns, rows, "What the memory was worth, with 95 % intervals", note)


def occupancy(statistics: Mapping[str, Any]) -> Table:
    """What the memory of each arm held on each benchmark's headline, and how its reads were spread."""
    rows = []
    for name, benchmark, arm in _with_any(statistics, "memory_entries"):
        cells = {
            score: _if_done(statistics, benchmark, arm, f"memory_{score}")
            for score in ("entries", "capacity", "folded", "never_read", "top_tenth", "top_tenth_right", "age_read")
        }
        if not cells["entries"]:
            reason = text(statistics["numbers"], f"{benchmark}.headline.{arm}.memory_entries.mean")
            rows.append((name, arm, reason, *["\N{EN DASH}"] * 7))
            continue
        held = f"{cells['entries']} of {cells['capacity']}" if cells["capacity"] else cells["entries"]
        per_class = _range(statistics, benchmark, arm, *(f"memory_class_{end}" for end in ("min", "median", "max")))
        ages = _range(statistics, benchmark, arm, "memory_age_mean", "memory_age_oldest")
        used = (cells[score] for score in ("age_read", "never_read", "top_tenth", "top_tenth_right"))
        rows.append((name, arm, held, per_class, cells["folded"], ages, *used))
    columns = ("benchmark", "arm", "entries held", "entries per class", "folded (%)", "age of entries")
    columns += ("mean age when read", "never read (%)", "reads of top tenth (%)", "right of these (%)")
    note = (
        "Means over seeds. Per class: least \N{EN DASH} median \N{EN DASH} most; age: mean \N{EN DASH} oldest, in "
        "writes; folded: entries that stand for several examples."
    )
    return _table(statistics, columns, rows, "What the memory held, and how its reads were spread", note)


def most_read(statistics: Mapping[str, Any]) -> Table:
    """The entries of the memory of `full` that were read most, in one run of each benchmark, with their texts."""
    rows, runs = [], []
    for row in statistics["memory"]["most_read"]:
        name = _titled(statistics, row["benchmark"])
        if row["status"] != "done":
            rows.append((name, *[""] * 5, f"not run: {row['reason']}"))
            continue
        runs.append(f"{row['benchmark']} {row['condition']}, seed {row['seed']}")
        for entry in row["entries"]:
            stem = f"{row['benchmark']}.{row['condition']}.{row['arm']}.most_read.{entry['rank']}"
            numbers = (
                text(statistics["numbers"], f"{stem}.{k}") for k in ("label", "count", "number", "reads", "right")
            )
            found = text(statistics["numbers"], f"{stem}.text")
            rows.append((name, *numbers, found if entry["text"] is None else Quoted(found)))
    columns = ("benchmark", "label", "stands for", "written", "reads (%)", "right (%)", "text")
    note = f"One run each: {'; '.join(runs)}. " if runs else ""
    note += "Stands for: number of examples; written: place in the order of writing, from 0; right: share of its reads."
    return _table(statistics, columns, rows, "The entries of the memory of full that were read most", note)


def regret(statistics: Mapping[str, Any]) -> Table:
    """What each arm with fold log-losses found for what it spent, on each benchmark's headline."""
    rows = _of_scores(statistics, {"regret_area": True, "regret_end": True, "flops_share": False})
    columns = ("benchmark", "arm", AREA, "regret at last (nats)", "allowance spent (%)")
    note = (
        "Regret: best fold log-loss so far minus the best of any arm on the same benchmark and seed. Its area, over "
        "log10 of counted FLOPs, has one start for all; an arm whose first value comes later has none."
    )
    return _table(statistics, columns, rows, "Regret, with 95 % intervals", note)


def swarm(statistics: Mapping[str, Any]) -> Table:
    """How far the agents of the arms that have several differ, and what that found, on each benchmark's headline."""
    scores = {"diversity_initial": False, "diversity": True, "disagreement": False}
    rows = _of_scores(statistics, scores, {"regret_area": False, "flops_share": False})
    columns = ("benchmark", "arm", "diversity at first", "diversity after a round", "disagreement on dev")
    columns += (AREA, "allowance spent (%)")
    note = (
        "Diversity of hyperparameters, before and after the first round's copying (a search of one round copies "
        "nothing), the latter with its 95 % interval; disagreement of averaged agents."
    )
    return _table(statistics, columns, rows, "What the swarm did", note)


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


def _with_any(statistics: Mapping[str, Any], *scores: str) -> list[tuple[str, str, str]]:
    """Title, benchmark and arm wherever the headline has one of the scores, run or not."""
    return [
        (_titled(statistics, benchmark), benchmark, arm)
        for benchmark in statistics["study"]["benchmarks"]
        for arm in statistics["study"]["arms"]
        if any(f"{benchmark}.headline.{arm}.{score}.mean" in statistics["numbers"] for score in scores)
    ]


def _of_scores(
    statistics: Mapping[str, Any], scores: Mapping[str, bool], added: Mapping[str, bool] | None = None
) -> list[tuple[str, ...]]:
    """A row for each benchmark and arm that has one of the scores, with intervals where true; `added` ones beside."""
    every = {**scores, **(added or {})}
    rows = [
        (name, arm, *(_if_done(statistics, benchmark, arm, score, ends) for score, ends in every.items()))
        for name, benchmark, arm in _with_any(statistics, *scores)
    ]
    return [row for row in rows if any(row[2 : 2 + len(scores)])]


def _if_done(statistics: Mapping[str, Any], benchmark: str, arm: str, score: str, interval: bool = False) -> str:
    """The headline's mean, where asked for with its interval; empty where it was not run or the arm has none."""
    stem = f"{benchmark}.headline.{arm}.{score}"
    if statistics["numbers"].get(f"{stem}.mean", {}).get("status") != "done":
        return ""
    return _spread(statistics, stem, "mean", "low", "high") if interval else text(statistics["numbers"], f"{stem}.mean")


def _range(statistics: Mapping[str, Any], benchmark: str, arm: str, *scores: str) -> str:
    cells = (_if_done(statistics, benchmark, arm, score) for score in scores)
    return " \N{EN DASH} ".join(filter(None, cells))


def _score(statistics: Mapping[str, Any], *place: str) -> str:
    return _spread(statistics, ".".join((*place, "accuracy")), "mean", "low", "high")


def _spread(statistics: Mapping[str, Any], key: str, middle: str, low: str, high: str) -> str:
    """`63.4 [61.2, 65.6]`; without an interval the middle alone, without a middle the reason."""
    found, *ends = (f"{key}.{end}" for end in (middle, low, high))
    texts = [text(statistics["numbers"], end) for end in (found, *ends)]
    if any(statistics["numbers"][end]["value"] is None for end in ends):
        return texts[0]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"
