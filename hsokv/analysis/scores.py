"""The registry of scores: a line each; what follows from a record is a function beside it."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from hsokv.exceptions import check_known
from hsokv.metrics.retrieval import chance_corrected
from hsokv.records import RunRecord

PROPOSED = "full"  # the arm that is shown against every other
JOINT = "joint"  # retrained on all data seen: what falls in it as classes are added was not forgotten
KIB = 1024
FLIPS = {"corrected": (1, 0), "harmed": (0, 1), "right_both": (1, 1), "wrong_both": (0, 0)}  # right with, right without
ENTRIES = ("labels", "counts", "numbers", "reads", "right")  # class, examples, number of the write, reads, right reads


class Score(NamedTuple):
    """A score: its name, unit, words for prose and the range of its mean."""

    name: str
    unit: str
    words: str
    low: float = -math.inf
    high: float = math.inf


SCORES = {
    score.name: score
    for score in (
        Score("accuracy", "share", "accuracy", 0, 1),
        Score("balanced_accuracy", "share", "mean accuracy over classes", 0, 1),
        Score("macro_f1", "share", "mean F1 over classes", 0, 1),
        Score("log_loss", "nats", "log-loss"),
        Score("accuracy_without_memory", "share", "accuracy without the memory", 0, 1),
        Score("accuracy_lost_without_memory", "points", "accuracy lost without the memory", -1, 1),
        Score("hit_rate", "share", "hit rate of the heaviest entry", 0, 1),
        Score("hit_chance", "share", "hit rate by chance", 0, 1),
        Score("hit_corrected", "share", "hit rate corrected for chance"),
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
        Score("accuracy_task_incremental", "share", "accuracy, task given", 0, 1),
        Score("retention", "share", "retention", 0, 1),
        Score("retention_task_incremental", "share", "retention, task given", 0, 1),
        Score("bwt", "points", "backward transfer", -1, 1),
        Score("bwt_task_incremental", "points", "backward transfer, task given", -1, 1),
        Score("forgetting", "points", "forgetting", -1, 1),
        Score("forgetting_task_incremental", "points", "forgetting, task given", -1, 1),
        Score("excess_forgetting", "points", "forgetting beyond joint training"),
        Score("excess_forgetting_task_incremental", "points", "forgetting beyond joint training, task given"),
        Score("carried_bytes", "bytes", "bytes carried to the next task"),
        Score("carried_entries", "KiB", "carried as entries"),
        Score("carried_statistics", "KiB", "carried as statistics"),
        Score("carried_weights", "KiB", "carried as weights"),
        Score("carried_total", "KiB", "carried to the next task"),
        Score("memory_corrected", "share", "corrected by the memory", 0, 1),
        Score("memory_harmed", "share", "harmed by the memory", 0, 1),
        Score("memory_right_both", "share", "right with and without the memory", 0, 1),
        Score("memory_wrong_both", "share", "wrong with and without the memory", 0, 1),
        Score("memory_corrected_examples", "examples", "examples corrected"),
        Score("memory_harmed_examples", "examples", "examples harmed"),
        Score("memory_entries", "entries", "entries"),
        Score("memory_capacity", "entries", "capacity"),
        Score("memory_class_min", "entries", "entries of the smallest class"),
        Score("memory_class_median", "entries", "median entries of a class"),
        Score("memory_class_max", "entries", "entries of the largest class"),
        Score("memory_consolidated", "share", "entries that stand for several examples", 0, 1),
        Score("memory_age_mean", "writes", "mean age of an entry"),
        Score("memory_age_oldest", "writes", "age of the oldest entry"),
        Score("memory_age_read", "writes", "mean age of a read entry"),
        Score("memory_never_read", "share", "entries never read", 0, 1),
        Score("memory_top_tenth", "share", "reads of the most read tenth of entries", 0, 1),
        Score("memory_top_tenth_right", "share", "right reads of the most read tenth of entries", 0, 1),
        Score("update_flops", "FLOPs", "operations of an update"),
        Score("update_flops_saving", "times", "operations of retraining over those of an update"),
        Score("update_seconds", "ms", "time of an update"),
        Score("update_seconds_saving", "times", "seconds of retraining over those of an update"),
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


def scores_of(record: RunRecord, joint: RunRecord | None = None) -> dict[str, float]:
    """The scores that a record holds, and those that follow from it and from that of `joint` on the same run; what
    does not follow is left out."""
    scores, flips = record.scores, _flips(record)
    found = {name: values.mean() for name, values in examples_of(record).items()} | scores
    if {"hit_rate", "hit_chance"} <= scores.keys():
        found["hit_corrected"] = chance_corrected(scores["hit_rate"], scores["hit_chance"])
    if "accuracy_without_memory" in scores:
        found["accuracy_lost_without_memory"] = scores["accuracy"] - scores["accuracy_without_memory"]
    found |= {f"memory_{kind}_examples": flips[kind].sum() for kind in ("corrected", "harmed") if flips}
    found |= _entry_scores(record)
    if carried := record.instruments.get("carried"):
        parts = {part: carried[f"{part}_bytes"] / KIB for part in ("entries", "statistics", "weights")}
        found |= {f"carried_{part}": size for part, size in (parts | {"total": sum(parts.values())}).items()}
    if joint is not None and record.arm != JOINT:
        for name in ("forgetting", "forgetting_task_incremental"):
            if {name} <= scores.keys() & joint.scores.keys():
                found[f"excess_{name}"] = scores[name] - joint.scores[name]
        for name in ("update_flops", "update_seconds"):  # how many times more `joint` takes
            if scores.get(name) and name in joint.scores:
                found[f"{name}_saving"] = joint.scores[name] / scores[name]
    return {name: float(value) for name, value in found.items() if value is not None}


def examples_of(record: RunRecord) -> dict[str, np.ndarray]:
    """Scores of a run by test example [examples], whose means are the scores of the same names."""
    if not record.outcomes:
        return {}
    found = {"accuracy": _digits(record.outcomes)}
    if given := record.instruments.get("outcomes_task_incremental"):
        found["accuracy_task_incremental"] = _digits(given)
    if flips := _flips(record):
        found |= {f"memory_{kind}": values for kind, values in flips.items()}
        found["accuracy_lost_without_memory"] = flips["corrected"] - flips["harmed"]
    return found


def entries_of(record: RunRecord) -> dict[str, np.ndarray]:
    """What the memory of a run held, `ENTRIES` [entries] each; empty where its record does not tell."""
    memory = record.instruments.get("memory") or {}
    return {name: np.array(memory[name]) for name in ENTRIES} if memory.keys() >= set(ENTRIES) else {}


def by_reads(reads: np.ndarray) -> np.ndarray:
    """Indices of the entries, the most read first; of equals the older first."""
    return np.argsort(-reads, kind="stable")


def _entry_scores(record: RunRecord) -> dict[str, float | None]:
    """The size of a memory, the ages of its entries in writes since their own, and how reads spread over them."""
    if not (entries := entries_of(record)):
        return {}
    labels, counts, numbers, reads, right = entries.values()
    configured = record.configuration
    capacity = configured.get("capacity", configured.get("settings", {}).get("memory", {}).get("capacity"))
    found = {"entries": len(labels), "capacity": capacity}
    if len(labels):
        sizes, ages = np.unique(labels, return_counts=True)[1], numbers.max() - numbers
        found |= {"class_min": sizes.min(), "class_median": np.median(sizes), "class_max": sizes.max()}
        found |= {"consolidated": (counts > 1).mean(), "age_mean": ages.mean(), "age_oldest": ages.max()}
        found["never_read"] = (reads == 0).mean()
        if total := reads.sum():
            top = by_reads(reads)[: math.ceil(len(reads) / 10)]
            found |= {"age_read": (ages * reads).sum() / total, "top_tenth": reads[top].sum() / total}
            found["top_tenth_right"] = right[top].sum() / reads[top].sum()
    return {f"memory_{name}": value for name, value in found.items()}


def _flips(record: RunRecord) -> dict[str, np.ndarray]:
    """Test examples [examples] by what the memory does to them, 1 where it does."""
    without = (record.instruments.get("memory") or {}).get("outcomes_without")
    if not (without and record.outcomes):
        return {}
    right, alone = _digits(record.outcomes), _digits(without)
    return {kind: ((right == w) & (alone == a)).astype(np.int8) for kind, (w, a) in FLIPS.items()}


def _digits(outcomes: str) -> np.ndarray:
    return np.frombuffer(outcomes.encode(), dtype=np.int8) - np.int8(ord("0"))


def check_scores(criteria: Iterable[Mapping[str, object]]) -> None:
    """Raise ConfigurationError, with the nearest name, where a criterion is on a score that does not exist."""
    for criterion in criteria:
        check_known(f"criteria.{criterion['name']}.score", criterion.get("score", "accuracy"), SCORES)


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


class Unit(NamedTuple):
    """How a value that is kept in a unit is printed: the unit of the text, and the text."""

    printed: str
    text: Callable[[float], str]


def _decimals(decimals: int, factor: float = 1, divisor: float = 1, sign: str = "-") -> Callable[[float], str]:
    def text(value: float) -> str:
        text = f"{factor * value / divisor:{sign}.{decimals}f}"
        return text.lstrip("+-") if float(text) == 0 else text  # no sign on what rounds to 0

    return text


def _scientific(value: float) -> str:
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}" if value else "0"


UNITS = {
    "text": Unit("", str),
    "count": Unit("", lambda value: str(int(value))),
    "share": Unit("percent", _decimals(1, 100)),
    "points": Unit("points", _decimals(1, 100, sign="+")),
    "lift": Unit("percent", _decimals(1, 100, sign="+")),
    "ratio": Unit("", _decimals(2)),
    "score": Unit("", _decimals(3)),
    "p": Unit("", lambda value: "< 0.001" if value < 0.001 else f"{value:.3f}"),
    "FLOPs": Unit("FLOPs", _scientific),
    "KiB": Unit("KiB", lambda value: f"{value:.0f}" if value >= 100 else f"{value:.1f}"),
    "steps": Unit("M steps", _decimals(1, divisor=1e6)),
    "steps/s": Unit("M steps/s", _decimals(2, divisor=1e6)),
    "traffic": Unit("kB", _decimals(0, divisor=1e3)),
    "memory": Unit("MiB", _decimals(0, divisor=2**20)),
    "bytes": Unit("bytes", _decimals(0)),
    "ms": Unit("ms", _decimals(1, 1000)),
    "times": Unit("times", lambda value: f"{value:.0f}" if value >= 10 else f"{value:.1f}"),
    **{unit: Unit(unit, _decimals(1)) for unit in ("seconds", "minutes")},
    **{unit: Unit(unit, _decimals(3)) for unit in ("nats", "bits", "nats x decades")},
    **{unit: Unit(unit, lambda value: f"{value:.1f}".removesuffix(".0")) for unit in ("entries", "examples", "writes")},
}


def format_value(value: float | str, unit: str) -> str:
    """The text a value is printed as: shares in percent, differences and lifts signed, p to three decimals.

    >>> [format_value(0.634, "share"), format_value(0.0213, "points"), format_value(1.23e9, "FLOPs")]
    ['63.4', '+2.1', '1.2e9']
    >>> [format_value(0.0004, "p"), format_value(0.6931, "nats"), format_value(0.5, "ratio")]
    ['< 0.001', '0.693', '0.50']
    """
    return UNITS.get(unit, UNITS["ratio"]).text(value)
