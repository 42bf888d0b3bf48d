"""The registry of scores: a line each; what follows from a record is a function beside it."""

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, NoReturn

import numpy as np

from hsokv.metrics.retrieval import chance_corrected
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
        """Indices of the entries, the most read first; of equals the older first."""
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
        """Indices of the most read tenth, rounded up."""
        return self.by_reads[: math.ceil(len(self.reads) / 10)]


@dataclass(frozen=True)
class Run:
    """A record as the functions of scores see it, beside that of `joint` on the same condition and seed.

    Its properties, as `scores`, raise KeyError where the record does not hold what they are made of.
    """

    record: RunRecord
    joint: RunRecord | None = None

    @property
    def scores(self) -> Mapping[str, float]:
        """The scores that the record holds."""
        return self.record.scores

    @property
    def joint_scores(self) -> Mapping[str, float]:
        """The scores of `joint`; none for `joint` itself."""
        return {} if self.joint is None or self.record.arm == JOINT else self.joint.scores

    @cached_property
    def entries(self) -> Entries:
        """What the memory held."""
        memory = self.record.instruments.get("memory") or {}
        return Entries(*(np.array(memory[name]) for name in Entries._fields))

    @property
    def held(self) -> Entries:
        """The entries of a memory that holds one."""
        return self.entries if len(self.entries.labels) else _absent("entries")

    @property
    def read(self) -> Entries:
        """The entries of a memory that was read."""
        return self.entries if self.entries.reads.sum() else _absent("reads")

    @cached_property
    def flips(self) -> dict[str, np.ndarray]:
        """Test examples [examples] by what the memory does to them, 1 where it does."""
        alone = outcomes((self.record.instruments.get("memory") or {}).get("outcomes_without"))
        right = outcomes(self.record.outcomes)
        return {kind: ((right == w) & (alone == a)).astype(np.int8) for kind, (w, a) in FLIPS.items()}


def outcomes(text: str | None) -> np.ndarray:
    """The outcomes of a record as numbers [examples], 1 for right; raises KeyError where it holds none."""
    return np.frombuffer((text or _absent("outcomes")).encode(), dtype=np.int8) - np.int8(ord("0"))


class Score(NamedTuple):
    """A score: its name, unit, words for prose, the range of its mean, and how a run gives it where no record holds it.

    `of_run` and `by_example` raise KeyError where the run does not tell; `by_example` gives a value a test example. The
    mean of these is the score where there is no `of_run`.
    """

    name: str
    unit: str
    words: str
    low: float = -math.inf
    high: float = math.inf
    of_run: Callable[[Run], float | None] | None = None
    by_example: Callable[[Run], np.ndarray] | None = None


def _absent(name: str) -> NoReturn:
    raise KeyError(name)


def _excess(name: str) -> Callable[[Run], float]:
    return lambda run: run.scores[name] - run.joint_scores[name]


def _carried(*parts: str) -> Callable[[Run], float]:
    return lambda run: sum(run.record.instruments["carried"][f"{part}_bytes"] / KIB for part in parts)


def _saving(name: str) -> Callable[[Run], float]:
    """How many times more `joint` takes than the arm."""
    return lambda run: run.joint_scores[name] / (run.scores[name] or _absent(name))


def _flips(kind: str) -> Callable[[Run], np.ndarray]:
    return lambda run: run.flips[kind]


def _capacity(run: Run) -> float | None:
    configured = run.record.configuration if run.entries else {}
    return configured.get("capacity", configured.get("settings", {}).get("memory", {}).get("capacity"))


SCORES = {
    score.name: score
    for score in (
        Score("accuracy", "share", "accuracy", 0, 1, None, lambda run: outcomes(run.record.outcomes)),
        Score("balanced_accuracy", "share", "mean accuracy over classes", 0, 1),
        Score("macro_f1", "share", "mean F1 over classes", 0, 1),
        Score("log_loss", "nats", "log-loss"),
        Score("accuracy_without_memory", "share", "accuracy without the memory", 0, 1),
        Score("accuracy_lost_without_memory", "points", "accuracy lost without the memory", -1, 1,
              lambda run: run.scores["accuracy"] - run.scores["accuracy_without_memory"],
              lambda run: run.flips["corrected"] - run.flips["harmed"]),
        Score("hit_rate", "share", "hit rate of the heaviest entry", 0, 1),
        Score("hit_chance", "share", "hit rate by chance", 0, 1),
        Score("hit_corrected", "share", "hit rate corrected for chance",
              of_run=lambda run: chance_corrected(run.scores["hit_rate"], run.scores["hit_chance"])),
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
        Score("accuracy_task_incremental", "share", "accuracy, task given", 0, 1, None,
              lambda run: outcomes(run.record.instruments.get("outcomes_task_incremental"))),
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
        Score("memory_corrected", "share", "corrected by the memory", 0, 1, by_example=_flips("corrected")),
        Score("memory_harmed", "share", "harmed by the memory", 0, 1, by_example=_flips("harmed")),
        Score("memory_right_both", "share", "right with and without the memory", 0, 1, by_example=_flips("right_both")),
        Score("memory_wrong_both", "share", "wrong with and without the memory", 0, 1, by_example=_flips("wrong_both")),
        Score("memory_corrected_examples", "examples", "examples corrected",
              of_run=lambda run: run.flips["corrected"].sum()),
        Score("memory_harmed_examples", "examples", "examples harmed", of_run=lambda run: run.flips["harmed"].sum()),
        Score("memory_entries", "entries", "entries", of_run=lambda run: len(run.entries.labels)),
        Score("memory_capacity", "entries", "capacity", of_run=_capacity),
        Score("memory_class_min", "entries", "entries of the smallest class",
              of_run=lambda run: run.held.class_sizes.min()),
        Score("memory_class_median", "entries", "median entries of a class",
              of_run=lambda run: np.median(run.held.class_sizes)),
        Score("memory_class_max", "entries", "entries of the largest class",
              of_run=lambda run: run.held.class_sizes.max()),
        Score("memory_consolidated", "share", "entries that stand for several examples", 0, 1,
              lambda run: (run.held.counts > 1).mean()),
        Score("memory_age_mean", "writes", "mean age of an entry", of_run=lambda run: run.held.ages.mean()),
        Score("memory_age_oldest", "writes", "age of the oldest entry", of_run=lambda run: run.held.ages.max()),
        Score("memory_age_read", "writes", "mean age of a read entry",
              of_run=lambda run: (run.read.ages * run.read.reads).sum() / run.read.reads.sum()),
        Score("memory_never_read", "share", "entries never read", 0, 1, lambda run: (run.held.reads == 0).mean()),
        Score("memory_top_tenth", "share", "reads of the most read tenth of entries", 0, 1,
              lambda run: run.read.reads[run.read.top_tenth].sum() / run.read.reads.sum()),
        Score("memory_top_tenth_right", "share", "right reads of the most read tenth of entries", 0, 1,
              lambda run: run.read.right[run.read.top_tenth].sum() / run.read.reads[run.read.top_tenth].sum()),
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
    means = {name: values.mean() for name, values in examples_of(run).items() if SCORES[name].of_run is None}
    derived = _told(run, {name: score.of_run for name, score in SCORES.items()})
    return means | run.scores | {name: float(value) for name, value in derived.items() if value is not None}


def examples_of(run: Run) -> dict[str, np.ndarray]:
    """Scores of a run by test example [examples], whose means are the scores of the same names."""
    return _told(run, {name: score.by_example for name, score in SCORES.items()}) if run.record.outcomes else {}


def _told(run: Run, functions: Mapping[str, Callable | None]) -> dict:
    """What the functions give of a run, without those that it does not tell of."""
    results = {}
    for name, function in functions.items():
        if function:
            with contextlib.suppress(KeyError):
                results[name] = function(run)
    return results


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
