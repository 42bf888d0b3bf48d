"""The registry of scores: a line each; what follows from a record is a function beside it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hsokv.analysis.retrieval import chance_corrected
from hsokv.records import RunRecord

PROPOSED = "full"  # the arm that is shown against every other
JOINT = "joint"  # retrained on all data seen: what falls in it as classes are added was not forgotten
KIB = 1024
FLIPS = {"corrected": (1, 0), "harmed": (0, 1), "right_both": (1, 1), "wrong_both": (0, 0)}  # right with, right without


class Entries(NamedTuple):
    """The entries of a memory, an array each [entries]: class, examples, number of the write, reads and right reads."""

    labels: np.ndarray
    counts: np.ndarray
    numbers: np.ndarray
    reads: np.ndarray
    right: np.ndarray

    @property
    def by_reads(self) -> np.ndarray:
        """Positions of the entries, the most read first; of equals the older first."""
        return np.argsort(-self.reads, kind="stable")

    @property
    def ages(self) -> np.ndarray:
        """Writes since the entry's own, 0 for the last."""
        return self.numbers.max() - self.numbers

    @property
    def class_sizes(self) -> np.ndarray:
        """Entries of each class that has one."""
        return np.unique(self.labels, return_counts=True)[1]

    @property
    def top_tenth(self) -> np.ndarray:
        """Positions of the most read tenth, rounded up."""
        return self.by_reads[: math.ceil(len(self.reads) / 10)]


@dataclass(frozen=True)
class Run:
    """A record as the functions of scores see it, beside that of `joint` on the same condition and seed."""

    record: RunRecord
    joint: RunRecord | None = None

    @cached_property
    def entries(self) -> Entries | None:
        """What the memory held; None for an arm without a memory, and where a record does not tell of reads."""
        memory = self.record.instruments.get("memory")
        told = isinstance(memory, Mapping) and all(name in memory for name in Entries._fields)
        return Entries(*(np.array(memory[name]) for name in Entries._fields)) if told else None

    @cached_property
    def flips(self) -> dict[str, np.ndarray] | None:
        """Test examples [examples] by what the memory does to them, 1 where it does; None without a memory."""
        without = (self.record.instruments.get("memory") or {}).get("outcomes_without")
        if not without or not self.record.outcomes:
            return None
        right, alone = outcomes(self.record.outcomes), outcomes(without)
        return {kind: ((right == w) & (alone == a)).astype(np.float64) for kind, (w, a) in FLIPS.items()}


def outcomes(text: str) -> np.ndarray:
    """The outcomes of a record as numbers [examples], 1 for right."""
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.float64) - ord("0")


class Score(NamedTuple):
    """A score: its name, unit, words for prose, the range of its mean, and how a run gives it where no record holds it.

    `of_run` and `by_example` return None where the run does not tell; `by_example` gives a value a test example, whose
    mean is the score.
    """

    name: str
    unit: str
    words: str
    low: float = -math.inf
    high: float = math.inf
    of_run: Callable[[Run], float | None] | None = None
    by_example: Callable[[Run], np.ndarray | None] | None = None


def _hit_corrected(run: Run) -> float | None:
    scores = run.record.scores
    told = "hit_rate" in scores and "hit_chance" in scores
    return chance_corrected(scores["hit_rate"], scores["hit_chance"]) if told else None


def _lost(run: Run) -> float | None:
    scores = run.record.scores
    return scores["accuracy"] - scores["accuracy_without_memory"] if "accuracy_without_memory" in scores else None


def _task_incremental(run: Run) -> np.ndarray | None:
    told = run.record.instruments.get("outcomes_task_incremental")
    return outcomes(told) if told else None


def _excess(name: str) -> Callable[[Run], float | None]:
    def excess(run: Run) -> float | None:
        record, joint = run.record, run.joint
        if record.arm == JOINT or joint is None or name not in record.scores or name not in joint.scores:
            return None
        return record.scores[name] - joint.scores[name]

    return excess


def _saving(name: str) -> Callable[[Run], float | None]:
    """How many times more `joint` takes than the arm."""

    def saving(run: Run) -> float | None:
        joint = run.joint.scores.get(name) if run.joint else None
        return joint / run.record.scores[name] if joint and run.record.scores.get(name) else None

    return saving


def _carried(*parts: str) -> Callable[[Run], float | None]:
    def carried(run: Run) -> float | None:
        told = run.record.instruments.get("carried")
        return sum(told[f"{part}_bytes"] / KIB for part in parts) if told else None

    return carried


def _flipped(kind: str) -> Callable[[Run], np.ndarray | None]:
    return lambda run: run.flips and run.flips[kind]


def _flipped_mean(kind: str) -> Callable[[Run], float | None]:
    return lambda run: run.flips and float(run.flips[kind].mean())


def _flipped_count(kind: str) -> Callable[[Run], float | None]:
    return lambda run: run.flips and float(run.flips[kind].sum())


def _capacity(run: Run) -> float | None:
    configured = run.record.configuration
    found = configured.get("capacity", configured.get("settings", {}).get("memory", {}).get("capacity"))
    return found if run.entries is not None else None


def _held(function: Callable[[Entries], float]) -> Callable[[Run], float | None]:
    """A score of the entries, of a memory that holds one."""
    return lambda run: float(function(run.entries)) if run.entries and len(run.entries.labels) else None


def _read(function: Callable[[Entries], float]) -> Callable[[Run], float | None]:
    """A score of the reads, of a memory that was read."""
    return lambda run: float(function(run.entries)) if run.entries and run.entries.reads.sum() else None


SCORES = {
    score.name: score
    for score in (
        Score("accuracy", "share", "accuracy", 0, 1, None, lambda run: outcomes(run.record.outcomes)),
        Score("balanced_accuracy", "share", "mean accuracy over classes", 0, 1),
        Score("macro_f1", "share", "mean F1 over classes", 0, 1),
        Score("log_loss", "nats", "log-loss"),
        Score("accuracy_without_memory", "share", "accuracy without the memory", 0, 1),
        Score("accuracy_lost_without_memory", "points", "accuracy lost without the memory", -1, 1, _lost,
              lambda run: run.flips and run.flips["corrected"] - run.flips["harmed"]),
        Score("hit_rate", "share", "hit rate of the heaviest entry", 0, 1),
        Score("hit_chance", "share", "hit rate by chance", 0, 1),
        Score("hit_corrected", "share", "hit rate corrected for chance", of_run=_hit_corrected),
        Score("gate_mean", "ratio", "mean weight of the memory", 0, 1),
        Score("gate_entropy", "bits", "entropy of the gate"),
        Score("similarity_min", "ratio", "least similarity of a read"),
        Score("similarity_mean", "ratio", "mean similarity of a read"),
        Score("similarity_max", "ratio", "greatest similarity of a read"),
        Score("diversity", "ratio", "diversity of the swarm"),
        Score("diversity_initial", "ratio", "diversity of the swarm before its first round"),
        Score("disagreement", "ratio", "disagreement of the averaged agents"),
        Score("regret_area", "nats x decades", "area under the regret"),
        Score("regret_end", "nats", "regret after the whole allowance"),
        Score("flops_share", "share", "share of the allowance spent", 0, 1),
        Score("accuracy_seen", "share", "accuracy on the tasks seen", 0, 1),
        Score("accuracy_task_incremental", "share", "accuracy, task given", 0, 1, None, _task_incremental),
        Score("retention", "share", "retention", 0, 1),
        Score("retention_task_incremental", "share", "retention, task given", 0, 1),
        Score("bwt", "points", "backward transfer", -1, 1),
        Score("bwt_task_incremental", "points", "backward transfer, task given", -1, 1),
        Score("forgetting", "points", "forgetting", -1, 1),
        Score("forgetting_task_incremental", "points", "forgetting, task given", -1, 1),
        Score("excess_forgetting", "points", "forgetting beyond joint training", of_run=_excess("forgetting")),
        Score("excess_forgetting_task_incremental", "points", "forgetting beyond joint training, task given",
              of_run=_excess("forgetting_task_incremental")),
        Score("carried_bytes", "bytes", "bytes carried to the next task"),
        Score("carried_entries", "KiB", "carried as entries", of_run=_carried("entries")),
        Score("carried_statistics", "KiB", "carried as statistics", of_run=_carried("statistics")),
        Score("carried_weights", "KiB", "carried as weights", of_run=_carried("weights")),
        Score("carried_total", "KiB", "carried to the next task", of_run=_carried("entries", "statistics", "weights")),
        Score("memory_corrected", "share", "corrected by the memory", 0, 1,
              _flipped_mean("corrected"), _flipped("corrected")),
        Score("memory_harmed", "share", "harmed by the memory", 0, 1, _flipped_mean("harmed"), _flipped("harmed")),
        Score("memory_right_both", "share", "right with and without the memory", 0, 1,
              _flipped_mean("right_both"), _flipped("right_both")),
        Score("memory_wrong_both", "share", "wrong with and without the memory", 0, 1,
              _flipped_mean("wrong_both"), _flipped("wrong_both")),
        Score("memory_corrected_examples", "examples", "examples corrected", of_run=_flipped_count("corrected")),
        Score("memory_harmed_examples", "examples", "examples harmed", of_run=_flipped_count("harmed")),
        Score("memory_entries", "entries", "entries",
              of_run=lambda run: None if run.entries is None else float(len(run.entries.labels))),
        Score("memory_capacity", "entries", "capacity", of_run=_capacity),
        Score("memory_class_min", "entries", "entries of the smallest class",
              of_run=_held(lambda e: e.class_sizes.min())),
        Score("memory_class_median", "entries", "median entries of a class",
              of_run=_held(lambda e: np.median(e.class_sizes))),
        Score("memory_class_max", "entries", "entries of the largest class",
              of_run=_held(lambda e: e.class_sizes.max())),
        Score("memory_consolidated", "share", "entries that stand for several examples", 0, 1,
              _held(lambda e: (e.counts > 1).mean())),
        Score("memory_age_mean", "writes", "mean age of an entry", of_run=_held(lambda e: e.ages.mean())),
        Score("memory_age_oldest", "writes", "age of the oldest entry", of_run=_held(lambda e: e.ages.max())),
        Score("memory_age_read", "writes", "mean age of a read entry",
              of_run=_read(lambda e: (e.ages * e.reads).sum() / e.reads.sum())),
        Score("memory_never_read", "share", "entries never read", 0, 1, _held(lambda e: (e.reads == 0).mean())),
        Score("memory_top_tenth", "share", "reads of the most read tenth of entries", 0, 1,
              _read(lambda e: e.reads[e.top_tenth].sum() / e.reads.sum())),
        Score("memory_top_tenth_right", "share", "right reads of the most read tenth of entries", 0, 1,
              _read(lambda e: e.right[e.top_tenth].sum() / e.reads[e.top_tenth].sum())),
        Score("update_flops", "FLOPs", "operations of an update"),
        Score("update_flops_saving", "times", "operations of retraining over those of an update",
              of_run=_saving("update_flops")),
        Score("update_seconds", "ms", "time of an update"),
        Score("update_seconds_saving", "times", "seconds of retraining over those of an update",
              of_run=_saving("update_seconds")),
        Score("answer_flops", "FLOPs", "operations of an answer"),
        Score("exact_answers", "share", "answers equal to the bit to those of one that never saw the withdrawn", 0, 1),
        Score("withdrawn_accuracy", "share", "accuracy on what was withdrawn", 0, 1),
        Score("withdrawn_excess", "points", "accuracy on what was withdrawn beyond an arm that never saw it", -1, 1),
        Score("auroc", "share", "out of scope, AUROC by the arm's best signal", 0, 1),
        Score("auroc_softmax", "share", "out of scope, AUROC of the largest probability", 0, 1),
        Score("auroc_similarity", "share", "out of scope, AUROC of the nearest similarity", 0, 1),
        Score("auroc_both", "share", "out of scope, AUROC of the product of both", 0, 1),
        Score("speed_up", "ratio", "speed-up over one process"),  # of the distributed swarm, which has no records
        Score("minutes", "minutes", "minutes"),  # of the whole study
    )
}  # fmt: skip
STREAM_SCORES = ("accuracy_task_incremental", "bwt_task_incremental", "retention")  # of every stream, run or not


def scores_of(run: Run) -> dict[str, float]:
    """The scores that a record holds and those that follow from it; what does not follow is left out."""
    derived = {name: score.of_run(run) for name, score in SCORES.items() if score.of_run}
    return run.record.scores | {name: value for name, value in derived.items() if value is not None}


def examples_of(run: Run) -> dict[str, np.ndarray]:
    """Scores of a run by test example [examples], whose means are the scores of the same names."""
    if not run.record.outcomes:
        return {}
    derived = {name: score.by_example(run) for name, score in SCORES.items() if score.by_example}
    return {name: values for name, values in derived.items() if values is not None}


def unit_of(score: str, *, difference: bool = False) -> str:
    """The unit a score, or a difference of two, is kept in; a score outside the registry is a ratio.

    >>> unit_of("accuracy"), unit_of("accuracy", difference=True), unit_of("diversity")
    ('share', 'points', 'ratio')
    """
    unit = SCORES[score].unit if score in SCORES else "ratio"
    return "points" if difference and unit == "share" else unit


def score_range(score: str, *, difference: bool = False) -> tuple[float, float]:
    """The least and the most that the mean of a score, or of a difference of two shares, can be.

    >>> score_range("accuracy"), score_range("accuracy", difference=True), score_range("log_loss")
    ((0, 1), (-1, 1), (-inf, inf))
    """
    low, high = (SCORES[score].low, SCORES[score].high) if score in SCORES else (-math.inf, math.inf)
    if difference:
        return (-1, 1) if (low, high) == (0, 1) else (-math.inf, math.inf)
    return low, high


PRINTED = {"share": "percent", "lift": "percent", "ratio": "", "text": "", "count": "", "p": "", "score": ""}
PRINTED |= {"steps": "M steps", "steps/s": "M steps/s", "traffic": "kB", "memory": "MiB"}
"""The unit of the text, where it is another than the one that the value is kept in."""
SCALED = {
    "steps": (1e6, 1),
    "steps/s": (1e6, 2),
    "seconds": (1, 1),
    "ms": (1e-3, 1),
    "traffic": (1e3, 0),
    "memory": (2**20, 0),
}
SCALED |= {"minutes": (1, 1), "bytes": (1, 0)}
"""What a unit of measured things is divided by when it is printed, and the decimals then shown."""


def format_value(value: float | str, unit: str) -> str:
    """The text a value is printed as: shares in percent, differences and lifts signed, p to three decimals.

    >>> [format_value(0.634, "share"), format_value(0.0213, "points"), format_value(1.23e9, "FLOPs")]
    ['63.4', '+2.1', '1.2e9']
    >>> [format_value(0.0004, "p"), format_value(0.6931, "nats"), format_value(0.5, "ratio")]
    ['< 0.001', '0.693', '0.50']
    """
    if unit == "text":
        return str(value)
    if unit == "count":
        return str(int(value))
    if unit == "KiB":
        return f"{value:.0f}" if value >= 100 else f"{value:.1f}"
    if unit in SCALED:
        divisor, decimals = SCALED[unit]
        return f"{value / divisor:.{decimals}f}"
    if unit == "times":
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    if unit in ("entries", "examples", "writes"):
        return f"{value:.1f}".removesuffix(".0")
    if unit == "p":
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    if unit == "FLOPs":
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}" if value else "0"
    if unit in ("points", "lift"):
        text = f"{100 * value:+.1f}"
    elif unit == "share":
        text = f"{100 * value:.1f}"
    else:
        text = f"{value:.3f}" if unit in ("nats", "bits", "nats x decades", "score") else f"{value:.2f}"
    return text.lstrip("+-") if float(text) == 0 else text  # no sign on what rounds to 0
