"""Known answers about streams: what follows from a record and that of joint, tables, figures and criteria on them."""

import copy
from dataclasses import replace

import pytest
from matplotlib.text import Text

from hsokv.exceptions import ConfigurationError
from hsokv.reporting import tables
from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.figures import learning_curve, swarm
from hsokv.reporting.headline import headline
from hsokv.reporting.statistics import compute_statistics
from hsokv.reporting.streams import NO_MATRIX, stream_scores
from hsokv.reporting.streams_figure import streams

from .example_statistics import NO_DATA, example_statistics
from .study import SHOTS16, configuration, not_run, record, records

ARMS = ["full", "ridge", "joint"]
FORGETTING = {"full": 0.3, "ridge": 0.25, "joint": 0.1}
SPLIT = {"seeds": [1, 2], "headline": ["once"], "conditions": ["once"], "arms": ARMS, "protocol": "stream"}


def asked(**changes) -> dict:
    """A stream, and a benchmark of shots on which joint is not defined."""
    few = SHOTS16 | {"arms": ["full", "ridge"]}
    changes = {"contrasts": [], "criteria": []} | changes
    kinds = {"arms": ARMS, "variants": ["full"], "baselines": ["ridge", "joint"]}
    return configuration(benchmarks={"split_cifar10": SPLIT, "sst2": few}, **kinds, **changes)


def streaming(benchmark, condition, arm, seed, **changes):
    """Three tasks; seed 2 forgets 0.02 more than seed 1, by every arm; ridge carries no entries."""
    if benchmark != "split_cifar10":
        return record(benchmark, condition, arm, seed)
    lost = FORGETTING[arm] + 0.02 * (seed - 1)
    rows = [[0.9], [0.9 - lost, 0.8], [0.9 - 2 * lost, 0.8 - lost, 0.7]]
    scores = {"accuracy": 0.5, "accuracy_task_incremental": 0.8 - 0.01 * (arm == "full"), "retention": 0.9 - lost}
    scores |= {"forgetting": lost, "forgetting_task_incremental": 0.01 * seed, "bwt_task_incremental": -0.01 * seed}
    carried = {"entries_bytes": 2048 * (arm != "ridge"), "statistics_bytes": 512, "weights_bytes": 1024}
    told = {
        "scores": scores,
        "outcomes": "10" * 10,
        "curves": {"accuracy_seen": [0.9, 0.8, 0.5]},
        "instruments": {
            "carried": carried,
            "accuracy_matrix": dict.fromkeys(("class_incremental", "task_incremental"), rows),
        },
        "data": {"name": "c", "kind": "user copy", "synthetic": False, "evaluate_on": "final", "note": "half of it."},
    }
    return record(benchmark, condition, arm, seed, **told | changes)


@pytest.fixture(scope="module")
def statistics() -> dict:
    return compute_statistics(records(asked(), streaming), asked())


def mean(statistics: dict, arm: str, score: str) -> float:
    return statistics["numbers"][f"split_cifar10.headline.{arm}.{score}.mean"]["value"]


def words(figure) -> str:
    return "\n".join(" ".join(text.get_text().split()) for text in figure.findobj(Text))


def test_excess_forgetting_is_paired_with_joint_by_seed(statistics):
    row = next(r for r in statistics["scores"] if (r["arm"], r["score"]) == ("full", "excess_forgetting"))
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((0.2, 0.2, 0.2))
    assert mean(statistics, "ridge", "excess_forgetting_task_incremental") == pytest.approx(0)
    assert "split_cifar10.headline.joint.excess_forgetting.mean" not in statistics["numbers"]


@pytest.mark.parametrize("joint", [None, not_run("split_cifar10", "once", "joint", 1)])
def test_without_joint_there_is_no_excess(joint):
    scores = stream_scores(streaming("split_cifar10", "once", "full", 1), joint)
    assert scores == {
        "carried_entries": 2.0,
        "carried_statistics": 0.5,
        "carried_weights": 1.0,
        "carried_total": 3.5,
    }
    assert stream_scores(record("sst2", "shots16", "full", 13), joint) == {}


def test_the_matrix_is_a_mean_over_seeds(statistics):
    row = statistics["streams"][0]
    assert (row["benchmark"], row["arm"], row["seeds"], row["status"]) == ("split_cifar10", "full", 2, "done")
    assert [r["benchmark"] for r in statistics["streams"]] == ["split_cifar10"] * 3
    expected = [[0.9], [0.59, 0.8], [0.28, 0.49, 0.7]]
    assert row["class_incremental"]["mean"] == [pytest.approx(line) for line in expected]
    assert row["class_incremental"]["low"][1][0] < 0.59 < row["class_incremental"]["high"][1][0]
    silent = compute_statistics(records(asked(), lambda *run: streaming(*run, instruments={})), asked())
    assert {r["reason"] for r in silent["streams"]} == {NO_MATRIX}
    assert "not run: its records hold" in words(streams(silent))


def test_arms_run_where_they_are_defined(statistics):
    assert statistics["study"]["runs"] == {"asked": 10, "done": 10, "not_run": 0}
    assert statistics["study"]["benchmarks"]["sst2"]["arms"] == ["full", "ridge"]
    table = tables.main_results(statistics)
    assert table.rows[-1][0].startswith("joint")
    assert table.rows[-1][2] == "\N{EN DASH}"
    assert "\N{EN DASH}: not defined for that benchmark." in table.note
    assert ("sst2", "joint") not in {(row["benchmark"], row["arm"]) for row in statistics["costs"]}
    assert tables.costs(statistics).rows[-1][-1] == "\N{EN DASH}"
    assert {(r["benchmark"], r["b"]) for r in statistics["contrasts"]} == {
        ("split_cifar10", "ridge"),
        ("split_cifar10", "joint"),
        ("sst2", "ridge"),
    }


@pytest.mark.parametrize("arms", [None, ["full", "knn"]])
def test_a_benchmark_names_arms_of_the_study(arms):
    study = asked()
    study["benchmarks"]["sst2"]["arms"] = arms
    with pytest.raises(ConfigurationError, match=r"benchmarks\.sst2\.arms: wanted some of full, ridge, joint"):
        compute_statistics([], study)


def test_a_family_contrast_with_an_arm_that_is_not_defined_says_so():
    family = [{"name": "c", "benchmark": "sst2", "a": "full", "b": "joint"}]
    (row,) = [
        r for r in compute_statistics(records(asked(), streaming), asked(contrasts=family))["contrasts"] if r["family"]
    ]
    assert (row["status"], row["reason"]) == ("not run", "joint not defined for sst2")


def test_joint_is_no_baseline(statistics):
    assert headline(statistics)["benchmarks"][0]["best_baseline"]["arm"] == "ridge"


def test_the_table_of_a_stream(statistics):
    table = tables.stream(statistics, "split_cifar10")
    assert table.caption.startswith("split_cifar10 (user copy), once: ")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["full"][-1] == "3.5 (2.0 + 0.5 + 1.0)"
    assert rows["joint"][5] == "\N{EN DASH}"
    assert rows["ridge"][1].startswith("80.0 [")
    assert "conditions_split_cifar10" not in tables.all_tables(statistics, [])
    several = asked()
    several["benchmarks"]["split_cifar10"] = SPLIT | {"conditions": ["once", "often"]}
    made = records(several, lambda b, c, *run: (streaming if c == "once" else not_run)(b, c, *run))
    table = tables.stream(compute_statistics(made, several), "split_cifar10")
    assert table.columns[:2] == ("condition", "arm")
    assert table.rows[3][:4] == ("often", "full", "not run: no data", "\N{EN DASH}")


def test_published_figures_stand_beside_ours_where_there_is_the_stream(statistics):
    rows = tables.published(statistics).rows
    assert rows[1] == ("experience replay, 500 images", "published", "57.7", "93.6")
    assert [row[0] for row in rows if row[1] == "this study"] == ["ridge", "full", "joint"]
    assert tables.published(compute_statistics([], configuration())).rows == ()


def test_a_copy_and_its_note_are_shown_with_the_benchmark(statistics):
    found = tables.all_tables(statistics, [])
    assert found["main"].columns == ("arm", "split_cifar10 (user copy)", "sst2")
    for name in ("main", "contrasts", "stream_split_cifar10", "published", "costs"):
        assert found[name].note.count("split_cifar10: half of it.") == 1, name
    assert "half of it" not in found["conditions_sst2"].note


def criterion(**changes) -> dict:
    return {"name": "c", "benchmark": "split_cifar10", "arm": "full", "score": "bwt_task_incremental"} | changes


@pytest.mark.parametrize(
    ("wanted", "verdict", "reason"),
    [
        ({"kind": "magnitude", "below": 0.2}, "pass", "the whole interval clears it"),
        ({"kind": "magnitude", "below": 0.05}, "fail", "the interval reaches -0.0785, not above -0.05"),
        ({"kind": "magnitude", "below": 0.01}, "fail", "the estimate is -0.015, not above -0.01"),
        ({"kind": "rate", "below": 0.05}, "pass", "the whole interval clears it"),
        ({"kind": "rate", "below": 0.04}, "fail", "the interval reaches 0.0485, not under 0.04"),
        (
            {"kind": "not_worse", "over": "ridge", "score": "accuracy_task_incremental", "margin": 0.02},
            "pass",
            "the whole interval clears it",
        ),
        (
            {"kind": "not_worse", "over": "ridge", "score": "accuracy_task_incremental", "margin": 0.005},
            "fail",
            "the estimate is -0.01, not above -0.005",
        ),
        (
            {"kind": "difference", "over": "joint", "score": "forgetting", "at_least": 0.1},
            "pass",
            "clears it, with the interval above 0",
        ),
        ({"kind": "difference", "over": "joint", "score": "gate", "at_least": 0.1}, "not measured", "hold no gate"),
        ({"benchmark": "sst2", "kind": "lift", "over": "joint", "above": 0}, "not measured", "not defined for sst2"),
    ],
)
def test_what_the_bounds_of_a_criterion_mean(wanted, verdict, reason):
    study = asked(criteria=[criterion(**wanted)])
    found = compute_statistics(records(study, streaming), study)
    (entry,) = judge_criteria(found, study)
    assert entry["verdict"] == verdict
    assert reason in entry["reason"]


def test_criteria_are_printed_in_their_own_units():
    study = asked(
        criteria=[
            criterion(kind="magnitude", below=0.05),
            criterion(name="d", kind="not_worse", over="ridge", score="accuracy_task_incremental", margin=0.02),
            criterion(name="e", kind="difference", over="ridge", score="retention", at_least=0.2),
        ]
    )
    found = compute_statistics(records(study, streaming), study)
    rows = tables.criteria(found, judge_criteria(found, study)).rows
    assert [row[2] for row in rows] == ["within \N{PLUS-MINUS SIGN} 5.0", "> -2.0", ">= 20.0"]
    assert rows[1][3] == "-1.0 [-1.0, -1.0]"
    shown = {row[0]: row[2:4] for row in tables.contrasts(found).rows}
    assert shown["full minus ridge, retention"] == ("-5.0 [-5.0, -5.0]", "")
    assert "full_over_ridge_split_cifar10_retention.lift" not in found["numbers"]


@pytest.mark.parametrize("wanted", [{"kind": "rate", "margin": 0.1}, {"kind": "magnitude", "above": 0.1}])
def test_a_bound_that_a_kind_does_not_have_is_refused(wanted):
    with pytest.raises(ConfigurationError, match=r"criteria\.c: wanted a threshold for a (rate|magnitude), `"):
        compute_statistics([], asked(criteria=[criterion(**wanted)]))


def test_streams_are_drawn_by_arm_and_by_task():
    statistics = example_statistics()
    figure = streams(statistics)
    above, full = figure.axes[:2]
    curve = next(
        row["mean"]
        for row in statistics["curves"]
        if (row["benchmark"], row["arm"], row["condition"]) == ("split_cifar10", "full", "headline")
    )
    assert above.lines[0].get_ydata().tolist() == pytest.approx([100 * value for value in curve])
    matrix = next(r for r in statistics["streams"] if r["arm"] == "full")["class_incremental"]["mean"]
    drawn = [line.get_ydata().tolist() for line in full.lines]
    assert drawn == [pytest.approx([100 * matrix[t][i] for t in range(i, 5)]) for i in range(5)]
    named = words(figure).splitlines()
    assert {"full", "kv_closed_form", "joint", "split_cifar10 4 seeds"} <= set(named)
    assert "split_cifar10_synthetic synthetic stand-in, 4 seeds" in named


def test_streams_that_were_not_run_or_are_none_say_so():
    study = asked()
    missing = compute_statistics(records(study, lambda *run: not_run(*run, reason=NO_DATA)), study)
    assert f"not run: {NO_DATA}" in words(streams(missing))
    assert "not run: nothing of this figure" in words(streams(compute_statistics([], configuration())))


def test_a_learning_curve_needs_two_numbers_of_shots():
    statistics = example_statistics()
    _, curve, single = learning_curve(statistics).axes
    assert "16 shots a class is the only condition" in " ".join(text.get_text() for text in single.texts).replace(
        "\n", " "
    )
    rows = [
        row["mean"]
        for condition in ("shots1", "shots4", "shots16")
        for row in statistics["scores"]
        if (row["benchmark"], row["condition"], row["arm"], row["score"])
        == ("sst2_synthetic", condition, "full", "accuracy")
    ]
    assert curve.lines[0].get_ydata().tolist() == pytest.approx([100 * row for row in rows])
    assert [label.get_text() for label in curve.get_xticklabels()] == ["1", "4", "16"]
    none = copy.deepcopy(statistics)
    for benchmark in none["study"]["benchmarks"].values():
        benchmark["shots"] = {}
    assert "not run: nothing of this figure" in words(learning_curve(none))


def test_a_swarm_that_tells_of_no_rounds_has_its_gate_drawn_all_the_same():
    def make(benchmark, condition, arm, seed):
        found = streaming(benchmark, condition, arm, seed)
        return replace(found, scores=found.scores | ({"diversity": 0.5, "gate_mean": 0.4} if arm == "full" else {}))

    statistics = compute_statistics(records(asked(), make), asked())
    statistics["curves"].append(
        {**statistics["curves"][0], "benchmark": "sst2", "condition": "headline", "curve": "copied"}
    )
    assert {"split_cifar10 2 seeds", "sst2 2 seeds"} <= set(words(swarm(statistics)).splitlines())
