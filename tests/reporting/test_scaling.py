"""Tables, figures and the criterion of the distributed swarm."""

import copy
import re

import pytest

from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.provenance import trace
from hsokv.reporting.scaling import speed_up, speed_ups, summarise
from hsokv.reporting.scaling_figures import draw_scaling
from hsokv.reporting.scaling_tables import scaling_numbers, scaling_tables
from hsokv.reporting.table import DASH

from .example_scaling import measured, projected

CRITERION = {"name": "speed_up", "benchmark": "cartpole", "arm": "full", "score": "speed_up", "kind": "rate"}


def verdict(found):
    configuration = {"criteria": [CRITERION | {"at_least": 2.0}]}
    return judge_criteria({"scaling": {"speed_up": found}, "study": {"benchmarks": {}}}, configuration)[0]


def test_a_speed_up_is_taken_turn_by_turn():
    found = measured(up=1.5)
    assert speed_ups(found["speed"], "processes", 2) == [1.5, 1.5]  # although the second turn was twice as fast


def test_without_four_cores_the_criterion_is_not_measured_and_the_projection_stands_beside_it():
    for found in (measured(), measured(workers=(1, 2, 4))):
        entry = verdict(speed_up(found, projected()))
        assert entry["verdict"] == "not measured"
        assert entry["value"] is None
        assert entry["reason"] == "2 cores; projected at 4 nodes: 2.40 [2.13, 2.67] times a single process"


@pytest.mark.parametrize(("up", "wanted"), [(1.5, "pass"), (0.9, "fail")])
def test_with_four_cores_it_is_measured(up, wanted):
    entry = verdict(speed_up(measured(cores=4, workers=(1, 2, 4), up=up), projected()))
    assert (entry["verdict"], entry["value"]) == (wanted, pytest.approx(2 * up))


def test_without_a_measurement_the_study_says_so():
    assert verdict(None)["reason"] == "cartpole is not in this study's configuration"


def test_the_tables_hold_what_was_measured_and_what_was_projected_apart():
    found = summarise(measured(), projected())
    tables = scaling_tables(found, scaling_numbers(found, "results/scaling"))
    rows = {row[0]: row for row in tables["sharing"].rows}
    assert rows["synchronous"][1:5] == ("2 of 2", "4.0", "8.0", "0.650")
    assert rows["random_search"][1:5] == ("0 of 2", DASH, DASH, "0.100")
    assert [row[:6] for row in tables["speed"].rows if row[2] == "2"] == [
        ("strong", "processes", "2", "4", "2.25", "1.50"),
        ("weak", "processes", "2", "4", "2.25", DASH),
    ]
    assert tables["validation"].caption.endswith("median error 15.0 %")
    assert "1.80 of one" in tables["validation"].note
    assert "Projected, not measured" in tables["projection"].caption
    assert tables["projection"].rows[-1] == ("64", "asynchronous", "100", "57.60 [51.20, 64.00]", "1.6")


def test_a_number_of_a_table_leads_to_the_documents_that_it_is_from():
    statistics = {"scaling": summarise(measured(), projected())}
    statistics["numbers"] = scaling_numbers(statistics["scaling"], "results/scaling")
    digests = {f"results/scaling/{name}.json": name for name in ("measured", "projected")}
    document = {"numbers": {}, "records": {}, "scaling": digests, "time": {}}
    found = trace("cartpole.speed.strong.processes.2.throughput", statistics, document)
    assert (found["text"], found["unit"], found["value"]) == ("2.25", "M steps/s", 2.25e6)
    assert found["records"] == {"results/scaling/measured.json": "measured"}
    beyond = trace("cartpole.projection.64.asynchronous.0.1.store_busy", statistics, document)
    assert (beyond["text"], beyond["records"]) == ("1.6", digests)
    for name, entry in statistics["numbers"].items():
        value = statistics
        for part in entry["statistic"].partition("#/")[2].split("/"):
            value = value[int(part)] if isinstance(value, list) else value[part]
        assert value == entry["value"], name


def test_every_number_of_the_tables_is_in_the_ledger():
    found = summarise(measured(), projected())
    numbers = scaling_numbers(found, "results/scaling")
    changed = {name: entry | {"text": f"<{entry['text']}>"} for name, entry in numbers.items()}
    places = {"sharing": 1, "speed": 4, "validation": 2, "projection": 3}
    for name, table in scaling_tables(found, changed).items():
        for row in table.rows:
            for cell in row[places[name] :]:
                assert cell in ("", DASH) or not re.search(r"\d", re.sub(r"<[^>]*>", "", cell)), (name, cell)


@pytest.mark.parametrize("name", ["learning.png", "scaling.png", "scaling.pdf"])
def test_figures_are_the_same_bytes_again(tmp_path, name):
    found, beyond = measured(), projected()
    before = copy.deepcopy((found, beyond))
    for folder in ("a", "b"):
        draw_scaling(tmp_path / folder / name, found, beyond)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (found, beyond) == before
