import json
from dataclasses import replace

import numpy as np
import pytest

from hsokv.analysis.intervals import interval
from hsokv.exceptions import ConfigurationError, RecordError
from hsokv.reporting.asked import runs_asked
from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.headline import CONTROLS, headline
from hsokv.reporting.statistics import compute_statistics

from .study import configuration, not_run, record, records, right, with_arms


@pytest.fixture(scope="module")
def statistics() -> dict:
    return compute_statistics(records(configuration()), configuration())


def row(rows: list[dict], **wanted) -> dict:
    (found,) = [r for r in rows if all(r[key] == value for key, value in wanted.items())]
    return found


def without(statistics: dict, configuration: dict) -> dict[str, dict]:
    return {entry["name"]: entry for entry in judge_criteria(statistics, configuration)}


def test_a_headline_is_the_mean_over_its_conditions_seed_by_seed(statistics):
    found = row(statistics["scores"], benchmark="rare_words", condition="headline", arm="full", score="accuracy")
    per_seed = [(right("full", s, "level1") + right("full", s, "level2")) / 40 for s in (1, 2, 3)]
    assert (found["mean"], found["low"], found["high"]) == pytest.approx(interval(per_seed))
    assert (found["seeds"], found["status"], found["reason"], found["synthetic"]) == (3, "done", None, False)


def test_a_shared_test_set_adds_the_examples_term(statistics):
    found = row(statistics["scores"], benchmark="sst2", condition="shots16", arm="knn", score="accuracy")
    rows = np.array([[1.0] * hits + [0.0] * (20 - hits) for hits in (16, 16)])
    free = interval([0.8, 0.8], rows)
    assert found["mean"] == pytest.approx(0.8)
    assert (found["low"], found["high"]) == (0.0, 1.0)  # no accuracy lies beyond
    assert free.low < 0 < 1 < free.high


def test_derived_scores(statistics):
    place = {"benchmark": "sst2", "condition": "headline", "arm": "full"}
    assert row(statistics["scores"], score="hit_corrected", **place)["mean"] == pytest.approx(0.75)
    assert row(statistics["scores"], score="accuracy_lost_without_memory", **place)["mean"] == pytest.approx(0.5)


def test_contrasts_are_paired_and_p_stays_in_the_family(statistics):
    found = row(statistics["contrasts"], name="ablation")
    assert found["difference"] == pytest.approx(0.2)
    assert (found["p"], found["p_holm"], found["family"]) == (0.25, 0.5, True)
    assert found["lift"] == pytest.approx(0.2 / np.mean([11.5, 10.5, 11.5]) * 20)
    assert found["lift_low"] < found["lift"] < found["lift_high"]
    shown = row(statistics["contrasts"], name="full_over_kv_only_sst2")
    assert (shown["family"], shown["p"], shown["p_holm"]) == (False, None, None)
    pairs = {(r["benchmark"], r["b"]) for r in statistics["contrasts"]}
    assert pairs == {(b, arm) for b in ("rare_words", "sst2", "sst2_synthetic") for arm in ("kv_only", "knn")}


def test_costs_and_curves(statistics):
    found = row(statistics["costs"], benchmark="sst2", arm="knn")
    assert (found["flops_allowed"], found["flops_spent"]) == (2_000_000, 1_500_000)
    curve = row(statistics["curves"], benchmark="rare_words", condition="one_sense_level1", arm="full")
    assert (curve["curve"], curve["x"], curve["mean"]) == ("gate", [1, 2], pytest.approx([0.5, 0.2]))


def test_same_records_in_any_order_same_bytes(statistics):
    again = compute_statistics(list(reversed(records(configuration()))), configuration())
    assert json.dumps(again, allow_nan=False) == json.dumps(statistics, allow_nan=False)


def test_a_run_not_made_leaves_no_mean_over_the_others():
    made = [r for r in records(configuration()) if (r.benchmark, r.arm, r.seed) != ("sst2", "knn", 13)]
    found = compute_statistics([*made, not_run("sst2", "shots16", "knn", 13)], configuration())
    cell = row(found["scores"], benchmark="sst2", condition="headline", arm="knn", score="accuracy")
    assert (cell["mean"], cell["status"], cell["reason"]) == (None, "not run", "1 of 2 seeds: no data")
    contrast = row(found["contrasts"], name="over_knn")
    assert (contrast["difference"], contrast["p"], contrast["p_holm"]) == (None, None, None)
    assert contrast["reason"] == "1 of 2 seeds: no data"
    assert row(found["contrasts"], name="ablation")["p_holm"] == 0.5  # the family keeps its size
    assert found["numbers"]["sst2.headline.knn.accuracy.mean"]["text"] == "not run: 1 of 2 seeds: no data"


def test_a_benchmark_not_run_is_not_run_everywhere():
    asked = configuration()
    made = records(asked, lambda b, *run: (not_run if b == "sst2" else record)(b, *run))
    found = compute_statistics(made, asked)
    assert {r["status"] for r in found["scores"] if r["benchmark"] == "sst2"} == {"not run"}
    assert found["numbers"]["sst2.headline.full.hit_rate.mean"]["text"] == "not run: no data"
    assert found["numbers"]["sst2.full.flops.spent"]["text"] == "not run: no data"
    criterion = without(found, asked)["few_shot"]
    assert (criterion["verdict"], criterion["reason"]) == ("not measured", "not run: no data")
    assert found["study"]["runs"] == {"asked": 48, "done": 42, "not_run": 6}


def test_no_records_at_all_still_make_statistics():
    found = compute_statistics([], configuration())
    assert {r["reason"] for r in found["scores"]} == {"no record"}
    assert found["numbers"]["study.version"]["text"] == "not run: no record"
    assert {e["verdict"] for e in judge_criteria(found, configuration())} == {"not measured"}
    first = headline(found)["benchmarks"][0]
    assert (first["status"], first["reason"]) == ("not run", "no record")
    assert "compared with the best plain baseline by no run" in headline(found)["lead"]


def test_criteria(statistics):
    entries = without(statistics, configuration())
    assert list(entries) == ["kv_hit_rate", "lift", "few_shot", "bwt"]
    assert (entries["kv_hit_rate"]["verdict"], entries["kv_hit_rate"]["value"]) == ("pass", pytest.approx(0.8))
    assert entries["lift"]["verdict"] == "pass"
    assert entries["lift"]["value"] == row(statistics["contrasts"], name="ablation")["lift"]
    assert entries["few_shot"]["verdict"] == "fail"
    assert "results/records/rare_words/two_senses_level2/kv_only/seed3.json" in entries["lift"]["evidence"]
    assert len(entries["lift"]["evidence"]) == 12
    assert entries["bwt"]["verdict"] == "not measured"
    assert entries["bwt"]["reason"] == "split_cifar10 is not in this study's configuration"
    assert (entries["bwt"]["threshold"], entries["bwt"]["comparison"]) == (0.05, "<")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"benchmark": "sst2_synthetic"}, "synthetic stand-in, which decides no criterion"),
        ({"kind": "speed_up"}, "no run of this study measures a speed_up"),
        ({"arm": "swarm_only"}, "swarm_only is not in this study's configuration"),
        ({"score": "bwt"}, "the runs of full hold no bwt"),
    ],
)
def test_a_criterion_is_never_dropped(change, reason):
    criterion = {"name": "c", "benchmark": "rare_words", "arm": "full", "score": "accuracy", "kind": "rate"}
    asked = configuration(criteria=[criterion | {"at_least": 0.5} | change])
    (entry,) = judge_criteria(compute_statistics(records(asked), asked), asked)
    assert entry["verdict"] == "not measured"
    assert reason in entry["reason"]


def test_a_lift_over_next_to_nothing_is_undefined():
    nothing = {"outcomes": "0" * 20, "scores": {"accuracy": 0.0}}
    criterion = {"name": "c", "benchmark": "rare_words", "arm": "full", "over": "chance", "kind": "lift"}
    asked = configuration(criteria=[criterion | {"at_least": 0.1}])
    found = compute_statistics(
        records(asked, lambda *run: record(*run, **nothing if run[2] == "chance" else {})), asked
    )
    (entry,) = judge_criteria(found, asked)
    assert entry["verdict"] == "not measured"
    assert entry["reason"] == "lift undefined: the interval of chance reaches under 5 points"
    assert row(found["contrasts"], name="full_over_chance_rare_words")["difference"] == pytest.approx(0.7583333)


def test_one_seed_has_no_interval_and_decides_nothing():
    asked = configuration()
    for slice_ in asked["benchmarks"].values():
        slice_["seeds"] = slice_["seeds"][:1]
    found = compute_statistics(records(asked), asked)
    cell = row(found["scores"], benchmark="rare_words", condition="headline", arm="full", score="accuracy")
    assert (cell["mean"], cell["low"], cell["high"], cell["seeds"]) == (pytest.approx(0.775), None, None, 1)
    contrast = row(found["contrasts"], name="ablation")
    assert (contrast["p"], contrast["lift_low"], contrast["difference"]) == (None, None, pytest.approx(0.2))
    entries = without(found, asked)
    assert entries["lift"]["verdict"] == "not measured"
    assert entries["lift"]["interval"] is None
    assert "fewer than 2 seeds" in entries["kv_hit_rate"]["reason"]
    assert headline(found)["benchmarks"][0]["kv_only"]["relation"] == "not measured"


def test_a_small_overlay_without_some_arms():
    asked = with_arms(["full", "knn"], small=True)
    found = compute_statistics(records(asked), asked)
    assert found["small"] is True
    assert row(found["contrasts"], name="ablation")["reason"] == "kv_only not in this study's configuration"
    assert without(found, asked)["lift"]["reason"] == "kv_only is not in this study's configuration"
    assert headline(found)["benchmarks"][0]["kv_only"] is None


def test_headline_says_who_is_ahead(statistics):
    found = headline(statistics)
    rare, sst2, synthetic = found["benchmarks"]
    assert rare["best_baseline"]["arm"] == "knn"
    assert rare["best_baseline"]["relation"] == "worse"
    assert rare["best_baseline"]["difference"] == pytest.approx(-0.05)
    assert rare["kv_only"]["relation"] == "better"
    assert sst2["best_baseline"]["relation"] == "no different"
    assert synthetic["synthetic"] is True
    assert "is worse than the best plain baseline on rare_words, and no different from it on sst2." in found["lead"]
    assert "synthetic" not in found["lead"]


@pytest.mark.parametrize(
    ("hits", "relation", "words"),
    [
        (lambda seed: 10, "better", "on sst2, and better than it on rare_words"),
        (lambda seed: 20, "worse", "It is worse than random search"),
        (
            lambda seed: 15,
            "no different",
            "It is no different from random search",
        ),  # full has 15, 14 and 15 of 20 right
    ],
)
def test_the_words_on_a_control_follow_from_its_interval(hits, relation, words):
    def make(benchmark, condition, arm, seed):
        right = hits(seed)
        outcome = {"outcomes": "1" * right + "0" * (20 - right), "scores": {"accuracy": right / 20}}
        return record(
            benchmark, condition, "full" if arm in CONTROLS else arm, seed, **outcome if arm in CONTROLS else {}
        )

    asked = with_arms(["full", "kv_only", "kv_random_search", "knn"])
    asked["variants"] = ["full", "kv_only", "kv_random_search"]
    made = [replace(make(*run), arm=run[2]) for run in runs_asked(asked)]
    found = headline(compute_statistics(made, asked))
    (control,) = found["benchmarks"][0]["controls"]
    assert (control["arm"], control["relation"]) == ("kv_random_search", relation)
    assert words in found["lead"]
    assert "sst2_synthetic" not in found["lead"]


def test_a_control_that_was_not_run_is_named_all_the_same():
    asked = with_arms(["full", "kv_only", "kv_random_search", "knn"])
    made = [record(*run) for run in runs_asked(asked) if run[2] != "kv_random_search"]
    (control,) = headline(compute_statistics(made, asked))["benchmarks"][0]["controls"]
    assert (control["relation"], control["low"], control["status"]) == ("not measured", None, "not run")


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (lambda: [record("mnli", "shots16", "knn", 13)], "is no run of this configuration"),
        (lambda: [record("sst2", "shots16", "knn", 13)] * 2, "two records"),
        (
            lambda: [record("sst2", "shots16", "knn", 13, data={"synthetic": False, "evaluate_on": "development"})],
            "evaluated on 'development'",
        ),
        (
            lambda: [
                record("sst2", "shots16", "knn", 13),
                record("sst2", "shots16", "knn", 21, outcomes="1", scores={"accuracy": 1.0}),
            ],
            "has 1 test examples, its pairs have 20",
        ),
    ],
)
def test_records_of_another_study_are_refused(made, match):
    with pytest.raises(RecordError, match=match):
        compute_statistics(made(), configuration())


def test_a_headline_outside_the_conditions_and_a_missing_threshold_are_refused():
    asked = configuration()
    asked["benchmarks"]["sst2"]["headline"] = ["shots4"]
    with pytest.raises(ConfigurationError, match=r"benchmarks\.sst2\.headline"):
        compute_statistics([], asked)
    criterion = {"name": "c", "benchmark": "sst2", "arm": "full", "score": "accuracy", "kind": "rate"}
    with pytest.raises(ConfigurationError, match=r"criteria\.c: wanted a threshold"):
        compute_statistics([], configuration(criteria=[criterion]))
