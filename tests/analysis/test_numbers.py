"""Every printed number has one key, a text, and the cell and lines of records that it is from."""

import pytest

from hsokv.analysis.frames import Study
from hsokv.analysis.numbers import Numbers
from hsokv.analysis.scaling import summarise
from hsokv.analysis.scores import format_value
from hsokv.analysis.statistics import analyse
from hsokv.exceptions import ConfigurationError

from .example_scaling import SPEED_UP, measured, projected
from .study import analysed, configuration, with_memory


@pytest.fixture(scope="module")
def study() -> Study:
    study = configuration()
    study["criteria"] = [*study["criteria"], SPEED_UP]
    return analysed(study, with_memory, scaling=summarise(measured(), projected()))


@pytest.fixture(scope="module")
def numbers(study) -> Numbers:
    return Numbers(study)


def test_texts():
    texts = {"share": {0.6344: "63.4"}, "points": {-0.0213: "-2.1", -0.0001: "0.0"}, "lift": {0.2: "+20.0"}}
    texts |= {"p": {0.0009: "< 0.001", 1.0: "1.000"}, "FLOPs": {123_456: "1.2e5", 0: "0"}, "nats": {0.69314: "0.693"}}
    texts |= {"ratio": {0.816: "0.82"}, "minutes": {29.94: "29.9"}, "count": {10.0: "10"}, "text": {"pass": "pass"}}
    for unit, of_unit in texts.items():
        assert {value: format_value(value, unit) for value in of_unit} == of_unit


def test_keys(numbers):
    texts = {
        "rare_words.headline.full.accuracy.mean": "75.8",
        "ablation.difference": "+20.0",
        "ablation.p_holm": "0.500",
        "rare_words.full.flops.spent": "1.5e6",
        "rare_words.seeds": "3",
        "sst2.shots16.best_baseline.name": "knn",
        "criteria.kv_hit_rate.value": "80.0",
        "criteria.kv_hit_rate.verdict": "pass",
        "criteria.bwt.value": "not measured: split_cifar10 is not in this study's configuration",
        "study.version": "0.1.0",
        "study.runs_not_run": "0",
        "cartpole.speed.strong.processes.cores.2.throughput": "2.25",
        "cartpole.projection.64.0.1.supervisor_busy": "1.6",
        "cartpole.sharing.random_search.steps_to_target": "undefined: no run of it tells",
        "cartpole.machine.cores": "2",
    }
    assert {key: numbers[key].text for key in texts} == texts
    assert "full_over_knn_rare_words.difference" in numbers
    assert "full_over_knn_rare_words.p" not in numbers  # a number of the family alone


def test_every_number_is_what_stands_in_its_cell_and_names_the_lines_it_is_made_of(study, numbers):
    for key, number in numbers.items():
        if number.frame != "study" and number.status == "done":
            assert study.frames[number.frame][number.column].iloc[number.row] == number.value, key
    number = numbers["rare_words.headline.full.accuracy.mean"]
    assert (number.unit, number.status, number.seeds) == ("percent", "done", (1, 2, 3))
    documents = tuple((f"results/scaling/{name}.json", ()) for name in ("measured", "projected"))
    assert numbers["cartpole.error"].records == documents
    assert number.records == (("results/records/rare_words/full.jsonl", (1, 2, 3, 4, 5, 6)),)  # two conditions of three
    pair = numbers["over_knn.difference"].records
    assert pair == tuple((f"results/records/sst2/{arm}.jsonl", (1, 2)) for arm in ("full", "knn"))


def test_an_unknown_key_names_the_nearest_and_two_of_one_name_are_refused(numbers):
    with pytest.raises(ConfigurationError, match=r"rare_words\.headline\.full\.accuracy\.mean"):
        numbers["rare_words.headline.full.acuracy.mean"]
    study = configuration()
    with pytest.raises(ConfigurationError, match=r"'ablation\.difference'"):
        analyse([], study | {"contrasts": [study["contrasts"][0]] * 2})
