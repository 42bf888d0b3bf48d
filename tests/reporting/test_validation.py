"""A verdict is told with its evidence; a failure that is not known ends in an error, what was not measured does not."""

import pytest

from hsokv.exceptions import ConfigurationError
from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.statistics import compute_statistics
from hsokv.reporting.validation import failures, validation_page
from tests.reporting.study import configuration, records


@pytest.fixture(scope="module")
def judged():
    asked = configuration()
    statistics = compute_statistics(records(asked), asked)
    return judge_criteria(statistics, asked), statistics


def test_every_criterion_stands_on_the_page_with_its_verdict_and_number_of_records(judged):
    criteria, statistics = judged
    page = validation_page(criteria, statistics, [])
    assert {entry["verdict"] for entry in criteria} == {"pass", "fail", "not measured"}
    for entry in criteria:
        part = page.partition(f": {entry['name']}, on ")[2].partition("to conclude")[0]
        assert (entry["evidence"] or ["evidence: 0"])[0] in part
        assert entry["reason"] in part
    assert page.endswith("1 not measured\n")


def test_only_a_failure_that_is_not_allowed_counts(judged):
    criteria, _ = judged
    failed = [entry["name"] for entry in criteria if entry["verdict"] == "fail"]
    assert failures(criteria, []) == failed != []
    assert failures(criteria, failed) == []


def test_an_allowed_failure_is_marked_as_known(judged):
    assert "few_shot, on sst2 (known, allowed)" in validation_page(*judged, ["few_shot"])


def test_a_missing_record_is_not_measured_and_fails_nothing():
    asked = configuration()
    statistics = compute_statistics(records(asked)[1:], asked)
    criteria = judge_criteria(statistics, asked)
    assert criteria[0]["verdict"] == "not measured"
    assert criteria[0]["name"] not in failures(criteria, [])


def test_what_a_clock_measured_is_told_as_such(judged):
    criterion = {"name": "time", "benchmark": "study", "arm": "full", "score": "minutes", "kind": "rate", "below": 30.0}
    asked = configuration(criteria=[criterion], digest="a")
    time = {"minutes": 20.0, "cores": 2, "configuration": "a", "machine": {}}
    statistics = compute_statistics(records(asked), asked, None, time)
    page = validation_page(judge_criteria(statistics, asked), statistics, [])
    assert "evidence: results/time/study.json\n" in page
    assert "on this machine" in page
    assert "other seeds" not in page


def test_allowing_what_is_no_criterion_is_an_error(judged):
    with pytest.raises(ConfigurationError, match=r"allow: unknown name 'few_shots'.*did you mean 'few_shot'"):
        failures(judged[0], ["few_shots"])
