"""A small made-up study: a configuration and records from plain rules, so that every mean is known."""

from functools import cache

from hsokv.analysis.frames import Study
from hsokv.analysis.runs import planned_runs
from hsokv.analysis.statistics import analyse
from hsokv.records import RunRecord

ARMS = ["full", "kv_only", "knn"]
SHOTS16 = {"seeds": [13, 21], "headline": ["shots16"], "conditions": ["shots16"], "shots": {"shots16": 16}}
SHOTS16 |= {"arms": ARMS}
CRITERION = {"name": "c", "benchmark": "rare_words", "arm": "full", "score": "accuracy", "kind": "rate"}
CRITERIA = [
    CRITERION | {"name": "kv_hit_rate", "score": "hit_rate", "above": 0.6},
    CRITERION | {"name": "lift", "over": "kv_only", "kind": "lift", "at_least": 0.1},
    CRITERION | {"name": "few_shot", "benchmark": "sst2", "at_least": 0.85},
    CRITERION | {"name": "bwt", "benchmark": "split_cifar10", "score": "bwt", "below": 0.05},
]
HELD = {
    "outcomes_without": "0" * 2 + "1" * 8 + "0" * 6 + "1" * 4
}  # of 20; with a memory the first 14 or more are right


def configuration(**changes) -> dict:
    headline = ["two_senses_level1", "two_senses_level2"]
    rare_words = {"seeds": [1, 2, 3], "headline": headline, "conditions": [*headline, "one_sense_level1"]}
    rare_words |= {"controls": ["chance"], "arms": ARMS}
    return {
        "split": "test",
        "benchmarks": {"rare_words": rare_words, "sst2": dict(SHOTS16), "sst2_synthetic": dict(SHOTS16)},
        "arms": ARMS,
        "variants": ["full", "kv_only"],
        "baselines": ["knn"],
        "contrasts": [
            {"name": "ablation", "benchmark": "rare_words", "a": "full", "b": "kv_only"},
            {"name": "over_knn", "benchmark": "sst2", "a": "full", "b": "knn"},
        ],
        "criteria": CRITERIA,
    } | changes


def with_arms(arms: list[str], **changes) -> dict:
    """The configuration with these arms, on every benchmark."""
    study = configuration(arms=arms, **changes)
    for benchmark in study["benchmarks"].values():
        benchmark["arms"] = arms
    return study


def right(arm: str, seed: int, condition: str) -> int:
    """How many of 20 test examples an arm has right."""
    hits = {"full": 14, "kv_only": 10, "knn": 15, "chance": 2, "joint": 16}
    return hits.get(arm, 13) + seed % 2 + condition.endswith("level2")


def record(benchmark: str, condition: str, arm: str, seed: int, **changes) -> RunRecord:
    hits = right(arm, seed, condition)
    scores = {"accuracy": hits / 20, "log_loss": 0.5}
    if arm in ("full", "kv_only"):
        scores |= {"hit_rate": 0.8, "hit_chance": 0.2, "accuracy_without_memory": 0.25}
    content = {"benchmark": benchmark, "condition": condition, "arm": arm, "seed": seed, "status": "done"} | {
        "reason": None,
        "configuration": {"shots": 1},
        "stamp": {"configuration": "a", "code": "b", "data": "c"},
        "version": "0.1.0",
        "data": {"name": benchmark, "synthetic": benchmark.endswith("_synthetic"), "split": "test"},
        "flops": {"allowed": 2_000_000, "spent": 1_500_000},
        "scores": scores,
        "outcomes": "1" * hits + "0" * (20 - hits),
        "shared_test": benchmark != "rare_words",
        "curves": {"gate": [0.5, seed / 10]},
        "instruments": {},
    }
    return RunRecord(**content | changes)


def not_run(benchmark: str, condition: str, arm: str, seed: int, reason: str = "no data") -> RunRecord:
    none = {"scores": {}, "outcomes": "", "curves": {}}
    return record(benchmark, condition, arm, seed, status="not run", reason=reason, **none)


def memory(**changes) -> dict:
    """Four entries of three classes, read 10 times, 6 of them rightly; the third stands for two examples."""
    entries = {"labels": [0, 0, 1, 2], "counts": [1.0, 1.0, 2.0, 1.0], "numbers": [0, 1, 2, 4]}
    return entries | {"reads": [1, 6, 3, 0], "right": [1, 3, 2, 0], "texts": ["a", "b", "c", "d", "e"]} | changes


def with_memory(benchmark: str, condition: str, arm: str, seed: int, **changes) -> RunRecord:
    """The record of an arm that tells what its memory held, if it has one."""
    holds = {"memory": memory(**changes)} if arm in ("full", "kv_only") else {}
    return record(benchmark, condition, arm, seed, instruments=holds)


def searching(benchmark: str, condition: str, arm: str, seed: int, **changes) -> RunRecord:
    """The record of an arm with fold log-losses, if it has folds: regret by hand is 0.4, then 0; and 0.6 throughout.

    The allowance is 10^6 FLOPs; `full` has values at 10^2, 10^3 and 10^4, `kv_only` one at 10.
    """
    told = {
        "full": {"fold_log_loss": [1.4, 1.0, 1.2], "spent": [100, 1000, 10_000], "diversity": [0.9, 0.7, 0.5, 0.5]},
        "kv_only": {"fold_log_loss": [1.6], "spent": [10]},
    }
    flops = {"allowed": 1_000_000, "spent": 750_000}
    return record(benchmark, condition, arm, seed, **{"curves": told.get(arm, {}), "flops": flops} | changes)


def records(study: dict, make=record) -> list[RunRecord]:
    return [make(*run) for run in planned_runs(study)]


def lines(records: list[RunRecord]) -> list[tuple[RunRecord, str, int]]:
    """The records as they lie in files, one a benchmark and arm."""
    paths = [f"results/records/{run.benchmark}/{run.arm}.jsonl" for run in records]
    return [
        (run, path, paths[: place + 1].count(path))
        for place, (run, path) in enumerate(zip(records, paths, strict=True))
    ]


def analysed(study: dict, make=record, **beside) -> Study:
    return analyse(lines(records(study, make)), study, **beside)


@cache
def finished() -> Study:
    """The study of `configuration()`, to be read alone."""
    return analysed(configuration())


def row(frame, **wanted):
    """The one row of a frame with these values."""
    for column, value in wanted.items():
        frame = frame[frame[column] == value]
    (found,) = frame.to_dict("records")
    return found


def mean(study: Study, benchmark: str, arm: str, score: str) -> float:
    return row(study.scores, benchmark=benchmark, condition="headline", arm=arm, score=score)["mean"]
