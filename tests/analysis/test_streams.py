"""Known answers about streams: what follows from a record and that of joint, and the accuracy on each task."""

import pytest

from hsokv.analysis.scores import scores_of
from hsokv.analysis.statistics import NO_MATRIX

from .study import SHOTS16, analysed, configuration, mean, not_run, record, row

ARMS = ["full", "ridge", "joint"]
FORGETTING = {"full": 0.3, "ridge": 0.25, "joint": 0.1}
SPLIT = {"seeds": [1, 2], "headline": ["once"], "conditions": ["once"], "arms": ARMS, "protocol": "stream"}


def stream_study(**changes) -> dict:
    """A stream, and a benchmark of shots on which joint is not defined."""
    few = SHOTS16 | {"arms": ["full", "ridge"]}
    kinds = {"arms": ARMS, "variants": ["full"], "baselines": ["ridge", "joint"], "contrasts": [], "criteria": []}
    return configuration(benchmarks={"split_cifar10": SPLIT, "sst2": few}, **kinds | changes)


def streaming(benchmark, condition, arm, seed, **changes):
    """Three tasks; seed 2 forgets 0.02 more than seed 1, by every arm; ridge carries no entries."""
    if benchmark != "split_cifar10":
        return record(benchmark, condition, arm, seed)
    lost = FORGETTING[arm] + 0.02 * (seed - 1)
    rows = [[0.9], [0.9 - lost, 0.8], [0.9 - 2 * lost, 0.8 - lost, 0.7]]
    scores = {"accuracy": 0.5, "accuracy_task_incremental": 0.8 - 0.01 * (arm == "full"), "retention": 0.9 - lost}
    scores |= {"forgetting": lost, "forgetting_task_incremental": 0.01 * seed, "bwt_task_incremental": -0.01 * seed}
    carried = {"entries_bytes": 2048 * (arm != "ridge"), "statistics_bytes": 512, "weights_bytes": 1024}
    matrix = dict.fromkeys(("class_incremental", "task_incremental"), rows)
    told = {"scores": scores, "outcomes": "10" * 10, "curves": {"accuracy_seen": [0.9, 0.8, 0.5]}}
    told |= {"instruments": {"carried": carried, "accuracy_matrix": matrix}}
    return record(benchmark, condition, arm, seed, **told | changes)


@pytest.fixture(scope="module")
def study():
    return analysed(stream_study(contrasts=[{"name": "c", "benchmark": "sst2", "a": "full", "b": "joint"}]), streaming)


def test_excess_forgetting_is_paired_with_joint_by_seed(study):
    found = row(study.scores, condition="headline", arm="full", score="excess_forgetting")
    assert [found[end] for end in ("mean", "low", "high")] == pytest.approx([0.2] * 3)
    assert mean(study, "split_cifar10", "ridge", "excess_forgetting_task_incremental") == pytest.approx(0)
    assert study.scores.query("arm == 'joint' and score == 'excess_forgetting'").empty
    for joint in (None, not_run("split_cifar10", "once", "joint", 1)):
        scores = scores_of(streaming("split_cifar10", "once", "full", 1), joint)
        assert not [name for name in scores if name.startswith("excess")]
        carried = [scores[f"carried_{part}"] for part in ("entries", "statistics", "weights", "total")]
        assert carried == [2.0, 0.5, 1.0, 3.5]


def test_the_accuracy_on_each_task_is_a_mean_over_seeds(study):
    assert set(study.task_accuracy["benchmark"]) == {"split_cifar10"}
    found = study.task_accuracy.query("arm == 'full' and scenario == 'class_incremental'")
    table = found.pivot(index="after_task", columns="task", values="mean").to_numpy()
    assert table[1, :2] == pytest.approx([0.59, 0.8])
    assert table[2] == pytest.approx([0.28, 0.49, 0.7])
    silent = analysed(stream_study(), lambda *run: streaming(*run, instruments={}))
    assert set(silent.task_accuracy["reason"]) == {NO_MATRIX}


def test_arms_run_where_they_are_defined(study):
    assert study.about["runs"] == {"expected": 10, "done": 10, "not_run": 0}
    assert ("sst2", "joint") not in set(zip(study.costs["benchmark"], study.costs["arm"], strict=True))
    shown = study.contrasts[~study.contrasts["family"]]
    pairs = set(zip(shown["benchmark"], shown["b"], strict=True))
    assert pairs == {("split_cifar10", "ridge"), ("split_cifar10", "joint"), ("sst2", "ridge")}
    contrast = row(study.contrasts, name="c")
    assert (contrast["status"], "joint" in contrast["reason"]) == ("not run", True)
