"""Known answers about the swarm: regret by hand, who copied; what a record does not tell is left out or said."""

import numpy as np
import pytest

from hsokv.analysis.statistics import analyse
from hsokv.analysis.swarm import NO_LINEAGE, curves_of

from .study import analysed, configuration, mean, record, row, searching, with_arms

LINEAGE = [[[0, 1, 0], [3, 2, 5]], [[0, 1, 2], [3, 4, 4]], [[0, 1, 2], [3, 4, 5]]]
TOLD = {"lineage": LINEAGE, "scores": [[[1.0, 2.0, None]] * 2] * 3, "members": {"x": [1, 2]}}


def test_regret_by_hand():
    study = analysed(configuration(), searching)
    span = row(study.regret_spans, benchmark="rare_words")
    assert (span["start"], span["allowed"]) == (100, 1_000_000)
    assert mean(study, "rare_words", "full", "regret_area") == pytest.approx(0.4)  # 0.4 nats over one decade
    assert mean(study, "rare_words", "kv_only", "regret_area") == pytest.approx(0.6 * 4)
    assert (mean(study, "rare_words", "full", "regret_end"), mean(study, "sst2", "full", "flops_share")) == (0, 0.75)
    full = study.regret.query("benchmark == 'rare_words' and arm == 'full'")
    assert (full["flops"].min() >= 100, full["flops"].max()) == (True, 1e6)
    np.testing.assert_allclose(full["mean"], np.where(full["flops"] < 1000, 0.4, 0), atol=1e-9)
    assert set(study.regret["arm"]) == {"full", "kv_only"}


def test_the_best_is_that_of_the_same_run_and_curves_are_means_over_conditions_as_far_as_all_go():
    def make(benchmark, condition, arm, seed):
        shift = seed + condition.endswith("level2")  # cancels, or the regret of one run would be that of another
        losses = {"full": [1.4 + shift, 1.0 + shift], "kv_only": [1.6 + shift]}.get(arm, [])
        short = [0.5, 0.3] if condition.endswith("level2") else [0.9, 0.7, 0.5]
        curves = {"fold_log_loss": losses, "spent": [100, 1000][: len(losses)], "diversity": short}
        return searching(benchmark, condition, arm, seed, curves=curves)

    study = analysed(configuration(), make)
    found = row(study.scores, benchmark="rare_words", condition="headline", arm="kv_only", score="regret_end")
    assert [found[end] for end in ("mean", "low", "high")] == pytest.approx([0.6] * 3)
    curve = study.curves.query("benchmark == 'rare_words' and condition == 'headline' and arm == 'full'")
    assert (curve["x"].tolist(), curve["mean"].tolist()) == ([1, 2], pytest.approx([0.7, 0.5]))


def test_an_arm_whose_one_value_comes_late_has_regret_but_no_area_and_alone_it_begins_the_span():
    late = {"curves": {"fold_log_loss": [1.6], "spent": [500_000]}}
    study = analysed(configuration(), lambda *run: searching(*run, **late if run[2] == "kv_only" else {}))
    assert mean(study, "sst2", "kv_only", "regret_end") == pytest.approx(0.6)
    assert study.scores.query("arm == 'kv_only' and score == 'regret_area'").empty
    alone = analysed(with_arms(["kv_only"], contrasts=[], criteria=[]), searching)
    assert row(alone.regret_spans, benchmark="sst2")["start"] == 10
    assert mean(alone, "sst2", "kv_only", "regret_area") == 0


@pytest.mark.parametrize("spent", [{}, {"spent": [1, 2]}, {"spent": [0]}])
def test_arms_whose_records_tell_no_curve_have_no_regret(spent):
    silent = [("full", 2), ("full", 21)]
    study = analysed(
        configuration(),
        lambda *run: searching(*run, **{"curves": {"fold_log_loss": [1.0]} | spent} if run[2:] in silent else {}),
    )
    assert set(study.regret.loc[study.regret["status"] == "done", "arm"]) == {"kv_only"}
    assert study.scores.query("arm == 'full' and score == 'regret_end'").empty


def test_shares_of_agents_copied_and_failed():
    made = record("sst2", "shots16", "full", 13, curves={"failed_agents": [3, 0, 0]}, instruments=TOLD)
    found = curves_of(made)
    assert found == {"failed_agents": [3, 0, 0], "copied": pytest.approx([2 / 6, 1 / 6]), "failed": [0.5, 0, 0]}
    once = record("sst2", "shots16", "full", 13, curves={}, instruments=TOLD | {"lineage": LINEAGE[-1:]})
    assert curves_of(once) == {"copied": []}


def test_the_lineage_is_that_of_one_named_run_and_a_record_without_one_says_so():
    found = analysed(configuration(), lambda *run: searching(*run, instruments=TOLD))
    first = found.lineage[found.lineage["round"] == 1]
    assert first["parent"].tolist() == [0, 1, 0, 3, 2, 5]
    assert set(zip(first["condition"], first["arm"], first["seed"], strict=True)) == {("two_senses_level1", "full", 1)}
    assert found.about["lineage_ensemble_size"] == 2
    silent = analysed(configuration(), lambda *run: searching(*run, instruments={"lineage": LINEAGE}))
    assert silent.lineage["reason"].tolist() == [NO_LINEAGE]
    assert analyse([], with_arms(["knn"], contrasts=[], criteria=[])).lineage.empty
