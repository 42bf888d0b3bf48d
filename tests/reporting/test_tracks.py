"""Conditions as tracks: what encoder, what it cost, who is best there; and a criterion read on the best of them."""

import pytest

from hsokv.reporting import tables
from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.statistics import compute_statistics

from .study import configuration, not_run, record, records

CONDITIONS = ["shots16", "tuned", "absent"]


def asked(**criterion) -> dict:
    wanted = configuration()
    sst2 = wanted["benchmarks"]["sst2"]
    sst2 |= {"conditions": CONDITIONS}
    rate = {
        "name": "few_shot",
        "benchmark": "sst2",
        "arm": "full",
        "score": "accuracy",
        "kind": "rate",
        "at_least": 0.7,
    }
    return wanted | {"benchmarks": {"sst2": sst2}, "contrasts": [], "criteria": [rate | criterion]}


def told(benchmark: str, condition: str, arm: str, seed: int):
    """`full` has 14 or 15 of 20 right and `knn` one more; where the encoder is tuned `full` has 18."""
    if condition == "absent":
        return not_run(benchmark, condition, arm, seed)
    found = record(benchmark, condition, arm, seed)
    if condition == "tuned":
        changes = {"configuration": {"condition": {"shots": 16, "tuning": {"by": "cross_entropy"}}}}
        changes["data"] = {**found.data, "encoder": {"name": "e", "tuning_flops": 10**9 * seed}}
        if arm == "full":
            changes |= {"scores": found.scores | {"accuracy": 0.9}, "outcomes": "1" * 18 + "00"}
        found = record(benchmark, condition, arm, seed, **changes)
    return found


@pytest.fixture(scope="module")
def statistics() -> dict:
    return compute_statistics(records(asked(), told), asked())


def test_a_row_for_each_condition_in_order(statistics):
    assert [row["condition"] for row in statistics["tracks"]] == CONDITIONS
    frozen, tuned, absent = statistics["tracks"]
    assert (frozen["tuned_by"], frozen["tuning_flops"], frozen["best"]) == ("frozen", None, "knn")
    assert frozen["difference"] == pytest.approx(-0.05)
    assert (tuned["encoder"], tuned["tuned_by"], tuned["tuning_flops"]) == ("e", "cross-entropy", 17e9)
    assert tuned["difference"] == pytest.approx(0.9 - 0.8)
    assert (absent["status"], absent["reason"], absent["best"]) == ("not run", "no data", None)


def test_the_table_names_encoder_cost_and_rival(statistics):
    rows = {row[1]: row for row in tables.tracks(statistics).rows}
    assert rows["tuned"][2:4] == ("e, tuned by cross-entropy", "1.7e10")
    assert rows["tuned"][5].startswith("knn 80.0")
    assert rows["tuned"][6].startswith("+10.0")
    assert rows["absent"][4] == "not run: no data"


def test_a_criterion_is_read_on_the_best_of_its_tracks():
    wanted = asked(tracks=["shots16", "tuned", "absent"])
    statistics = compute_statistics(records(wanted, told), wanted)
    (entry,) = judge_criteria(statistics, wanted)
    assert entry["value"] == pytest.approx(0.9)
    assert entry["reason"].endswith("; best track: tuned")
    assert entry["evidence"] == ["results/records/sst2/full.jsonl"]
    (entry,) = judge_criteria(statistics, asked())
    assert entry["value"] == pytest.approx(0.75)
    assert "track" not in entry["reason"]


def test_a_criterion_whose_tracks_were_not_run_is_not_measured():
    wanted = asked(tracks=["absent"])
    (entry,) = judge_criteria(compute_statistics(records(wanted, told), wanted), wanted)
    assert (entry["verdict"], entry["reason"]) == ("not measured", "not run: no data")
