"""Inside the memory: what it held when it was tested, what was read of it, and which entries were read most."""

import math
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hsokv.analysis.intervals import interval
from hsokv.analysis.retrieval import chance_corrected
from hsokv.records import RunRecord
from hsokv.reporting.asked import Runs, arms_of
from hsokv.reporting.mended import by_example, mended_scores, most_often, outcomes_of

SUBJECT, HEADLINE = "full", "headline"
SHOWN = 5  # most read entries of a benchmark
LETTERS = 60  # of a text that is shown
STEPS = 20  # parts of the entries in a curve of reads
NO_READS = "its records hold no reads of the memory"


def derived_scores(record: RunRecord) -> dict[str, float]:
    """The scores of a record and what follows from it alone; what cannot be derived is left out.

    - `hit_corrected`: the hit rate above chance; `accuracy_lost_without_memory`: accuracy minus that of the parametric
      branch alone, all else as it was.
    - `memory_entries`, `memory_capacity` (as configured; of a stream, what may be carried), `memory_class_{min, median,
      max}` (entries of the classes that have one), `memory_folded` (share of entries that stand for several examples).
    - `memory_age_{mean, oldest, read}`, in writes since the entry's own, 0 the last: over entries, and over reads.
    - `memory_never_read`: share of entries that weighed most in no read; `memory_top_tenth`: share of all reads that
      go to the most read tenth of entries (rounded up, of equals the older), `memory_top_tenth_right` of these the
      share that had the query's label.
    - what `mended_scores` tells.
    """
    scores = record.scores
    derived = dict(scores)
    if "hit_rate" in scores and "hit_chance" in scores:
        corrected = chance_corrected(scores["hit_rate"], scores["hit_chance"])
        derived |= {} if corrected is None else {"hit_corrected": corrected}
    if "accuracy_without_memory" in scores:
        derived["accuracy_lost_without_memory"] = scores["accuracy"] - scores["accuracy_without_memory"]
    return derived | _of_entries(record) | mended_scores(record)


def example_scores(record: RunRecord) -> dict[str, np.ndarray]:
    """Scores of a record by test example [examples], whose means are the scores of the same names."""
    found = by_example(record)
    lost = {"accuracy_lost_without_memory": found["memory_mended"] - found["memory_broken"]} if found else {}
    scores = {"accuracy": outcomes_of(record.outcomes), **lost, **found}
    if told := record.instruments.get("outcomes_task_incremental"):
        scores["accuracy_task_incremental"] = outcomes_of(told)
    return scores


def inside_memory(
    runs: Runs,
    reasons: Mapping[tuple[str, str, str], str | None],
    configuration: Mapping[str, Any],
) -> dict[str, list[dict[str, Any]]]:
    """What the page on the memory shows beside scores, for every benchmark and arm that has a memory anywhere.

    `reads_by_rank`: the share of reads, and of reads that were right, of the most read entries up to each share
    `entries` of them; means over the headline's conditions, then over seeds. `most_read`: the most read entries of
    `full` in one run, the first headline condition and seed, with the texts they were written from. `mended`: the test
    examples that the memory of `full` mends or breaks in most seeds.

    Args:
        runs: the records that there are, by benchmark, condition, arm and seed.
        reasons: why an arm's headline has nothing to show, None where it has, by benchmark, "headline" and arm.
    """
    holders = {key[2] for key, record in runs.items() if _held(record)}
    curves, most_read = [], []
    for benchmark, slice_ in configuration["benchmarks"].items():
        for arm in (arm for arm in arms_of(configuration, benchmark) if arm in holders):
            place = {"benchmark": benchmark, "arm": arm}
            reason = reasons[benchmark, HEADLINE, arm]
            by_seed = [[runs.get((benchmark, c, arm, seed)) for c in slice_["headline"]] for seed in slice_["seeds"]]
            if not reason and not all(_reads(record) for row in by_seed for record in row):
                reason = NO_READS
            found = {} if reason else _curves(by_seed)
            curves.append(place | {"seeds": 0 if reason else len(by_seed), **_status(reason), **found})
            if arm == SUBJECT:
                place |= {"condition": slice_["headline"][0], "seed": slice_["seeds"][0]}
                entries = [] if reason else _most_read(by_seed[0][0])
                most_read.append(place | {**_status(reason), "entries": entries})
    mended = most_often(runs, reasons, configuration)
    return {"reads_by_rank": curves, "most_read": most_read, "mended": mended}


def _status(reason: str | None) -> dict[str, str | None]:
    return {"status": "not run" if reason else "done", "reason": reason}


def _held(record: RunRecord | None) -> Mapping[str, Any] | None:
    """The entries that a record tells of; None for arms without a memory, and where it does not tell of reads."""
    memory = record.instruments.get("memory") if record is not None else None
    wanted = ("labels", "counts", "numbers", "reads", "right")
    return memory if isinstance(memory, Mapping) and all(key in memory for key in wanted) else None


def _reads(record: RunRecord | None) -> int:
    memory = _held(record)
    return sum(memory["reads"]) if memory else 0


def _of_entries(record: RunRecord) -> dict[str, float]:
    memory = _held(record)
    if memory is None:
        return {}
    labels, counts, numbers, reads, right = (
        np.array(memory[key]) for key in ("labels", "counts", "numbers", "reads", "right")
    )
    scores: dict[str, float] = {"memory_entries": len(labels)}
    configured = record.configuration
    capacity = configured.get("entries", configured.get("settings", {}).get("memory", {}).get("entries"))
    scores |= {} if capacity is None else {"memory_capacity": capacity}
    if not len(labels):
        return scores
    _, per_class = np.unique(labels, return_counts=True)
    ages = numbers.max() - numbers
    scores |= {
        "memory_class_min": per_class.min(),
        "memory_class_median": np.median(per_class),
        "memory_class_max": per_class.max(),
        "memory_folded": (counts > 1).mean(),
        "memory_age_mean": ages.mean(),
        "memory_age_oldest": ages.max(),
        "memory_never_read": (reads == 0).mean(),
    }
    if total := reads.sum():
        top = _by_reads(reads)[: math.ceil(len(reads) / 10)]
        scores |= {
            "memory_age_read": (ages * reads).sum() / total,
            "memory_top_tenth": reads[top].sum() / total,
            "memory_top_tenth_right": right[top].sum() / reads[top].sum(),
        }
    return {name: float(score) for name, score in scores.items()}


def _by_reads(reads: np.ndarray) -> np.ndarray:
    """Places of the entries, the most read first, of equals the older."""
    return np.argsort(-reads, kind="stable")


def _curves(by_seed: Iterable[Iterable[RunRecord]]) -> dict[str, Any]:
    shares = np.linspace(0, 1, STEPS + 1)
    found = {}
    for kind in ("reads", "right"):
        values = np.array([[_cumulated(_held(record), kind, shares) for record in row] for row in by_seed]).mean(1)
        ends = [interval(point, bounds=(0.0, 1.0)) for point in values.T]
        found[kind] = {end: [getattr(point, end) for point in ends] for end in ("mean", "low", "high")}
    return {"entries": shares.round(6).tolist(), **found}


def _cumulated(memory: Mapping[str, Any], kind: str, shares: np.ndarray) -> np.ndarray:
    """The share of all reads that `kind` of the most read entries makes up, at each of the shares of entries."""
    reads = np.array(memory["reads"])
    up_to = np.concatenate([[0], np.array(memory[kind])[_by_reads(reads)].cumsum() / reads.sum()])
    return np.interp(shares, np.linspace(0, 1, len(up_to)), up_to)


def _most_read(record: RunRecord) -> list[dict[str, Any]]:
    memory = _held(record)
    reads, texts = np.array(memory["reads"]), memory.get("texts") or []
    entries = []
    for rank, place in enumerate(_by_reads(reads)[:SHOWN].tolist(), start=1):
        if not reads[place]:
            break
        number = memory["numbers"][place]
        entries.append(
            {
                "rank": rank,
                "label": memory["labels"][place],
                "count": memory["counts"][place],
                "number": number,
                "reads": float(reads[place] / reads.sum()),
                "right": float(memory["right"][place] / reads[place]),
                "text": shorten(texts[number]) if 0 <= number < len(texts) else None,
            }
        )
    return entries


def shorten(text: str, letters: int = LETTERS) -> str:
    """The text on one line, its first letters alone where it is long; what cannot be printed is a space.

    >>> shorten("two\\nlines", letters=5)
    'two…'
    """
    composed = unicodedata.normalize("NFC", text)
    line = " ".join("".join(c if c.isprintable() else " " for c in composed).split())
    return line if len(line) <= letters else line[: letters - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
