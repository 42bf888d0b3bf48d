"""The criterion on how long the study takes: one measurement, never of something else."""

import pytest

from hsokv.exceptions import RecordError
from hsokv.files import write_json
from hsokv.records import unfinished_path
from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.duration import read_time
from hsokv.reporting.ledger import format_value
from hsokv.study.wall_time import began, measure

CRITERION = {"name": "time", "benchmark": "study", "arm": "full", "score": "minutes", "kind": "rate", "below": 30.0}
MADE = {"minutes": 29.9, "cores": 2, "configuration": "a", "machine": {}}


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({}, "pass", "one run from nothing up to its statistics"),
        ({"minutes": 30.0}, "fail", "30 is not under 30; one run"),
        ({"minutes": None}, "not measured", "went on from records of an earlier one"),
        ({"configuration": "b"}, "not measured", "of another configuration"),
        ({"cores": None}, "not measured", "came one with those of a cluster"),
        ({"cores": 4}, "not measured", "at most 2 cores, came one with 4"),
    ],
)
def test_verdicts(tmp_path, changes, verdict, said):
    write_json(tmp_path / "study.json", MADE | changes)
    time = read_time([tmp_path / "study.json"])
    entry = judge_criteria({"time": time}, {"criteria": [CRITERION], "digest": "a"})[0]
    assert (entry["verdict"], said in entry["reason"]) == (verdict, True)
    assert entry["value"] == (None if verdict == "not measured" else time["minutes"])
    assert entry["interval"] is None


def test_without_a_measurement_it_is_not_measured():
    entry = judge_criteria({"time": read_time([])}, {"criteria": [CRITERION], "digest": "a"})[0]
    assert (entry["verdict"], entry["reason"]) == ("not measured", "a small run is not timed")


def test_the_time_of_a_part_of_the_study_is_none_of_the_whole():
    other = {"name": "shots", "benchmark": "sst2", "arm": "full", "kind": "rate", "above": 0.5, "score": "accuracy"}
    statistics = {"time": MADE, "study": {"benchmarks": {}, "arms": []}}
    asked = {"criteria": [CRITERION, other], "digest": "a", "benchmarks": {}}
    entry = judge_criteria(statistics, asked)[0]
    assert (entry["verdict"], entry["value"]) == ("not measured", None)
    assert entry["reason"] == "sst2 is not in this study's configuration, so a part of the study was timed"


def test_what_is_measured_is_read_and_a_run_that_goes_on_is_not_timed(tmp_path):
    records = tmp_path / "full.jsonl"
    start = began([records])
    unfinished_path(records).touch()
    assert began([records]) is None
    for began_at in (start, None):
        measure(began_at, 2, "a", tmp_path / "study.json")
        found = read_time([tmp_path / "study.json"])
        assert (found["minutes"] is None) == (began_at is None)
        assert found["machine"]["machine"]


@pytest.mark.parametrize("change", [{"minutes": "30"}, {"cores": "2"}, {"configuration": 1}, {"machine": []}])
def test_a_damaged_time_is_named(tmp_path, change):
    write_json(tmp_path / "study.json", MADE | change)
    with pytest.raises(RecordError, match=r"study\.json: not a measured time"):
        read_time([tmp_path / "study.json"])


def test_minutes_are_printed_to_a_tenth():
    assert format_value(29.94, "minutes") == "29.9"
