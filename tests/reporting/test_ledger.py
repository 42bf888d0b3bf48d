import pytest

from hsokv.exceptions import ConfigurationError
from hsokv.reporting.ledger import format_value, lookup, text
from hsokv.reporting.statistics import compute_statistics

from .study import configuration, records


@pytest.fixture(scope="module")
def numbers() -> dict:
    return compute_statistics(records(configuration()), configuration())["numbers"]


@pytest.mark.parametrize(
    ("value", "unit", "printed"),
    [
        (0.6344, "share", "63.4"),
        (1.0, "share", "100.0"),
        (-0.0213, "points", "-2.1"),
        (-0.0001, "points", "0.0"),
        (0.2, "lift", "+20.0"),
        (0.004, "p", "0.004"),
        (0.0009, "p", "< 0.001"),
        (1.0, "p", "1.000"),
        (123_456, "FLOPs", "1.2e5"),
        (0, "FLOPs", "0"),
        (0.69314, "nats", "0.693"),
        (0.816, "ratio", "0.82"),
        (10, "count", "10"),
        ("pass", "text", "pass"),
    ],
)
def test_texts(value, unit, printed):
    assert format_value(value, unit) == printed


def test_every_number_names_its_unit_records_and_rule(numbers):
    entry = lookup(numbers, "rare_words.headline.full.accuracy.mean")
    assert (entry["value"], entry["text"], entry["unit"]) == (pytest.approx(91 / 120), "75.8", "percent")
    assert entry["sources"] == ["results/records/rare_words/full.jsonl"]
    assert (entry["rule"], entry["seeds"], entry["status"]) == ("mean over seeds", [1, 2, 3], "done")


@pytest.mark.parametrize(
    ("key", "printed"),
    [
        ("ablation.difference", "+20.0"),
        ("ablation.p", "0.250"),
        ("ablation.p_holm", "0.500"),
        ("rare_words.full.flops.spent", "1.5e6"),
        ("rare_words.seeds", "3"),
        ("criteria.kv_hit_rate.value", "80.0"),
        ("criteria.kv_hit_rate.threshold", "60.0"),
        ("criteria.kv_hit_rate.verdict", "pass"),
        ("criteria.bwt.value", "not measured: split_cifar10 is not in this study's configuration"),
        ("study.version", "0.1.0"),
        ("study.runs_not_run", "0"),
        ("study.arms", "3"),
    ],
)
def test_keys(numbers, key, printed):
    assert text(numbers, key) == printed


def test_an_unknown_key_names_the_nearest(numbers):
    with pytest.raises(ConfigurationError, match=r"nearest is 'rare_words\.headline\.full\.accuracy\.mean'"):
        text(numbers, "rare_words.headline.full.acuracy.mean")
    with pytest.raises(ConfigurationError, match="the ledger is empty"):
        lookup({}, "a")


def test_p_is_kept_for_the_family_alone(numbers):
    assert "full_over_knn_rare_words.difference" in numbers
    assert "full_over_knn_rare_words.p" not in numbers


def test_two_numbers_of_one_name_are_refused():
    asked = configuration()
    with pytest.raises(ConfigurationError, match=r"'ablation\.difference'"):
        compute_statistics([], asked | {"contrasts": [asked["contrasts"][0]] * 2})
