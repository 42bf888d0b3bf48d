"""Known answers about what a memory mends and breaks, by hand from outcomes with it and without it."""

import numpy as np
import pytest

from hsokv.reporting import tables
from hsokv.reporting.ledger import text
from hsokv.reporting.memory import example_scores
from hsokv.reporting.mended import by_example, mended_scores
from hsokv.reporting.statistics import compute_statistics

from .study import configuration, not_run, record, records, with_memory

WITHOUT = "0" * 2 + "1" * 8 + "0" * 6 + "1" * 4  # of 20; with the memory the first 14 or more are right


def alone(*run, **changes):
    return with_memory(*run, **{"outcomes_without": WITHOUT} | changes)


@pytest.fixture(scope="module")
def statistics() -> dict:
    asked = configuration()
    return compute_statistics(records(asked, alone), asked)


def test_shares_by_hand():
    found = with_memory("sst2", "shots16", "full", 20, outcomes_without=WITHOUT)
    assert found.outcomes == "1" * 14 + "0" * 6
    assert mended_scores(found) == {
        "memory_mended": 6 / 20,
        "memory_broken": 4 / 20,
        "memory_right_both": 8 / 20,
        "memory_wrong_both": 2 / 20,
        "memory_mended_examples": 6,
        "memory_broken_examples": 4,
    }
    assert mended_scores(record("sst2", "shots16", "knn", 20)) == {}


def test_every_example_is_of_one_kind_and_what_is_lost_is_mended_minus_broken():
    found = alone("sst2", "shots16", "full", 13)
    kinds = by_example(found)
    np.testing.assert_array_equal(sum(kinds.values()), 1)
    lost = example_scores(found)["accuracy_lost_without_memory"]
    np.testing.assert_array_equal(lost, kinds["memory_mended"] - kinds["memory_broken"])


def test_the_table_counts_and_shares_them(statistics):
    rows = {row[:2]: row[2:] for row in tables.mended(statistics).rows}
    assert set(rows) == {
        (name, arm)
        for name in ("rare_words", "sst2", "sst2_synthetic (synthetic stand-in)")
        for arm in ("full", "kv_only")
    }
    assert rows["sst2", "full"][:2] == ("7", "4")  # 15 right in both seeds
    assert [cell.split(" ")[0] for cell in rows["sst2", "full"][2:]] == ["35.0", "20.0", "40.0", "5.0"]


def test_the_examples_that_are_mended_most_often(statistics):
    (sst2, _) = statistics["memory"]["mended"]  # not of rare words, whose seeds have tests of their own
    assert (sst2["benchmark"], sst2["condition"], sst2["arm"], sst2["seeds"]) == ("sst2", "shots16", "full", 2)
    assert sst2["mended"] == [{"example": place, "seeds": 2} for place in (0, 1, 10)]
    assert sst2["broken"] == [{"example": place, "seeds": 2} for place in (16, 17, 18)]
    assert text(statistics["numbers"], "sst2.shots16.full.mended.3.example") == "10"
    row = tables.mended_examples(statistics).rows[0]
    assert row == ("sst2", "shots16", "2", "0 (2), 1 (2), 10 (2)", "16 (2), 17 (2), 18 (2)")


def test_an_example_is_named_from_two_seeds_on():
    def make(benchmark, condition, arm, seed):
        return alone(benchmark, condition, arm, seed, **{"outcomes_without": "1" * 20} if seed == 13 else {})

    asked = configuration()
    sst2 = compute_statistics(records(asked, make), asked)["memory"]["mended"][0]
    assert sst2["mended"] == []
    assert tables.mended_examples(compute_statistics(records(asked, make), asked)).rows[0][3] == "\N{EN DASH}"


def test_a_benchmark_that_was_not_run_says_why():
    asked = configuration()
    found = compute_statistics(records(asked, lambda b, *run: (not_run if b == "sst2" else alone)(b, *run)), asked)
    rows = {row[:2]: row[2:] for row in tables.mended(found).rows}
    assert rows["sst2", "full"] == ("not run: no data", *["\N{EN DASH}"] * 5)
    assert [row["benchmark"] for row in found["memory"]["mended"]] == ["sst2_synthetic"]
