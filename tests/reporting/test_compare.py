"""What two studies differ in is told, and nothing else."""

import copy

import pytest

from hsokv.reporting.compare import compare
from hsokv.reporting.statistics import compute_statistics
from tests.reporting.study import configuration, records


@pytest.fixture
def study():
    asked = configuration()
    found = records(asked)
    stamps = {f"{run.benchmark}/{run.condition}/{run.arm}/seed{run.seed}": dict(run.stamp) for run in found}
    known = {"study": asked, "versions": {"torch": "1"}}
    return {"provenance": known, "statistics": compute_statistics(found, asked), "stamps": stamps}


def test_a_study_does_not_differ_from_itself(study):
    found = compare(study, study)
    assert not any(found[:6])
    assert found.moved == []
    assert found.compared > 10


def test_what_was_changed_is_named_and_nothing_else(study):
    other = copy.deepcopy(study)
    other["provenance"]["study"]["criteria"] = []
    other["provenance"]["versions"]["torch"] = "2"
    other["stamps"]["sst2/shots16/full/seed13"]["code"] = "new"
    other["stamps"]["rare_words/two_senses_level1/knn/seed1"]["data"] = "new"
    del other["stamps"]["sst2/shots16/full/seed21"]
    found = compare(study, other)
    assert [line.split(":")[0] for line in found.configuration] == ["criteria"]
    assert found.versions == ["torch: 1 -> 2"]
    assert (found.code, found.data) == (["sst2/full"], ["rare_words/knn"])
    assert (found.only_before, found.only_after) == (["sst2/shots16/full/seed21"], [])


@pytest.mark.parametrize(("shift", "apart"), [(0.5, False), (1.5, False), (2.5, True)])
def test_a_number_moved_when_it_left_its_interval(study, shift, apart):
    other, stem = copy.deepcopy(study), "rare_words.headline.full.accuracy"
    numbers = study["statistics"]["numbers"]
    half = numbers[f"{stem}.high"]["value"] - numbers[f"{stem}.mean"]["value"]
    for end in ("mean", "low", "high"):
        other["statistics"]["numbers"][f"{stem}.{end}"]["value"] += shift * half
    moved = compare(study, other).moved
    assert [(entry.name, entry.apart) for entry in moved] == ([(stem, apart)] if shift > 1 else [])
