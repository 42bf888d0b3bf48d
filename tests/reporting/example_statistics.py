"""A MADE-UP study for the tests of figures and pages: random outcomes, no run stands behind any number here."""

from functools import cache

import numpy as np

from hsokv.records import RunRecord
from hsokv.reporting.statistics import compute_statistics

CONTROLS_OF_THE_SWARM = ["kv_closed_form", "kv_random_search"]
VARIANTS = ["full", *CONTROLS_OF_THE_SWARM, "kv_only", "swarm_only", "neither"]  # in the order of the figures
BASELINES = ["knn", "prototypes", "ridge", "linear_probe", "experience_replay", "joint"]
ON_STREAMS = ["full", "kv_closed_form", "kv_only", "swarm_only", "neither", "ridge", "experience_replay", "joint"]
CONTROLS = {"chance": 0.01, "bag_of_words_1nn": 0.03, "bag_of_words_lda": 0.38, "bayes_reader": 0.93, "oracle": 0.98}
LEVELS = [f"{senses}_level{level}" for senses in ("two_senses", "one_sense") for level in (1, 2, 3)]
NO_DATA = "SST-2 is not in the data folder and it could not be fetched"
HOSTILE = "a_b | 5 % of $x$ `<i>` \\y & #1 {z}: ~^"
SEEDS = [13, 21, 42, 87]
TASKS = 5
NOTE = "its encoder was trained on this data set's own training texts"


def configuration(*, small: bool = False) -> dict:
    """The made-up study's configuration, as far as statistics, figures and pages read it."""
    arms = VARIANTS + BASELINES[:4]
    rare = {"seeds": SEEDS, "headline": LEVELS[:3], "conditions": LEVELS, "controls": list(CONTROLS), "arms": arms}
    few = {"seeds": SEEDS, "headline": ["shots16"], "conditions": ["shots16"], "arms": arms, "shots": {"shots16": 16}}
    shots = {f"shots{count}": count for count in (1, 4, 16)}
    stream = {"seeds": SEEDS, "headline": ["once"], "conditions": ["once"], "arms": ON_STREAMS, "protocol": "stream"}
    return {
        "evaluate_on": "final",
        "small": small,
        "benchmarks": {
            "rare_words": rare,
            "sst2": few,
            "sst2_synthetic": few | {"conditions": list(shots), "shots": shots},
            "mnli": few,
            "split_cifar10": stream,
            "split_cifar10_synthetic": stream,
        },
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
            {"name": "backward_transfer", "benchmark": "split_cifar10", "arm": "full", "kind": "magnitude"}
            | {"score": "bwt_task_incremental", "below": 0.05},
            {"name": "backward_transfer_accuracy", "benchmark": "split_cifar10", "arm": "full", "over": "ridge"}
            | {"score": "accuracy_task_incremental", "kind": "not_worse", "margin": 0.02},
            {"name": "retention", "benchmark": "split_cifar10", "arm": "full", "over": "neither", "kind": "difference"}
            | {"score": "retention", "at_least": 0.2},
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
        for arm in (*settings["arms"], *settings.get("controls", ()))
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
    instruments, seen = {}, []
    if benchmark.startswith("split"):
        told, instruments, seen = _stream(arm, generator)
        scores |= told
    if arm in ("full", "kv_only"):
        scores |= {"hit_rate": 0.7 + 0.01 * generator.random(), "hit_chance": 0.01}
        scores |= {"accuracy_without_memory": scores["accuracy"] - 0.1 + 0.05 * generator.random()}
        scores |= {"gate_mean": 0.6, "gate_entropy": 0.9, "similarity_min": 0.1, "similarity_mean": 0.5}
        scores |= {"similarity_max": 0.9}
        alone = "".join("01"[int(answer)] for answer in right ^ (generator.random(200) < 0.15))
        instruments |= {"memory": _memory(generator) | {"outcomes_without": alone}}
    curves, more = ({"accuracy_seen": seen}, {}) if seen else _search(arm, generator)
    instruments |= more
    if "lineage" in more:
        scores |= {"diversity_initial": 0.95, "diversity": 0.8 + 0.1 * generator.random(), "disagreement": 0.1}
    synthetic = benchmark.endswith("_synthetic")
    files = {"sst2/train.tsv": "0123456789abcdef" * 4} if synthetic else {}
    encoder = {"name": "all-MiniLM-L6-v2", "sha256": {"model.safetensors": "fedcba9876543210" * 4}} if synthetic else {}
    kinds = {"sst2": "official", "mnli": "official", "split_cifar10": "user copy"}
    data = {"name": benchmark, "kind": kinds.get(benchmark, "generated"), "synthetic": synthetic}
    data |= {"evaluate_on": "generated"} | ({"note": NOTE} if benchmark == "mnli" else {})
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
        shared_test=benchmark != "rare_words",
        curves=curves if done else {},
        instruments=instruments if done else {},
    )


def _stream(arm: str, generator: np.random.Generator) -> tuple[dict, dict, list[float]]:
    """Scores, instruments and accuracy over all classes seen of five tasks; `neither` forgets, the others less."""
    lost = {"neither": 0.45, "joint": 0.02}.get(arm, 0.1) + 0.02 * generator.random()
    found = {}
    for scenario, share in (("class_incremental", 1.0), ("task_incremental", 0.1)):
        fallen = [[share * (lost * (t - i) + 0.06 * t) for i in range(t + 1)] for t in range(TASKS)]
        found[scenario] = [[max(0.95 - fall, 0) for fall in row] for row in fallen]
    scores = {"accuracy_task_incremental": float(np.mean(found["task_incremental"][-1]))}
    scores |= {"carried_bytes": 0}
    for scenario, ending in (("class_incremental", ""), ("task_incremental", "_task_incremental")):
        matrix, last = found[scenario], found[scenario][-1][:-1]
        scores[f"bwt{ending}"] = float(np.mean([after - matrix[i][i] for i, after in enumerate(last)]))
        best = [max(matrix[t][i] for t in range(i, TASKS - 1)) for i in range(TASKS - 1)]
        scores[f"forgetting{ending}"] = float(np.mean(np.subtract(best, last)))
        scores[f"retention{ending}"] = float(np.mean(last))
    carried = {"entries_bytes": 1_024_000 * (arm in ("full", "kv_only", "joint")), "statistics_bytes": 40_960}
    carried |= {"weights_bytes": 10_240}
    seen = [float(np.mean(row)) for row in found["class_incremental"]]
    return scores, {"accuracy_matrix": found, "carried": carried}, seen


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
