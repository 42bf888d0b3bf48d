"""A MADE-UP study for the tests of figures and pages: random outcomes, no run stands behind any number here."""

from functools import cache

import numpy as np

from hsokv.records import RunRecord
from hsokv.reporting.statistics import compute_statistics

CONTROLS_OF_THE_SWARM = ["kv_closed_form", "kv_random_search"]
VARIANTS = ["full", *CONTROLS_OF_THE_SWARM, "kv_only", "swarm_only", "neither"]  # in the order of the figures
BASELINES = ["knn", "prototypes", "ridge", "linear_probe"]
CONTROLS = {"chance": 0.01, "bag_of_words_1nn": 0.03, "bag_of_words_lda": 0.38, "bayes_reader": 0.93, "oracle": 0.98}
LEVELS = [f"{senses}_level{level}" for senses in ("two_senses", "one_sense") for level in (1, 2, 3)]
NO_DATA = "SST-2 is not in the data folder and it could not be fetched"
HOSTILE = "a_b | 5 % of $x$ `<i>` \\y & #1 {z}: ~^"
SEEDS = [13, 21, 42, 87]


def configuration(*, small: bool = False) -> dict:
    """The made-up study's configuration, as far as statistics, figures and pages read it."""
    sst2 = {"seeds": SEEDS, "headline": ["shots16"], "conditions": ["shots16"], "controls": []}
    rare = {"seeds": SEEDS, "headline": LEVELS[:3], "conditions": LEVELS, "controls": list(CONTROLS)}
    return {
        "evaluate_on": "final",
        "small": small,
        "benchmarks": {"rare_words": rare, "sst2": sst2, "sst2_synthetic": sst2},
        "arms": VARIANTS + BASELINES,
        "variants": VARIANTS,
        "baselines": BASELINES,
        "contrasts": [
            {"name": f"full_over_{b}_rare_words", "benchmark": "rare_words", "a": "full", "b": b}
            for b in ("kv_only", "ridge")
        ],
        "criteria": [
            {"name": "kv_hit_rate", "benchmark": "rare_words", "arm": "full", "score": "hit_rate", "kind": "rate"}
            | {"above": 0.6},
            {"name": "ablation_lift", "benchmark": "rare_words", "arm": "full", "over": "kv_only", "kind": "lift"}
            | {"score": "accuracy", "at_least": 0.1},
            {"name": "swarm_diversity", "benchmark": "rare_words", "arm": "full", "score": "diversity", "kind": "rate"}
            | {"at_least": 0.8},
            {"name": "few_shot_accuracy", "benchmark": "sst2", "arm": "full", "score": "accuracy", "kind": "rate"}
            | {"at_least": 0.85},
            {"name": "speed_up", "benchmark": "cartpole", "arm": "full", "score": "speed_up", "kind": "rate"}
            | {"at_least": 2},
        ],
    }


def records(*, small: bool = False) -> list[RunRecord]:
    """The made-up study's records; `sst2` is not run."""
    return [
        _record(benchmark, condition, arm, seed)
        for benchmark, settings in configuration(small=small)["benchmarks"].items()
        for condition in settings["conditions"]
        for arm in (*VARIANTS, *BASELINES, *settings["controls"])
        for seed in settings["seeds"]
    ]


@cache
def example_statistics(*, small: bool = False) -> dict:
    """The made-up study's statistics.json."""
    return compute_statistics(records(small=small), configuration(small=small))


def _record(benchmark: str, condition: str, arm: str, seed: int) -> RunRecord:
    done = benchmark != "sst2"
    generator = np.random.default_rng([seed, *condition.encode(), *arm.encode()])
    place = (VARIANTS + BASELINES).index(arm) if arm not in CONTROLS else 0
    chance = CONTROLS.get(arm, 0.72 - 0.04 * place + 0.2 * (arm == "ridge")) - 0.03 * ("level3" in condition)
    right = generator.random(200) < chance
    scores = {"accuracy": float(right.mean()), "log_loss": 1.1}
    instruments = {}
    if arm in ("full", "kv_only"):
        scores |= {"hit_rate": 0.7 + 0.01 * generator.random(), "hit_chance": 0.01}
        scores |= {"accuracy_without_memory": scores["accuracy"] - 0.1 + 0.05 * generator.random()}
        scores |= {"gate_mean": 0.6, "gate_entropy": 0.9, "similarity_min": 0.1, "similarity_mean": 0.5}
        scores |= {"similarity_max": 0.9}
        instruments = {"memory": _memory(generator)}
    curves, more = _search(arm, generator)
    instruments |= more
    if "lineage" in more:
        scores |= {"diversity_initial": 0.95, "diversity": 0.8 + 0.1 * generator.random(), "disagreement": 0.1}
    synthetic = benchmark == "sst2_synthetic"
    files = {"sst2/train.tsv": "0123456789abcdef" * 4} if synthetic else {}
    encoder = {"name": "all-MiniLM-L6-v2", "sha256": {"model.safetensors": "fedcba9876543210" * 4}} if synthetic else {}
    data = {"name": benchmark, "kind": "generated", "synthetic": synthetic, "evaluate_on": "generated"}
    return RunRecord(
        benchmark=benchmark,
        condition=condition,
        arm=arm,
        seed=seed,
        status="done" if done else "not run",
        reason=None if done else NO_DATA,
        configuration={},
        stamp={"configuration": "0" * 64, "code": "1" * 64, "data": "2" * 64},
        version="0.1.0",
        data=data | {"files": files, "encoder": encoder},
        flops={"allowed": 30_000_000_000, "spent": 0 if arm in CONTROLS or not done else 10**9 * (25 - 2 * place)},
        scores=scores if done else {},
        outcomes="".join("01"[int(answer)] for answer in right) if done else "",
        shared_test=synthetic,
        curves=curves if done else {},
        instruments=instruments if done else {},
    )


def _search(arm: str, generator: np.random.Generator) -> tuple[dict, dict]:
    """Curves and instruments: a swarm of two groups of three agents, a random search, or one agent."""
    if arm not in VARIANTS:
        return {}, {}
    if arm not in ("full", "swarm_only"):
        losses = np.minimum.accumulate(1 + generator.random(6 if arm == "kv_random_search" else 1)).tolist()
        return {"fold_log_loss": losses, "spent": [10**9 * (place + 1) for place in range(len(losses))]}, {}
    scores = (1 + generator.random((3, 2, 3))).tolist()
    scores[1][0][2] = None
    best = [min(score for group in row for score in group if score is not None) for row in scores]
    curves = {"fold_log_loss": best, "spent": [2 * 10**9, 4 * 10**9, 6 * 10**9], "failed_agents": [0, 1, 0]}
    lineage = [[[0, 1, 1], [3, 0, 5]], [[0, 1, 0], [3, 4, 4]], [[0, 1, 2], [3, 4, 5]]]
    told = {"lineage": lineage, "scores": scores, "members": {"learning_rate": [0.5, 0.6]}}
    return curves | {"diversity": [0.95, 0.85, 0.6, 0.6]}, told


def _memory(generator: np.random.Generator) -> dict:
    """Two entries of each of ten classes, read at random; one text holds what pages have to escape."""
    reads = generator.integers(0, 20, 20)
    right = [int(generator.integers(0, count + 1)) for count in reads]
    texts = [f"{HOSTILE} {number}" for number in range(20)]
    labels = [number // 2 for number in range(20)]
    return {
        "labels": labels,
        "counts": [1.0] * 20,
        "numbers": [*range(20)],
        "reads": reads.tolist(),
        "right": right,
    } | {"texts": texts}
