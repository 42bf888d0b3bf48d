"""Known answers about the frames of a made-up study; what was not run leaves no mean over the others."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hsokv.analysis.frames import FRAMES, Study, data_dictionary
from hsokv.analysis.intervals import interval
from hsokv.analysis.statistics import analyse, compute, read_time
from hsokv.exceptions import RecordError
from hsokv.files import write_json
from hsokv.study.wall_time import mark_start, measure
from tests.runs import write_runs

from . import study as made
from .study import HELD, analysed, configuration, finished, lines, mean, memory, not_run, record, records, row

GOLDEN = Path(__file__).parent / "golden"
KNN = ("shots16", "knn", 13)


def golden_record(*run):
    """A record that tells of a memory and of a search, if its arm has one."""
    held = made.with_memory(*run, **HELD).instruments
    if run[2] == "full":
        held |= {"lineage": [[[0, 0]]], "scores": [[[0.5, 0.4]]], "members": {"x": [1, 2]}}
    return made.searching(*run, instruments=held)


def assert_equal(one, other):
    assert one.about == other.about
    for name in FRAMES:
        pd.testing.assert_frame_equal(one.frames[name], other.frames[name], check_exact=True)


def test_the_made_up_study_gives_the_golden_frames_and_what_is_written_is_read_again(tmp_path):
    """Made again by `analysed(configuration(), golden_record).write(GOLDEN)`, where a change of numbers is meant."""
    study = analysed(configuration(), golden_record)
    study.write(tmp_path)
    for path in GOLDEN.glob("*.csv"):
        assert (tmp_path / path.name).read_text() == path.read_text(), path.name
    assert_equal(study, Study.read(tmp_path))


def test_a_headline_is_the_mean_over_its_conditions_seed_by_seed():
    found = row(finished().scores, benchmark="rare_words", condition="headline", arm="full", score="accuracy")
    per_seed = [(made.right("full", s, "level1") + made.right("full", s, "level2")) / 40 for s in (1, 2, 3)]
    assert [found[end] for end in ("mean", "low", "high")] == pytest.approx(interval(per_seed))
    assert (found["seeds"], found["status"], found["reason"], found["synthetic"]) == (3, "done", "", False)


def test_a_shared_test_set_widens_an_interval_that_ends_at_the_range_of_the_score():
    found = row(finished().scores, benchmark="sst2", condition="shots16", arm="knn", score="accuracy")
    free = interval([0.8, 0.8], np.array([[1.0] * 16 + [0.0] * 4] * 2))
    assert (found["mean"], found["low"], found["high"]) == (pytest.approx(0.8), 0.0, 1.0)
    assert free.low < 0 < 1 < free.high


def test_scores_that_follow_from_a_record():
    assert mean(finished(), "sst2", "full", "hit_corrected") == pytest.approx(0.75)  # 0.8 at a chance of 0.2


def test_contrasts_are_paired_and_p_stays_in_the_family():
    contrasts = finished().contrasts
    found, shown = row(contrasts, name="ablation"), row(contrasts, name="full_over_kv_only_sst2")
    assert (found["difference"], found["p"], found["p_holm"]) == (pytest.approx(0.2), 0.25, 0.5)
    assert found["lift"] == pytest.approx(0.2 / np.mean([11.5, 10.5, 11.5]) * 20)
    assert found["lift_low"] < found["lift"] < found["lift_high"]
    assert (shown["family"], np.isnan(shown["p"])) == (False, True)
    pairs = set(zip(contrasts["benchmark"], contrasts["b"], strict=True))
    assert pairs == {(b, arm) for b in ("rare_words", "sst2", "sst2_synthetic") for arm in ("kv_only", "knn")}


def test_tracks_name_the_encoder_its_cost_and_the_best_baseline():
    study = configuration(contrasts=[], criteria=[])
    study["benchmarks"] = {"sst2": study["benchmarks"]["sst2"] | {"conditions": ["shots16", "tuned", "absent"]}}

    def make(benchmark, condition, arm, seed):
        tuning = {"configuration": {"condition": {"tuning": {"by": "cross_entropy"}}}}
        data = {"synthetic": False, "split": "test", "encoder": {"name": "e", "tuning_flops": 10**9 * seed}}
        if condition == "absent":
            return not_run(benchmark, condition, arm, seed)
        return record(benchmark, condition, arm, seed, **tuning | {"data": data} if condition == "tuned" else {})

    frozen, tuned, absent = analysed(study, make).tracks.to_dict("records")
    assert (frozen["tuned_by"], frozen["best"], frozen["difference"]) == ("frozen", "knn", pytest.approx(-0.05))
    assert (tuned["encoder"], tuned["tuned_by"], tuned["tuning_flops"]) == ("e", "cross-entropy", 17e9)
    assert (absent["status"], absent["reason"], absent["best"]) == ("not run", "no data", "")


def test_frames_have_the_configurations_order_whatever_that_of_the_records():
    assert_equal(finished(), analyse(reversed(lines(records(configuration()))), configuration()))
    assert list(finished().scores["arm"].cat.categories) == ["full", "kv_only", "knn", "chance"]
    assert finished().scores["benchmark"].is_monotonic_increasing


def test_files_of_records_become_files_of_frames(tmp_path):
    paths = write_runs(records(configuration()), tmp_path / "records")
    compute(paths, configuration(), tmp_path / "statistics")
    assert len(Study.read(tmp_path / "statistics").runs) == 48
    paths[3].write_text("{")
    with pytest.raises(RecordError, match=paths[3].name):
        compute(paths, configuration(), tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [("study.json", "{}"), ("scores.csv", "mean\nx\n"), ("tracks.csv", None), ("SHA256SUMS", "")],
)
def test_a_damaged_or_a_missing_file_of_statistics_is_named(tmp_path, name, content):
    finished().write(tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
    with pytest.raises(RecordError, match=name):
        Study.read(tmp_path)


def test_a_run_not_made_leaves_no_mean_over_the_others():
    found = analysed(configuration(), lambda *run: (not_run if run == ("sst2", "shots16", "knn", 13) else record)(*run))
    cell = row(found.scores, benchmark="sst2", condition="headline", arm="knn", score="accuracy")
    for entry in (cell, row(found.contrasts, name="over_knn")):
        assert (entry["seeds"], entry["status"], entry["reason"]) == (0, "not run", "1 of 2 seeds: no data")
    assert np.isnan(cell["mean"])
    assert row(found.contrasts, name="ablation")["p_holm"] == 0.5  # the family keeps its size


def test_what_was_not_run_is_not_run_everywhere():
    found = analysed(configuration(), lambda b, *run: (not_run if b == "sst2" else made.searching)(b, *run))
    of_sst2 = found.scores[found.scores["benchmark"] == "sst2"]
    assert (set(of_sst2["status"]), "hit_rate" in set(of_sst2["score"])) == ({"not run"}, True)
    for frame in (found.costs, found.regret):
        assert set(frame.loc[frame["benchmark"] == "sst2", "reason"]) == {"no data"}
    assert "sst2" not in set(found.regret_spans["benchmark"])
    assert found.about["runs"] == {"expected": 48, "done": 42, "not_run": 6}
    nothing = analyse([], configuration())
    assert (set(nothing.scores["reason"]), set(nothing.criteria["verdict"])) == ({"no record"}, {"not measured"})
    assert len(nothing.curves) == len(nothing.regret) == 0


def test_one_seed_has_no_interval():
    study = configuration()
    for benchmark in study["benchmarks"].values():
        benchmark["seeds"] = benchmark["seeds"][:1]
    found = analysed(study)
    cell = row(found.scores, benchmark="rare_words", condition="headline", arm="full", score="accuracy")
    assert (cell["mean"], cell["seeds"]) == (pytest.approx(0.775), 1)
    contrast = row(found.contrasts, name="ablation")
    assert np.isnan([cell["low"], cell["high"], contrast["p"], contrast["lift_low"]]).all()
    assert row(found.criteria, name="lift")["verdict"] == "not measured"


@pytest.mark.parametrize(
    "runs",
    [
        [record("mnli", *KNN)],
        [record("sst2", *KNN)] * 2,
        [record("sst2", *KNN, data={"synthetic": False, "split": "validation"})],
        [record("sst2", *KNN), record("sst2", *KNN[:2], 21, outcomes="1", scores={"accuracy": 1.0})],
        [record("sst2", *KNN, instruments={"memory": memory(reads=["1", 2, 3, 4])})],
        [record("sst2", *KNN, instruments={"memory": memory(reads=[1])})],
        [record("sst2", *KNN, instruments={"accuracy_matrix": [0.5]})],
        [record("sst2", *KNN, data={"synthetic": False, "split": "test", "encoder": "e"})],
    ],
    ids=["foreign", "twice", "another test set", "not paired", "no number", "too few", "no map", "no encoder"],
)
def test_records_of_another_study_are_refused_with_file_and_line(runs):
    with pytest.raises(RecordError, match=rf"{runs[-1].arm}\.jsonl, line {len(runs)}"):
        analyse(lines(runs), configuration())


def test_headline_conditions_of_different_test_sets_are_refused():
    few, many = ({"shared_test": True, "outcomes": "1" * size, "scores": {"accuracy": 1.0}} for size in (10, 20))
    runs = [record("rare_words", f"two_senses_level{n}", "knn", 1, **told) for n, told in ((1, few), (2, many))]
    with pytest.raises(RecordError, match="rare_words"):
        analyse(lines(runs), configuration())


def test_a_run_that_goes_on_is_not_timed_and_a_damaged_time_is_named(tmp_path):
    first = tmp_path / "knn.jsonl"
    for goes_on in (False, True):
        mark_start(tmp_path, [first], 2)
        measure("a", tmp_path / "study.json")
        assert (read_time([tmp_path / "study.json"])["minutes"] is None) == goes_on
        first.touch()
    write_json(tmp_path / "study.json", {"minutes": "30", "cores": 2, "configuration": "a", "machine": {}})
    with pytest.raises(RecordError, match=r"study\.json"):
        read_time([tmp_path / "study.json"])


def test_the_data_dictionary_of_the_docs_is_that_of_the_frames():
    """Made again by writing `data_dictionary()` there."""
    page = Path(__file__).parents[2] / "docs" / "data-dictionary.md"
    assert page.read_text(encoding="utf-8") == data_dictionary()
