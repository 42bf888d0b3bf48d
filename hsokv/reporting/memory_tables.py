"""Tables of the memory: what it was worth, what it held, what it mended, and which entries were read most."""

from collections.abc import Mapping
from typing import Any

from hsokv.reporting.ledger import text
from hsokv.reporting.mended import SCORES
from hsokv.reporting.quoted import Quoted
from hsokv.reporting.table import DASH, Table, if_done, make_table, score_at, titled, with_any


def memory(statistics: Mapping[str, Any]) -> Table:
    """What the memory of each arm that has one was worth on each benchmark's headline, and how far it was trusted."""
    rows = []
    for name, benchmark, arm in with_any(statistics, "hit_rate", "accuracy_lost_without_memory", "memory_entries"):
        place = (benchmark, "headline", arm)
        lost, hits = (if_done(statistics, place, s, True) for s in ("accuracy_lost_without_memory", "hit_rate"))
        chance, gate, entropy = (if_done(statistics, place, s) for s in ("hit_chance", "gate_mean", "gate_entropy"))
        cosines = _range(statistics, benchmark, arm, *(f"similarity_{end}" for end in ("min", "mean", "max")))
        accuracy = score_at(statistics, *place)
        cells = (lost, hits, chance, gate, entropy, cosines)
        rows.append((name, arm, accuracy, *(cells if any(cells) else [DASH] * len(cells))))
    columns = ("benchmark", "arm", "accuracy (%)", "lost without memory (points)", "hit rate (%)", "chance (%)")
    columns += ("gate", "gate entropy (bits)", "nearest cosine: least \N{EN DASH} mean \N{EN DASH} most")
    note = "Chance: the hit rate of an entry drawn blindly. Intervals of hits are over seeds alone."
    return make_table(statistics, columns, rows, "What the memory was worth, with 95 % intervals", note)


def occupancy(statistics: Mapping[str, Any]) -> Table:
    """What the memory of each arm held on each benchmark's headline, and how its reads were spread."""
    rows = []
    for name, benchmark, arm in with_any(statistics, "memory_entries"):
        cells = {
            score: if_done(statistics, (benchmark, "headline", arm), f"memory_{score}")
            for score in ("entries", "capacity", "folded", "never_read", "top_tenth", "top_tenth_right", "age_read")
        }
        if not cells["entries"]:
            reason = text(statistics["numbers"], f"{benchmark}.headline.{arm}.memory_entries.mean")
            rows.append((name, arm, reason, *[DASH] * 7))
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
    return make_table(statistics, columns, rows, "What the memory held, and how its reads were spread", note)


def mended(statistics: Mapping[str, Any]) -> Table:
    """How many test examples the memory of `full` and `kv_only` mends, and breaks, on each benchmark's headline."""
    rows = []
    for name, benchmark, arm in with_any(statistics, "memory_mended"):
        place = (benchmark, "headline", arm)
        if arm not in ("full", "kv_only"):
            continue
        counts = (if_done(statistics, place, f"memory_{kind}_examples") for kind in ("mended", "broken"))
        shares = (if_done(statistics, place, score, True) for score in SCORES)
        cells = [*counts, *shares]
        if not any(cells):
            cells = [text(statistics["numbers"], ".".join((*place, "memory_mended.mean"))), *[DASH] * 5]
        rows.append((name, arm, *cells))
    columns = ("benchmark", "arm", "mended (examples a run)", "broken (examples a run)", "mended (%)", "broken (%)")
    columns += ("right either way (%)", "wrong either way (%)")
    note = "Mended: right, and wrong once the memory's part of the prediction is zeroed; broken: the other way round."
    return make_table(statistics, columns, rows, "What the memory mends and what it breaks, with 95 % intervals", note)


def mended_examples(statistics: Mapping[str, Any]) -> Table:
    """The test examples that the memory of `full` mends, and breaks, in most seeds."""
    rows = []
    for row in statistics["memory"]["mended"]:
        stem = f"{row['benchmark']}.{row['condition']}.{row['arm']}"
        cells = []
        for kind in ("mended", "broken"):
            keys = [f"{stem}.{kind}.{rank}" for rank in range(1, len(row[kind]) + 1)]
            told = ([text(statistics["numbers"], f"{key}.{name}") for name in ("example", "seeds")] for key in keys)
            cells.append(", ".join(f"{example} ({seeds})" for example, seeds in told) or DASH)
        seeds = text(statistics["numbers"], f"{row['benchmark']}.seeds")
        rows.append((titled(statistics, row["benchmark"]), row["condition"], seeds, *cells))
    columns = ("benchmark", "condition", "seeds", "mended most often", "broken most often")
    note = "Places in the test file, from 0, with the number of seeds; at least 2 of them."
    return make_table(
        statistics, columns, rows, "Test examples that the memory of full mends or breaks most often", note
    )


def most_read(statistics: Mapping[str, Any]) -> Table:
    """The entries of the memory of `full` that were read most, in one run of each benchmark, with their texts."""
    rows, runs = [], []
    for row in statistics["memory"]["most_read"]:
        name = titled(statistics, row["benchmark"])
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
    return make_table(statistics, columns, rows, "The entries of the memory of full that were read most", note)


def _range(statistics: Mapping[str, Any], benchmark: str, arm: str, *scores: str) -> str:
    cells = (if_done(statistics, (benchmark, "headline", arm), score) for score in scores)
    return f" {DASH} ".join(filter(None, cells))
