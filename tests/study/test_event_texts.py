"""Benchmarks of events from configuration to features: the example of docs/own-data.md, and what is refused."""

from pathlib import Path

import pytest
import yaml

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.study.config import check_configuration
from hsokv.study.data_manifest import describe_contents
from hsokv.study.event_texts import load_events

BASE = Path(__file__).parents[2]
SOURCE = {
    "source": "files",
    "files": {name: f"examples/own-events/{name}.csv" for name in ("events", "validation", "test")},
}


def configuration():
    study = yaml.safe_load((BASE / "config.yaml").read_text())
    example = yaml.safe_load((BASE / "examples" / "own-events.yaml").read_text())
    benchmarks = study["benchmarks"] | example.pop("benchmarks")
    paper = study["paper"] | example.pop("paper")
    return study | example | {"benchmarks": benchmarks, "paper": paper}


def test_the_example_is_a_configuration():
    check_configuration(configuration())


@pytest.mark.parametrize("change", [{"files": None}, {"conditions": {"as_given": {"tasks": 3}}}, {"source": "sst2"}])
def test_what_does_not_fit_the_source_is_refused(change):
    study = configuration()
    benchmark = study["benchmarks"]["questions"] | change
    study["benchmarks"]["questions"] = {key: value for key, value in benchmark.items() if value is not None}
    with pytest.raises(ConfigurationError, match="questions"):
        check_configuration(study)


def test_the_split_says_which_queries_are_read():
    events, validation = load_events(SOURCE, BASE, "validation", {}, 1)
    _, test = load_events(SOURCE, BASE, "test", {}, 1)
    assert len(events["texts"]) == 15
    assert not set(validation.inputs) & set(test.inputs)
    assert -1 in validation.labels


def test_own_events_are_played_through_before_anything_runs(tmp_path):
    assert describe_contents(SOURCE, BASE)["events"]["withdraw"] == 2
    bad = tmp_path / "events.csv"
    bad.write_text((BASE / SOURCE["files"]["events"]).read_text() + "7,withdraw,,loans,\n")
    source = SOURCE | {"files": SOURCE["files"] | {"events": str(bad)}}
    with pytest.raises(DataError, match=r"row 22.*'loans'"):
        describe_contents(source, BASE)
