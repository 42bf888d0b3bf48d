"""What two studies differ in is told, and nothing else."""

import copy

import pytest

from hsokv.analysis.compare import Side, compare

from .study import analysed, configuration

STEM = "rare_words.headline.full.accuracy"


@pytest.fixture
def side() -> Side:
    return Side(analysed(configuration()), configuration(), {"torch": "1"})


def test_a_study_does_not_differ_from_itself(side):
    found = compare(side, side)
    assert not any(found[:6])
    assert found.moved == []
    assert found.compared > 10


def test_what_was_changed_is_named_and_nothing_else(side):
    other = copy.deepcopy(side)._replace(configuration=configuration(criteria=[]), versions={"torch": "2"})
    runs = other.study.frames["runs"]
    first = runs.index[(runs["benchmark"] == "sst2") & (runs["arm"] == "full")]
    runs.loc[first[0], "code"] = "new"
    runs.loc[runs.index[(runs["benchmark"] == "rare_words") & (runs["arm"] == "knn")][0], "data"] = "new"
    other.study.frames["runs"] = runs.drop(index=first[1])
    found = compare(side, other)
    assert [line.split(":")[0] for line in found.configuration] == ["criteria"]
    assert found.versions == ["torch: 1 -> 2"]
    assert (found.code, found.data) == (["sst2/full"], ["rare_words/knn"])
    assert (found.only_before, found.only_after) == (["sst2/shots16/full/seed21"], [])


@pytest.mark.parametrize(("shift", "apart"), [(0.5, False), (1.5, False), (2.5, True)])
def test_an_estimate_moved_when_it_left_its_interval(side, shift, apart):
    other = copy.deepcopy(side)
    scores = other.study.frames["scores"]
    at = scores.query("benchmark == 'rare_words' and condition == 'headline' and arm == 'full' and score == 'accuracy'")
    half = (at["high"] - at["mean"]).item()
    scores.loc[at.index, ["mean", "low", "high"]] += shift * half
    moved = compare(side, other).moved
    assert [(entry.name, entry.apart) for entry in moved] == ([(STEM, apart)] if shift > 1 else [])
