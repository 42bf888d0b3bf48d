"""Known answers about the swarm: regret by hand, who copied; what a record does not tell is left out or said."""

import copy

import pytest

from hsokv.reporting.asked import runs_asked
from hsokv.reporting.ledger import text
from hsokv.reporting.statistics import compute_statistics
from hsokv.reporting.swarm import NO_LINEAGE, regrets, run_curves

from .study import ARMS, configuration, not_run, record, records, searching, with_arms

LINEAGE = [[[0, 1, 0], [3, 2, 5]], [[0, 1, 2], [3, 4, 4]], [[0, 1, 2], [3, 4, 5]]]


def told(**changes) -> dict:
    return {"lineage": LINEAGE, "scores": [[[1.0, 2.0, None]] * 2] * 3, "members": {"x": [1, 2]}} | changes


def searched(make=searching, arms=ARMS):
    asked = with_arms(arms)
    runs = {run: make(*run) for run in runs_asked(asked)}
    return regrets(runs, asked)


@pytest.fixture(scope="module")
def statistics() -> dict:
    asked = configuration()
    return compute_statistics(records(asked, searching), asked)


def test_regret_by_hand():
    found, spans = searched()
    assert set(found) == {(b, arm) for b in ("rare_words", "sst2", "sst2_synthetic") for arm in ("full", "kv_only")}
    assert spans["rare_words"] == (100, 1_000_000)
    full, one = found["rare_words", "full"], found["rare_words", "kv_only"]
    assert (full.end.tolist(), one.end.tolist()) == ([0, 0, 0], pytest.approx([0.6] * 3))
    assert full.area.tolist() == pytest.approx([0.4] * 3)  # 0.4 nats over one decade; the best stays where it worsens
    assert one.area.tolist() == pytest.approx([0.6 * 4] * 3)
    assert full.values.shape == (3, len(full.flops))
    assert (one.flops[0], one.flops[-1], full.flops[-1]) == pytest.approx((10, 1e6, 1e6))
    assert full.flops[0] >= 100
    assert {round(value, 9) for value in full.values[0][full.flops < 1000].tolist()} == {0.4}
    assert set(full.values[0][full.flops >= 1000].tolist()) == {0}


def test_the_best_is_that_of_the_same_condition_and_seed():
    def make(benchmark, condition, arm, seed):
        shift = seed + condition.endswith("level2")  # cancels, or the regret of one run would be that of another
        curves = {"full": [1.4 + shift, 1.0 + shift], "kv_only": [1.6 + shift]}.get(arm, [])
        spent = [100, 1000][: len(curves)]
        return searching(benchmark, condition, arm, seed, curves={"fold_log_loss": curves, "spent": spent})

    found, _ = searched(make)
    assert found["rare_words", "full"].end.tolist() == [0, 0, 0]
    assert found["rare_words", "kv_only"].end.tolist() == pytest.approx([0.6] * 3)


def test_the_allowance_of_a_condition_beside_the_headline_is_not_that_of_the_span():
    def make(benchmark, condition, arm, seed):
        allowed = 10**9 if condition == "one_sense_level1" else 10**6
        return searching(benchmark, condition, arm, seed, flops={"allowed": allowed, "spent": 750_000})

    assert searched(make)[1]["rare_words"] == (100, 1_000_000)


def test_an_arm_whose_one_value_comes_late_has_regret_but_no_area():
    def make(benchmark, condition, arm, seed):
        late = {"curves": {"fold_log_loss": [1.6], "spent": [500_000]}} if arm == "kv_only" else {}
        return searching(benchmark, condition, arm, seed, **late)

    found, spans = searched(make)
    assert found["sst2", "kv_only"].area is None
    assert found["sst2", "kv_only"].end.tolist() == pytest.approx([0.6, 0.6])
    assert spans["sst2"].start == 100
    asked = configuration()
    numbers = compute_statistics(records(asked, make), asked)["numbers"]
    assert "sst2.headline.kv_only.regret_area.mean" not in numbers
    assert text(numbers, "sst2.headline.kv_only.regret_end.mean") == "0.600"


def test_without_an_arm_that_searches_the_area_begins_with_the_last_arm():
    found, spans = searched(arms=["kv_only"])
    assert spans["sst2"].start == 10
    assert found["sst2", "kv_only"].area.tolist() == [0, 0]


@pytest.mark.parametrize(
    "curves",
    [{}, {"fold_log_loss": [1.0]}, {"fold_log_loss": [1.0], "spent": [1, 2]}, {"fold_log_loss": [1.0], "spent": [0]}],
)
def test_records_that_tell_no_curve_are_left_out(curves):
    def make(benchmark, condition, arm, seed):
        silent = {"curves": curves} if (arm, seed) in (("full", 2), ("full", 21)) else {}
        return searching(benchmark, condition, arm, seed, **silent)

    found, _ = searched(make)
    assert {arm for _, arm in found} == {"kv_only"}
    assert found["rare_words", "kv_only"].end.tolist() == [0, 0, 0]
    assert searched(record) == ({}, {})


def test_missing_and_not_run_records_leave_regret_not_run():
    asked = configuration()
    made = records(asked, lambda b, *run: (not_run if b == "sst2" else searching)(b, *run))
    found = compute_statistics(made, asked)
    rows = [row for row in found["swarm"]["regret"] if row["benchmark"] == "sst2"]
    assert [(row["arm"], row["status"], row["reason"]) for row in rows] == [
        (arm, "not run", "no data") for arm in ("full", "kv_only")
    ]
    assert text(found["numbers"], "sst2.headline.full.regret_area.mean") == "not run: no data"
    assert "sst2.regret.start" not in found["numbers"]
    empty = compute_statistics([], asked)["swarm"]
    assert (empty["regret"], empty["spans"], empty["lineage"]["reason"]) == ([], {}, "no record")


def test_regret_and_its_span_are_in_the_ledger(statistics):
    numbers = statistics["numbers"]
    assert text(numbers, "rare_words.headline.full.regret_area.mean") == "0.400"
    assert numbers["rare_words.headline.full.regret_area.high"]["unit"] == "nats x decades"
    assert text(numbers, "rare_words.headline.kv_only.regret_end.mean") == "0.600"
    assert text(numbers, "rare_words.headline.full.flops_share.mean") == "75.0"
    assert [text(numbers, f"rare_words.regret.{end}") for end in ("start", "allowed")] == ["1.0e2", "1.0e6"]
    row = statistics["swarm"]["regret"][0]
    assert (row["benchmark"], row["arm"], row["seeds"], row["mean"][-1]) == ("rare_words", "full", 3, 0)
    assert len(row["flops"]) == len(row["mean"]) == len(row["low"]) == len(row["high"])


def test_shares_of_agents_copied_and_failed():
    found = run_curves(record("sst2", "shots16", "full", 13, curves={"failed_agents": [3, 0, 0]}, instruments=told()))
    assert found == {"failed_agents": [3, 0, 0], "copied": pytest.approx([2 / 6, 1 / 6]), "failed": [0.5, 0, 0]}
    once = run_curves(record("sst2", "shots16", "full", 13, curves={}, instruments=told(lineage=LINEAGE[-1:])))
    assert once == {"copied": []}
    assert run_curves(record("sst2", "shots16", "knn", 13, curves={"a": [1.0]})) == {"a": [1.0]}


def test_headline_curves_are_means_over_conditions_as_far_as_all_go():
    def make(benchmark, condition, arm, seed):
        short = {"diversity": [0.5, 0.3]} if condition.endswith("level2") else {"diversity": [0.9, 0.7, 0.5]}
        return searching(benchmark, condition, arm, seed, curves=short)

    asked = configuration()
    curves = compute_statistics(records(asked, make), asked)["curves"]
    wanted = {"benchmark": "rare_words", "condition": "headline", "arm": "full", "curve": "diversity"}
    (row,) = [row for row in curves if all(row[key] == value for key, value in wanted.items())]
    assert (row["x"], row["mean"]) == ([1, 2], pytest.approx([0.7, 0.5]))


def test_the_lineage_is_that_of_one_named_run():
    asked = configuration()
    found = compute_statistics(records(asked, lambda *run: searching(*run, instruments=told())), asked)
    row = found["swarm"]["lineage"]
    place = ("rare_words", "two_senses_level1", "full", 1)
    assert tuple(row[key] for key in ("benchmark", "condition", "arm", "seed")) == place
    assert (row["status"], row["parents"], row["averaged"]) == ("done", LINEAGE, 2)


@pytest.mark.parametrize("missing", ["lineage", "scores"])
def test_a_record_without_a_lineage_says_so(missing):
    asked, silent = configuration(), copy.deepcopy(told())
    del silent[missing]
    found = compute_statistics(records(asked, lambda *run: searching(*run, instruments=silent)), asked)
    assert found["swarm"]["lineage"]["reason"] == NO_LINEAGE
    assert compute_statistics([], with_arms(["knn"]))["swarm"]["lineage"] is None


def test_the_threshold_of_diversity_is_that_of_its_criterion(statistics):
    assert statistics["swarm"]["diversity_wanted"] is None
    criterion = {"name": "c", "benchmark": "sst2", "arm": "full", "score": "diversity", "kind": "rate"}
    asked = configuration(criteria=[criterion | {"at_least": 0.8}])
    assert compute_statistics([], asked)["swarm"]["diversity_wanted"] == 0.8
