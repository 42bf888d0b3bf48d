"""The distributed swarm: what was measured, apart from what was projected, and the criterion on its speed-up."""

import pandas as pd
import pytest

from hsokv.analysis.criteria import criteria_of
from hsokv.analysis.scaling import read_scaling, speed_ups, summarise
from hsokv.exceptions import RecordError
from hsokv.records import write_sealed

from .example_scaling import SPEED_UP, measured, projected
from .study import configuration, finished, row


def verdict(**setting):
    about = finished().about | {"scaling": summarise(measured(**setting), projected())["about"]}
    return row(criteria_of(finished().scores, finished().contrasts, about, configuration(criteria=[SPEED_UP])))


def test_a_speed_up_is_taken_turn_by_turn():
    found = speed_ups(pd.DataFrame(measured(up=1.5)["speed"])).query("backend == 'processes' and workers == 2")
    assert found["speed_up"].tolist() == [1.5, 1.5]  # although the second turn was twice as fast


def test_without_four_nodes_the_criterion_is_not_measured_and_the_projection_stands_beside_it():
    found = verdict()
    assert found["verdict"] == "not measured"
    assert "2.40 [2.13, 2.67]" in found["reason"]
    assert "need root" in found["reason"]


@pytest.mark.parametrize(
    ("setting", "wanted", "evidence"),
    [
        ({"cores": 4, "workers": (1, 2, 4), "up": 1.5}, ("pass", 3.0), "4 whole cores, processes"),
        ({"cores": 4, "workers": (1, 2, 4), "up": 0.9, "equal": 1.6}, ("fail", 1.8), "4 whole cores, processes"),
        ({"equal": 1.6}, ("pass", 3.2), "4 equal-share nodes"),
    ],
)
def test_four_cores_decide_and_else_equal_share_nodes_that_are_named(setting, wanted, evidence):
    found = verdict(**setting)
    assert (found["verdict"], found["value"]) == (wanted[0], pytest.approx(wanted[1]))
    assert evidence in found["evidence"]


def test_medians_are_over_the_runs_that_reached_the_target():
    found = summarise(measured(), projected())
    sharing = row(found["sharing"], arm="population")
    assert [sharing[name] for name in ("runs", "reached", "steps_to_target", "best")] == [2, 2, 4e6, 0.65]
    never = row(found["sharing"], arm="random_search")
    assert (never["reached"], pd.isna(never["steps_to_target"]), never["best"]) == (0, True, 0.1)
    speed = row(found["speed"], scaling="weak", workers=2)
    assert (speed["throughput"], speed["over_one"], pd.isna(speed["speed_up"])) == (2.25e6, 1.5, True)
    assert found["about"]["error"] == pytest.approx(0.15)


def test_documents_that_are_not_measurements_are_named(tmp_path):
    paths = [tmp_path / "measured.json", tmp_path / "projected.json"]
    write_sealed(paths[0], measured())
    write_sealed(paths[1], {"validation": []})
    with pytest.raises(RecordError, match=r"projected\.json"):
        read_scaling(paths)
    assert read_scaling([]) is None
