"""What each kind of criterion means at its threshold; none is dropped, and a slip of the pen is refused."""

import pytest

from hsokv.analysis.criteria import failures, judge
from hsokv.analysis.frames import criteria_entries
from hsokv.analysis.intervals import Interval, interval
from hsokv.analysis.statistics import analyse
from hsokv.analysis.verdicts import summary, validation_page
from hsokv.exceptions import ConfigurationError

from .study import CRITERION, analysed, configuration, not_run, record, row
from .test_streams import stream_study, streaming

TIME = {"minutes": 29.9, "cores": 2, "configuration": "a", "machine": {}}


def judged(study, make=record, **beside) -> dict:
    return row(analysed(study, make, **beside).criteria, name=study["criteria"][0]["name"])


@pytest.mark.parametrize(
    ("estimate", "comparison", "threshold", "whole", "verdict", "reason"),
    [
        (Interval(0.7, 0.61, 0.8), ">", 0.6, True, "pass", "whole interval"),
        (Interval(0.7, 0.6, 0.8), ">", 0.6, True, "fail", "reaches 0.6, not above 0.6"),
        (Interval(0.7, 0.6, 0.8), ">=", 0.6, True, "pass", "whole interval"),
        (Interval(0.7, 0.5, 0.9), ">=", 0.6, True, "fail", "reaches 0.5, under 0.6"),
        (Interval(0.5, 0.4, 0.6), ">=", 0.6, True, "fail", "estimate 0.5 is under"),
        (Interval(0.12, 0.01, 0.23), ">=", 0.1, False, "pass", "above 0"),
        (Interval(0.12, -0.01, 0.25), ">=", 0.1, False, "fail", "not ruled out"),
        (Interval(0.08, 0.05, 0.11), ">=", 0.1, False, "fail", "estimate 0.08"),
        (Interval(0.25, 0.0, 0.5), ">=", 0.2, False, "fail", "not ruled out"),
        (interval([0.9]), ">=", 0.6, True, "not measured", "fewer than 2 seeds"),
    ],
)
def test_verdicts(estimate, comparison, threshold, whole, verdict, reason):
    judged, why = judge(estimate, comparison, threshold, whole)
    assert (judged, reason in why) == (verdict, True)


def test_a_criterion_keeps_its_value_its_interval_and_its_evidence():
    found = analysed(configuration())
    entries = {entry["name"]: entry for entry in criteria_entries(found.criteria)}
    assert list(entries) == ["kv_hit_rate", "lift", "few_shot", "bwt"]
    assert (entries["kv_hit_rate"]["verdict"], entries["kv_hit_rate"]["value"]) == ("pass", pytest.approx(0.8))
    assert entries["lift"]["value"] == row(found.contrasts, name="ablation")["lift"]
    assert entries["lift"]["evidence"] == [f"results/records/rare_words/{arm}.jsonl" for arm in ("full", "kv_only")]
    assert entries["few_shot"]["verdict"] == "fail"
    assert (entries["bwt"]["verdict"], entries["bwt"]["interval"], entries["bwt"]["evidence"]) == (
        "not measured",
        None,
        [],
    )
    assert (entries["bwt"]["threshold"], entries["bwt"]["comparison"]) == (0.05, "<")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"benchmark": "sst2_synthetic"}, "synthetic stand-in"),
        ({"arm": "swarm_only"}, "swarm_only"),
        ({"score": "bwt"}, "bwt"),
        ({"kind": "lift", "over": "nothing"}, "nothing"),
        ({"benchmark": "mnli"}, "mnli"),
        ({"kind": "lift", "over": "chance"}, "undefined"),  # a lift over next to nothing
    ],
)
def test_what_cannot_be_measured_says_why(change, reason):
    nothing = {"outcomes": "0" * 20, "scores": {"accuracy": 0.0}}
    study = configuration(criteria=[CRITERION | {"at_least": 0.5} | change])
    entry = judged(study, lambda *run: record(*run, **nothing if run[2] == "chance" else {}))
    assert entry["verdict"] == "not measured"
    assert reason in entry["reason"]


@pytest.mark.parametrize(
    ("wanted", "verdict"),
    [
        ({"kind": "magnitude", "below": 0.2}, "pass"),
        ({"kind": "magnitude", "below": 0.05}, "fail"),  # the interval reaches -0.08
        ({"kind": "magnitude", "below": 0.01}, "fail"),
        ({"kind": "rate", "below": 0.05}, "pass"),
        ({"kind": "rate", "below": 0.04}, "fail"),
        ({"kind": "not_worse", "over": "ridge", "score": "accuracy_task_incremental", "margin": 0.02}, "pass"),
        ({"kind": "not_worse", "over": "ridge", "score": "accuracy_task_incremental", "margin": 0.005}, "fail"),
        ({"kind": "difference", "over": "joint", "score": "forgetting", "at_least": 0.1}, "pass"),
        ({"kind": "difference", "over": "joint", "score": "gate_mean", "at_least": 0.1}, "not measured"),
        ({"benchmark": "sst2", "kind": "lift", "over": "joint", "above": 0}, "not measured"),
    ],
)
def test_what_the_thresholds_of_a_kind_mean(wanted, verdict):
    stream = CRITERION | {"benchmark": "split_cifar10", "score": "bwt_task_incremental"}
    assert judged(stream_study(criteria=[stream | wanted]), streaming)["verdict"] == verdict


def test_a_criterion_on_tracks_is_read_on_the_best_of_them():
    study = configuration(
        criteria=[CRITERION | {"benchmark": "sst2", "at_least": 0.7, "tracks": ["shots16", "tuned", "x"]}]
    )
    study["benchmarks"]["sst2"]["conditions"] = ["shots16", "tuned", "x"]

    def make(benchmark, condition, arm, seed):
        better = {"scores": {"accuracy": 0.9}, "outcomes": "1" * 18 + "00"} if condition == "tuned" else {}
        return (not_run if condition == "x" else record)(benchmark, condition, arm, seed, **better)

    entry = judged(study, make)
    assert (entry["value"], entry["condition"]) == (pytest.approx(0.9), "tuned")
    assert "tuned" in entry["reason"]
    study["criteria"][0]["tracks"] = ["x"]
    assert judged(study, make)["reason"] == "not run: no data"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "pass"),
        ({"minutes": 30.0}, "fail"),
        ({"minutes": None}, "not measured"),
        ({"configuration": "b"}, "not measured"),
        ({"cores": None}, "not measured"),
        ({"cores": 4}, "not measured"),
    ],
)
def test_the_time_of_the_study_is_one_measurement_of_this_configuration(changes, verdict):
    criterion = CRITERION | {"name": "time", "benchmark": "study", "score": "minutes", "below": 30.0}
    study = configuration(criteria=[criterion], digest="a")
    assert judged(study, time=TIME | changes)["verdict"] == verdict
    assert judged(study)["verdict"] == "not measured"
    part = configuration(criteria=[criterion, CRITERION | {"benchmark": "mnli", "above": 0.5}], digest="a")
    assert judged(part, time=TIME)["verdict"] == "not measured"


def test_a_criterion_on_no_score_is_refused_with_the_nearest():
    with pytest.raises(ConfigurationError, match=r"criteria\.c\.score.*'accuracy'"):
        analyse([], configuration(criteria=[CRITERION | {"score": "accurcy", "above": 0.1}]))


def test_only_a_failure_that_is_not_allowed_counts():
    entries = criteria_entries(analysed(configuration()).criteria)
    assert failures(entries, []) == ["few_shot"]
    assert failures(entries, ["few_shot"]) == []
    with pytest.raises(ConfigurationError, match="'few_shot'"):
        failures(entries, ["few_shots"])


def test_the_page_and_the_summary_tell_every_verdict(tmp_path):
    study = analysed(configuration())
    study.write(tmp_path / "statistics")
    page, told = validation_page(study, ["few_shot"]), summary(tmp_path, pdf=True)
    for entry in criteria_entries(study.criteria):
        assert all(entry["name"] in text and entry["reason"] in text for text in (page, told))
        assert all(path in page for path in entry["evidence"])
    assert page.count("allowed") == 1
    assert "report.html" not in told  # none was made
