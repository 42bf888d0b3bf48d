"""What each kind of criterion means at its threshold; none is dropped, and a slip of the pen is refused."""

import pytest

from hsokv.analysis.criteria import criteria_of, failures, judge
from hsokv.analysis.frames import criteria_entries
from hsokv.analysis.intervals import Interval, interval
from hsokv.analysis.statistics import analyse
from hsokv.analysis.verdicts import summary, validation_page
from hsokv.exceptions import ConfigurationError

from .study import CRITERION, analysed, configuration, finished, not_run, record, row
from .test_streams import stream_study, streaming


def judged(criteria, study=configuration, make=record) -> list[dict]:
    """The verdicts on criteria in one study, in order."""
    named = [CRITERION | {"name": f"c{place}"} | criterion for place, criterion in enumerate(criteria)]
    return analysed(study(criteria=named), make).criteria.to_dict("records")


@pytest.mark.parametrize(
    ("estimate", "comparison", "threshold", "whole", "verdict", "reason"),
    [
        (Interval(0.7, 0.61, 0.8), ">", 0.6, True, "pass", "whole interval"),
        (Interval(0.7, 0.6, 0.8), ">", 0.6, True, "fail", "reaches 0.6, not above 0.6"),
        (Interval(0.7, 0.6, 0.8), ">=", 0.6, True, "pass", "whole interval"),
        (Interval(0.7, 0.5, 0.9), ">=", 0.6, True, "fail", "reaches 0.5, under 0.6"),
        (Interval(0.12, 0.01, 0.23), ">=", 0.1, False, "pass", "above 0"),
        (Interval(0.08, 0.05, 0.11), ">=", 0.1, False, "fail", "estimate 0.08"),
        (Interval(0.25, 0.0, 0.5), ">=", 0.2, False, "fail", "not ruled out"),
        (interval([0.9]), ">=", 0.6, True, "not measured", "fewer than 2 seeds"),
    ],
)
def test_verdicts(estimate, comparison, threshold, whole, verdict, reason):
    judged, why = judge(estimate, comparison, threshold, whole)
    assert (judged, reason in why) == (verdict, True)


def test_a_criterion_keeps_its_value_its_interval_and_its_evidence():
    hits, lift, few_shot, bwt = criteria_entries(finished().criteria)
    assert (hits["verdict"], hits["value"], few_shot["verdict"]) == ("pass", pytest.approx(0.8), "fail")
    assert lift["value"] == row(finished().contrasts, name="ablation")["lift"]
    assert lift["evidence"] == [f"results/records/rare_words/{arm}.jsonl" for arm in ("full", "kv_only")]
    assert [bwt[name] for name in ("verdict", "interval", "evidence")] == ["not measured", None, []]
    assert (bwt["threshold"], bwt["comparison"]) == (0.05, "<")


def test_what_cannot_be_measured_says_why():
    cases = [
        ({"benchmark": "sst2_synthetic"}, "synthetic stand-in"),
        ({"arm": "swarm_only"}, "swarm_only"),
        ({"score": "bwt"}, "bwt"),
        ({"kind": "lift", "over": "nothing"}, "nothing"),
        ({"benchmark": "cartpole", "score": "speed_up"}, "cartpole"),
        ({"kind": "lift", "over": "chance"}, "undefined"),  # a lift over next to nothing
    ]
    nothing = {"outcomes": "0" * 20, "scores": {"accuracy": 0.0}}
    entries = judged(
        [{"at_least": 0.5} | change for change, _ in cases],
        make=lambda *run: record(*run, **nothing if run[2] == "chance" else {}),
    )
    for entry, (_, reason) in zip(entries, cases, strict=True):
        assert (entry["verdict"], reason in entry["reason"]) == ("not measured", True), reason


def test_what_the_thresholds_of_a_kind_mean():
    incremental = "accuracy_task_incremental"
    cases = [
        ({"kind": "magnitude", "below": 0.2}, "pass"),
        ({"kind": "magnitude", "below": 0.05}, "fail"),  # the interval reaches -0.08
        ({"kind": "rate", "below": 0.05}, "pass"),
        ({"kind": "rate", "below": 0.04}, "fail"),
        ({"kind": "not_worse", "over": "ridge", "score": incremental, "margin": 0.02}, "pass"),
        ({"kind": "not_worse", "over": "ridge", "score": incremental, "margin": 0.005}, "fail"),
        ({"kind": "difference", "over": "joint", "score": "forgetting", "at_least": 0.1}, "pass"),
        ({"kind": "difference", "over": "joint", "score": "gate_mean", "at_least": 0.1}, "not measured"),
        ({"benchmark": "sst2", "kind": "lift", "over": "joint", "above": 0}, "not measured"),
    ]
    stream = {"benchmark": "split_cifar10", "score": "bwt_task_incremental"}
    entries = judged([stream | wanted for wanted, _ in cases], stream_study, streaming)
    assert [entry["verdict"] for entry in entries] == [verdict for _, verdict in cases]


def test_a_criterion_on_tracks_is_read_on_the_best_of_them():
    def study(**changes):
        made = configuration(**changes)
        made["benchmarks"]["sst2"]["conditions"] = ["shots16", "tuned", "x"]
        return made

    def make(benchmark, condition, arm, seed):
        better = {"scores": {"accuracy": 0.9}, "outcomes": "1" * 18 + "00"} if condition == "tuned" else {}
        return (not_run if condition == "x" else record)(benchmark, condition, arm, seed, **better)

    tracks = {"benchmark": "sst2", "at_least": 0.7}
    best, absent = judged([tracks | {"tracks": of} for of in (["shots16", "tuned", "x"], ["x"])], study, make)
    assert (best["value"], best["condition"], "tuned" in best["reason"]) == (pytest.approx(0.9), "tuned", True)
    assert absent["reason"] == "not run: no data"


def test_the_time_of_the_study_is_one_measurement_of_this_configuration():
    time = {"minutes": 29.9, "cores": 2, "configuration": "a", "machine": {}}
    criterion = CRITERION | {"name": "time", "benchmark": "study", "score": "minutes", "below": 30.0}
    part = [criterion, CRITERION | {"benchmark": "mnli", "above": 0.5}]

    def verdict(time, criteria=(criterion,)):
        study, about = configuration(criteria=criteria, digest="a"), finished().about | {"time": time}
        return criteria_of(finished().scores, finished().contrasts, about, study)["verdict"][0]

    assert (verdict(time), verdict(time | {"minutes": 30.0})) == ("pass", "fail")
    others = [{"minutes": None}, {"configuration": "b"}, {"cores": None}, {"cores": 4}]
    unmeasured = [verdict(None), verdict(time, part), *(verdict(time | change) for change in others)]
    assert set(unmeasured) == {"not measured"}


def test_a_criterion_on_no_score_is_refused_with_the_nearest():
    with pytest.raises(ConfigurationError, match=r"criteria\.c\.score.*'accuracy'"):
        analyse([], configuration(criteria=[CRITERION | {"score": "accurcy", "above": 0.1}]))


def test_only_a_failure_that_is_not_allowed_counts():
    entries = criteria_entries(finished().criteria)
    assert (failures(entries, []), failures(entries, ["few_shot"])) == (["few_shot"], [])
    with pytest.raises(ConfigurationError, match="'few_shot'"):
        failures(entries, ["few_shots"])


def test_the_page_and_the_summary_tell_every_verdict(tmp_path):
    finished().write(tmp_path / "statistics")
    page, told = validation_page(finished(), ["few_shot"]), summary(tmp_path, pdf=True)
    for entry in criteria_entries(finished().criteria):
        assert all(entry["name"] in text and entry["reason"] in text for text in (page, told))
        assert all(path in page for path in entry["evidence"])
    assert (page.count("allowed"), "report.html" in told) == (1, False)  # none was made
