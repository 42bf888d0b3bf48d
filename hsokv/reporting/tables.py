"""The tables of the report, from the statistics alone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hsokv.reporting.ledger import format_value, text
from hsokv.reporting.memory_tables import memory, mended, mended_examples, most_read, occupancy
from hsokv.reporting.stream_tables import published, stream
from hsokv.reporting.table import DASH, UNDEFINED, Table, if_done, make_table, of_scores, score_at, spread, titled
from hsokv.reporting.tracks import FROZEN

AREA = "area under regret (nats \N{MULTIPLICATION SIGN} decades)"


def all_tables(statistics: Mapping[str, Any], judged: Sequence[Mapping[str, Any]]) -> dict[str, Table]:
    """Every table of the study by name, in the order of the report, with the notes on the benchmarks that it shows."""
    benchmarks = statistics["study"]["benchmarks"]
    tables = {
        "main": main_results(statistics),
        "criteria": criteria(statistics, judged),
        "contrasts": contrasts(statistics),
        "tracks": tracks(statistics),
        "memory": memory(statistics),
        "occupancy": occupancy(statistics),
        "mended": mended(statistics),
        "mended_examples": mended_examples(statistics),
        "most_read": most_read(statistics),
        "regret": regret(statistics),
        "swarm": swarm(statistics),
        **{f"conditions_{n}": conditions(statistics, n) for n, slice_ in benchmarks.items() if not slice_["stream"]},
        **{f"stream_{n}": stream(statistics, n) for n, slice_ in benchmarks.items() if slice_["stream"]},
        "published": published(statistics),
        "costs": costs(statistics),
    }
    return {name: _noted(statistics, table) for name, table in tables.items()}


def main_results(statistics: Mapping[str, Any]) -> Table:
    """Headline accuracy: arms as rows, benchmarks as columns."""
    benchmarks, arms = statistics["study"]["benchmarks"], statistics["study"]["arms"]
    rows = [(arm, *(score_at(statistics, name, "headline", arm) for name in benchmarks)) for arm in arms]
    columns = ("arm", *(titled(statistics, name) for name in benchmarks))
    seeds = ", ".join(f"{name} {len(benchmark['seeds'])}" for name, benchmark in benchmarks.items())
    caption = "Accuracy in percent with its 95 % interval, one allowance of counted FLOPs for every arm"
    notes = [f"Test set: {statistics['evaluate_on']}.", f"Seeds: {seeds}."]
    if streams := [name for name, benchmark in benchmarks.items() if benchmark["stream"]]:
        notes.append(f"{', '.join(streams)}: class-incremental, after the last task.")
    notes += [UNDEFINED] if any(DASH in row for row in rows) else []
    return make_table(statistics, columns, rows, caption, " ".join(notes))


def conditions(statistics: Mapping[str, Any], benchmark: str) -> Table:
    """Accuracy on one benchmark: arms, then controls, as rows, conditions as columns; those run elsewhere as a note."""
    slice_ = statistics["study"]["benchmarks"][benchmark]
    arms = [(arm, arm) for arm in slice_["arms"]]
    arms += [(arm, f"{arm} (control)") for arm in slice_["controls"]]
    rows = [(title, *(score_at(statistics, benchmark, c, arm) for c in slice_["conditions"])) for arm, title in arms]
    columns = ("arm", *(f"{c} †" if c in slice_["headline"] else c for c in slice_["conditions"]))
    caption = f"{titled(statistics, benchmark)}: accuracy in percent with its 95 % interval, by condition"
    note = "† counts in the headline."
    if elsewhere := ", ".join(f"{c} ({overlay})" for c, overlay in slice_["elsewhere"].items()):
        note += f" Not run in the default study: {elsewhere}."
    return make_table(statistics, columns, rows, caption, note)


def tracks(statistics: Mapping[str, Any]) -> Table:
    """`full` beside the best plain baseline, condition by condition, and the encoder that all arms were given there."""
    numbers, rows = statistics["numbers"], []
    for row in statistics["tracks"]:
        place = (row["benchmark"], row["condition"])
        stem = ".".join(place)
        told = [row["encoder"] or "", f"tuned by {row['tuned_by']}" if row["tuned_by"] not in (None, FROZEN) else ""]
        cells = [", ".join(filter(None, told))]
        cells.append(text(numbers, key) if (key := f"{stem}.tuning_flops") in numbers else "")
        cells.append(score_at(statistics, *place, "full"))
        if row["status"] == "done":
            cells.append(f"{row['best']} {score_at(statistics, *place, row['best'])}")
            cells.append(spread(statistics, f"{stem}.best_baseline", "difference"))
            cells.append(if_done(statistics, (*place, "full"), "accuracy_lost_without_memory", True))
        rows.append((titled(statistics, row["benchmark"]), row["condition"], *cells, *[""] * (6 - len(cells))))
    columns = ("benchmark", "condition", "encoder", "FLOPs to tune it", "full (%)", "best plain baseline (%)")
    columns += ("full minus it (points)", "lost without memory (points)")
    note = (
        "What tuning the encoder took is charged to every arm of its condition. Tuned by contrast or cross-entropy: on "
        "the shots; by descriptions: on texts without labels, which descriptions of the labels guess."
    )
    return make_table(statistics, columns, rows, "The full system by condition, with 95 % intervals", note)


def regret(statistics: Mapping[str, Any]) -> Table:
    """What each arm with fold log-losses found for what it spent, on each benchmark's headline."""
    rows = of_scores(statistics, {"regret_area": True, "regret_end": True, "flops_share": False})
    columns = ("benchmark", "arm", AREA, "regret at last (nats)", "allowance spent (%)")
    note = (
        "Regret: best fold log-loss so far minus the best of any arm on the same benchmark and seed. Its area, over "
        "log10 of counted FLOPs, has one start for all; an arm whose first value comes later has none."
    )
    return make_table(statistics, columns, rows, "Regret, with 95 % intervals", note)


def swarm(statistics: Mapping[str, Any]) -> Table:
    """How far the agents of the arms that have several differ, and what that found, on each benchmark's headline."""
    scores = {"diversity_initial": False, "diversity": True, "disagreement": False}
    rows = of_scores(statistics, scores, {"regret_area": False, "flops_share": False})
    columns = ("benchmark", "arm", "diversity at first", "diversity after a round", "disagreement on dev")
    columns += (AREA, "allowance spent (%)")
    note = (
        "Diversity of hyperparameters, before and after the first round's copying (a search of one round copies "
        "nothing), the latter with its 95 % interval; disagreement of averaged agents."
    )
    return make_table(statistics, columns, rows, "What the swarm did", note)


def contrasts(statistics: Mapping[str, Any]) -> Table:
    """Paired differences on the headlines; p, plain and by Holm, for the family fixed before any run."""
    rows = []
    for row in statistics["contrasts"]:
        key = row["name"]
        other = row["score"] != "accuracy"
        lifted = "" if other else spread(statistics, key, "lift", "lift_low", "lift_high")
        cells = [spread(statistics, key, "difference"), lifted]
        cells += [text(statistics["numbers"], f"{key}.{p}") if row["family"] else "" for p in ("p", "p_holm")]
        name = f"{row['a']} minus {row['b']}" + (f", {row['score'].replace('_', ' ')}" if other else "")
        rows.append((name, titled(statistics, row["benchmark"]), *cells))
    columns = ("contrast", "benchmark", "difference (points)", "lift (%)", "p", "p (Holm)")
    note = (
        "Of accuracy, where no other score is named. p: exact two-sided sign-flip test over seeds, for the family of "
        "contrasts fixed before any run."
    )
    return make_table(statistics, columns, rows, "Paired differences with 95 % intervals", note)


def criteria(statistics: Mapping[str, Any], judged: Sequence[Mapping[str, Any]]) -> Table:
    """The study's success list with its verdicts; `judged` is what `judge_criteria` gave."""
    rows = []
    for entry in judged:
        key = f"criteria.{entry['name']}"
        bound = entry["threshold"]
        bound = "" if bound is None else f"{entry['comparison']} {format_value(bound, entry['unit']).lstrip('+')}"
        found = "" if entry["value"] is None else spread(statistics, key, "value")
        rows.append((entry["name"], entry["benchmark"], bound, found, entry["verdict"], entry["reason"]))
    columns = ("criterion", "decided on", "threshold", "value", "verdict", "reason")
    note = "Rates and lifts in percent, differences, transfer and forgetting in points."
    return make_table(statistics, columns, rows, "Criteria of the study", note)


def costs(statistics: Mapping[str, Any]) -> Table:
    """Counted floating-point operations per run, spent of those allowed: arms as rows, benchmarks as columns."""
    benchmarks, numbers = statistics["study"]["benchmarks"], statistics["numbers"]
    cells = {}
    for row in statistics["costs"]:
        stem = f"{row['benchmark']}.{row['arm']}.flops"
        spent = text(numbers, f"{stem}.spent")
        told = spent if row["status"] != "done" else f"{spent} of {text(numbers, f'{stem}.allowed')}"
        cells[row["benchmark"], row["arm"]] = told
    rows = [(arm, *(cells.get((name, arm), DASH) for name in benchmarks)) for arm in statistics["study"]["arms"]]
    columns = ("arm", *(titled(statistics, name) for name in benchmarks))
    caption = (
        "Counted floating-point operations to fit a run, forward and backward, tuning and discarded agents included: "
        "spent of those allowed"
    )
    note = "Means over the headline's runs. Predictions on the test set are charged to no arm."
    note += f" {UNDEFINED}" if any(DASH in row for row in rows) else ""
    return make_table(statistics, columns, rows, caption, note)


def _noted(statistics: Mapping[str, Any], table: Table) -> Table:
    """The table with what the data say of each benchmark that it shows, as notes of its own."""
    notes = []
    for name, benchmark in statistics["study"]["benchmarks"].items():
        shown = {name, titled(statistics, name)}
        cells = {*table.columns, *(cell for row in table.rows for cell in row), re.split("[:,]", table.caption)[0]}
        if shown & cells:
            notes += [f"{name}: {note.rstrip('.')}." for note in benchmark["notes"]]
    return replace(table, note=" ".join(filter(None, (table.note, *notes))))
