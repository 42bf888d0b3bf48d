"""Inside the memory: how reads spread over entries, which entries were read most, which test examples it flips."""

import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hsokv.analysis.contrasts import Reasons
from hsokv.analysis.frames import HEADLINE
from hsokv.analysis.intervals import interval
from hsokv.analysis.runs import Records, arms_of, is_stream
from hsokv.analysis.samples import Samples, ends_of, status_of
from hsokv.analysis.scores import PROPOSED, Entries, Run

MOST_READ = 5  # entries that are shown of a benchmark
LETTERS = 60  # of a text that is shown
STEPS = 20  # parts of the entries in a curve of reads
FLIPPED = 3  # test examples that are named, of each kind
OFTEN = 2  # seeds in which an example must have been flipped to be named
NO_READS = "its records hold no reads of the memory"


def memory_of(
    records: Records, samples: Samples, reasons: Reasons, study: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The frames `memory_reads`, `most_read` and `flipped_examples`, of benchmarks and arms with a memory anywhere.

    `memory_reads`: the share of reads, and of reads that were right, of the most read entries up to each share of them;
    means over the headline's conditions, then over seeds. `most_read`: of `full` in one run, that of the first headline
    condition and seed. `flipped_examples`: the test examples that the memory of `full` corrects, or harms, in most
    seeds, under the first headline condition, of benchmarks that are no streams and whose seeds share a test set.
    """
    entries = {key: held for key, record in records.items() if (held := Run(record).entries) is not None}
    holders = {arm for _, _, arm, _ in entries}
    reads, most_read, flipped = [], [], []
    for name, benchmark in study["benchmarks"].items():
        first = (name, benchmark["headline"][0], PROPOSED)
        for arm in (arm for arm in arms_of(study, name) if arm in holders):
            by_seed = [
                [entries.get((name, c, arm, seed)) for c in benchmark["headline"]] for seed in benchmark["seeds"]
            ]
            reason = reasons[name, HEADLINE, arm]
            if not reason and not all(held is not None and held.reads.sum() for row in by_seed for held in row):
                reason = NO_READS
            base = {"benchmark": name, "arm": arm, "seeds": 0 if reason else len(by_seed)} | status_of(reason)
            reads += [base] if reason else [base | point for point in _reads_by_share(by_seed)]
            if arm == PROPOSED:
                key = (*first, benchmark["seeds"][0])
                base = dict(zip(("benchmark", "condition", "arm", "seed"), key, strict=True)) | status_of(reason)
                texts = [] if reason else records[key].instruments["memory"].get("texts") or []
                most_read += [base] if reason else [base | entry for entry in _most_read(entries[key], texts)]
        if PROPOSED in arms_of(study, name) and not is_stream(study, name) and not reasons[name, HEADLINE, PROPOSED]:
            flipped += [
                dict(zip(("benchmark", "condition", "arm"), first, strict=True)) | e for e in _flipped(samples, first)
            ]
    return pd.DataFrame(reads), pd.DataFrame(most_read), pd.DataFrame(flipped)


def shorten(text: str, letters: int = LETTERS) -> str:
    """The text on one line, its first letters alone where it is long; what cannot be printed is a space.

    >>> shorten("two\\nlines", letters=5)
    'two…'
    """
    composed = unicodedata.normalize("NFC", text)
    line = " ".join("".join(c if c.isprintable() else " " for c in composed).split())
    return line if len(line) <= letters else line[: letters - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _reads_by_share(by_seed: list[list[Entries]]) -> list[dict[str, Any]]:
    shares = np.linspace(0, 1, STEPS + 1)
    points = []
    for kind in ("reads", "right"):
        values = np.array([[_cumulated(held, kind, shares) for held in row] for row in by_seed]).mean(1)
        for share, point in zip(shares.round(6), values.T, strict=True):
            points.append({"kind": kind, "entries": share} | ends_of(interval(point, bounds=(0.0, 1.0))))
    return points


def _cumulated(held: Entries, kind: str, shares: np.ndarray) -> np.ndarray:
    """The share of all reads that `kind` of the most read entries makes up, at each of the shares of entries."""
    up_to = np.concatenate([[0], getattr(held, kind)[held.by_reads].cumsum() / held.reads.sum()])
    return np.interp(shares, np.linspace(0, 1, len(up_to)), up_to)


def _most_read(held: Entries, texts: list[str]) -> list[dict[str, Any]]:
    shown = [index for index in held.by_reads[:MOST_READ].tolist() if held.reads[index]]
    return [
        {
            "rank": rank,
            "label": held.labels[index],
            "count": held.counts[index],
            "number": held.numbers[index],
            "reads": held.reads[index] / held.reads.sum(),
            "right": held.right[index] / held.reads[index],
            "text": shorten(texts[held.numbers[index]]) if 0 <= held.numbers[index] < len(texts) else None,
        }
        for rank, index in enumerate(shown, start=1)
    ]


def _flipped(samples: Samples, cell: tuple[str, str, str]) -> list[dict[str, Any]]:
    """The test examples, as indices from 0, that are flipped in most seeds; of equals the earlier first."""
    rows = []
    for kind in ("corrected", "harmed"):
        sample = samples.get((*cell, f"memory_{kind}"))
        if sample is not None and sample.examples is not None:
            seeds = sample.examples.sum(axis=0)
            shown = [index for index in np.argsort(-seeds, kind="stable")[:FLIPPED].tolist() if seeds[index] >= OFTEN]
            rows += [
                {"kind": kind, "rank": rank, "example": index, "seeds": int(seeds[index])}
                for rank, index in enumerate(shown, start=1)
            ]
    return rows
