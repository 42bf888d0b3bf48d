"""Inside the memory: how reads spread over entries, and which entries were read most."""

import unicodedata

import numpy as np
import pandas as pd

from hsokv.analysis.frames import Row
from hsokv.analysis.runs import RUN, Runs, Samples, points_of, status_of
from hsokv.analysis.scores import PROPOSED, by_reads, entries_of
from hsokv.records import RunRecord

MOST_READ = 5  # entries that are shown of a benchmark
LETTERS = 60  # of a text that is shown
STEPS = 20  # parts of the entries in a curve of reads
NO_READS = "its records hold no reads of the memory"
SHARES = np.linspace(0, 1, STEPS + 1)


def reads_of(runs: Runs, samples: Samples) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The frames `memory_reads` and `most_read`, of benchmarks and arms with a memory anywhere.

    `memory_reads`: the share of reads, and of reads that were right, of the most read entries up to each share of them;
    means over the headline's conditions, then over seeds. `most_read`: of `full` in one run, that of the first headline
    condition and seed.
    """
    holders = {arm for _, _, arm, score in samples.values if score == "memory_entries"}
    pairs = [(name, arm) for name, arm in runs.pairs if arm in holders]
    points = points_of(runs.measure(_cumulated))
    points = points.assign(kind=points["name"], entries=SHARES.round(6)[points["x"] - 1])
    reads = runs.headlines(points, pairs, NO_READS)
    most_read = []
    for name, reason in reads[reads["arm"] == PROPOSED].groupby("benchmark", sort=False)["reason"].first().items():
        key = runs.first(name, PROPOSED)
        base = dict(zip(RUN, key, strict=True)) | status_of(reason)
        most_read += [base | entry for entry in ([{}] if reason else _most_read(runs.done[key]))]
    return reads, pd.DataFrame(most_read)


def shorten(text: str, letters: int = LETTERS) -> str:
    """The text on one line, its first letters alone where it is long; what cannot be printed is a space.

    >>> shorten("two\\nlines", letters=5)
    'two…'
    """
    composed = unicodedata.normalize("NFC", text)
    line = " ".join("".join(c if c.isprintable() else " " for c in composed).split())
    return line if len(line) <= letters else line[: letters - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _cumulated(record: RunRecord) -> dict[str, np.ndarray]:
    """The share of all reads that the reads, and the right reads, of the most read entries make up, at each of `SHARES`
    of the entries; nothing where the memory was not read."""
    entries = entries_of(record)
    if not entries or not (total := entries["reads"].sum()):
        return {}
    order, found = by_reads(entries["reads"]), {}
    for kind in ("reads", "right"):
        up_to = np.append(0, entries[kind][order].cumsum() / total)
        found[kind] = np.interp(SHARES, np.linspace(0, 1, len(up_to)), up_to)
    return found


def _most_read(record: RunRecord) -> list[Row]:
    """The entries that were read most in a run, with their texts."""
    entries = pd.DataFrame(entries_of(record))
    texts = dict(enumerate(record.instruments["memory"].get("texts") or []))
    top = entries.iloc[by_reads(entries["reads"].to_numpy())[:MOST_READ]].query("reads > 0")
    top = top.rename(columns={"labels": "label", "counts": "count", "numbers": "number"})
    top = top.assign(right=top["right"] / top["reads"], reads=top["reads"] / entries["reads"].sum())
    shown = [shorten(texts[number]) if number in texts else None for number in top["number"]]
    return top.assign(rank=range(1, len(top) + 1), text=shown).to_dict("records")
