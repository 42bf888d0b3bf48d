import copy
import re
from pathlib import Path

import pytest
import yaml

from hsokv.exceptions import ConfigurationError
from hsokv.methods.registry import METHODS
from hsokv.study.benchmarks import manifest_of, source_of, task_of
from hsokv.study.configuration import check_configuration, take_out

ROOT = Path(__file__).resolve().parents[2]


def load(name):
    return yaml.safe_load((ROOT / name).read_text())


def merge(below, above):
    """An overlay as Snakemake lays it: maps are merged, everything else is replaced."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: merge(below.get(key), value) for key, value in above.items()}


def overlaid(below, name):
    """The study under an overlay, and the benchmarks that this takes out."""
    return take_out(merge(below, load(name)))


@pytest.fixture(scope="module")
def schema():
    return load("rules/config.schema.yaml")


@pytest.fixture
def configuration():
    return load("config.yaml")


def test_the_study_passes(configuration, schema):
    check_configuration(configuration, schema)


def test_the_small_study_passes(configuration, schema):
    study, left_out = overlaid(configuration, "config/small.yaml")
    assert left_out
    assert "shots16_contrast" not in study["benchmarks"]["sst2"]["conditions"]
    check_configuration(study, schema, left_out)


def test_conditions_that_are_run_elsewhere_are_those_of_the_overlay_that_is_named(configuration, schema):
    named = {name: definition.get("elsewhere", {}) for name, definition in configuration["benchmarks"].items()}
    assert set(named["mnli"]) == {"shots16_contrast", "shots16_fine_tuned"}
    for name, elsewhere in named.items():
        for condition, overlay in elsewhere.items():
            assert condition not in configuration["benchmarks"][name]["conditions"]
            study, left_out = overlaid(configuration, overlay)
            check_configuration(study, schema, left_out)
            assert condition in study["benchmarks"][name]["conditions"]
            assert study["results"] != configuration["results"]


def test_pairs_are_tuned_on_as_single_texts_are(configuration):
    study, _ = overlaid(configuration, "config/tuned_pairs.yaml")
    assert list(study["benchmarks"]) == ["mnli"]
    for name in ("shots16_contrast", "shots16_fine_tuned"):
        of_texts, of_pairs = (
            of["benchmarks"][b]["conditions"][name]["tuning"] for of, b in [(configuration, "sst2"), (study, "mnli")]
        )
        assert of_pairs == of_texts


def test_checking_changes_nothing(configuration, schema):
    before = copy.deepcopy(configuration)
    check_configuration(configuration, schema)
    assert configuration == before


def test_every_arm_reads_groups_that_the_study_has(configuration):
    for arm in (*configuration["variants"], *configuration["baselines"]):
        assert set(METHODS[arm].settings) <= set(configuration["methods"])


def test_every_key_of_the_schema_is_typed(schema):
    def walk(node, place):
        for name, child in node.get("properties", {}).items():
            assert child.keys() & {"type", "enum", "$ref"}, f"{place}.{name}"
            walk(child, f"{place}.{name}")

    walk(schema, "")
    walk(schema["$defs"]["benchmark"], "benchmark")


BAD = [
    ("evaluateon", "final", r"unknown configuration key evaluateon; did you mean 'evaluate_on'\?"),
    ("methods.head.step", 3, r"unknown configuration key methods\.head\.step; did you mean 'steps'\?"),
    ("benchmarks.sst2.seed", [1], r"unknown configuration key benchmarks\.sst2\.seed; did you mean 'seeds'\?"),
    ("methods.head.steps", "many", r"methods\.head\.steps: 'many' is not of type 'integer' \(Full-batch"),
    ("small", "yes", r"small: 'yes' is not of type 'boolean'"),
    ("methods.memory.k", 0, r"methods\.memory\.k: 0 is less than the minimum of 1"),
    ("methods.swarm.exploited", 0.6, r"methods\.swarm\.exploited: 0\.6 is greater than the maximum of 0\.5"),
    ("methods.head.learning_rate", 0, r"methods\.head\.learning_rate: 0 is less than or equal to the minimum of 0"),
    (
        "methods.head.strategy",
        "lion",
        r"methods\.head\.strategy: 'lion' is not one of \['adam_norm', 'sgd', 'rmsprop_norm'\]",
    ),
    ("evaluate_on", "test", r"evaluate_on: 'test' is not one of \['development', 'final'\]"),
    (
        "benchmarks.sst2.kind",
        "text",
        r"benchmarks\.sst2\.kind: 'text' is not one of \['words', 'texts', 'images', 'stream'\]",
    ),
    ("benchmarks.sst2.source", "sst3", r"benchmarks\.sst2\.source: unknown name 'sst3'; did you mean 'sst2'"),
    ("benchmarks.sst2.source", "cifar10", r"benchmarks\.sst2\.source: unknown name 'cifar10'"),
    ("benchmarks.sst2.source", "mnli_synthetic", r"benchmarks\.sst2: wanted a name that ends in _synthetic"),
    ("benchmarks.sst2.source", "files", r"sst2\.files: wanted with source: files .* is missing with source: files"),
    ("benchmarks.sst2.columns", {"text": ["a"], "label": "b"}, r"sst2\.columns: .* came with source: sst2"),
    ("benchmarks.sst2.columns", {"text": [], "label": "b"}, r"benchmarks\.sst2\.columns\.text: \[\] should be"),
    ("benchmarks.sst2.files", {"train": "a.csv"}, r"configuration key benchmarks\.sst2\.files\.test is missing"),
    ("benchmarks.rare_words.development_rows", 5, r"development_rows: has no meaning for a benchmark of kind words"),
    ("benchmarks.sst2.conditions.shots1.shots", 0, r"conditions\.shots1\.shots: 0 is less than the minimum of 1"),
    ("benchmarks.sst2.conditions.shots1", {}, r"conditions\.shots1: wanted shots, came nothing"),
    ("benchmarks.sst2.conditions.shots1", {"senses": 1, "shots": 1}, r"wanted shots, came senses, shots"),
    (
        "benchmarks.sst2.headline",
        ["shot16"],
        r"benchmarks\.sst2\.headline: unknown name 'shot16'; did you mean 'shots16'",
    ),
    ("benchmarks.sst2.world", {}, r"benchmarks\.sst2\.world: has no meaning for a benchmark of kind texts"),
    (
        "benchmarks.sst2.conditions.shots16_descriptions.descriptions.words",
        [["bad"], ["good"], ["so so"]],
        r"shots16_descriptions\.descriptions\.words: wanted a list for each of 2 classes, came 3",
    ),
    (
        "benchmarks.sst2.conditions.shots16_descriptions.descriptions.templates",
        ["a film"],
        r"templates\.0: 'a film' does not match",
    ),
    (
        "benchmarks.sst2.conditions.shots16_semi_supervised.tuning.descriptions.words",
        [["bad"], ["good"], ["so so"]],
        r"semi_supervised\.tuning\.descriptions\.words: wanted a list for each of 2 classes, came 3",
    ),
    (
        "benchmarks.sst2.conditions.shots16_contrast.tuning.unlabelled",
        100,
        r"shots16_contrast\.tuning\.unlabelled: wanted with by: descriptions and with no other, came with by: contrast",
    ),
    (
        "benchmarks.sst2.conditions.shots16_contrast.tuning.by",
        "descriptions",
        r"shots16_contrast\.tuning\.descriptions: wanted with by: descriptions .* is missing with by: descriptions",
    ),
    ("benchmarks.sst2.conditions.shots16_contrast.tuning.by", "luck", r"tuning\.by: 'luck' is not one of"),
    (
        "benchmarks.mnli.conditions.shots16",
        {
            "shots": 16,
            "tuning": {"by": "descriptions", "layers": 3, "rate": 1, "epochs": 1, "batch": 2, "temperature": 1},
        },
        r"shots16\.tuning\.by: wanted contrast or cross_entropy for pairs, came descriptions, .*; tune on the shots",
    ),
    (
        "benchmarks.sst2.conditions.shots16",
        {"shots": 16, "senses": 2},
        r"conditions\.shots16: wanted shots, came senses, shots",
    ),
    ("benchmarks.sst2.seeds", [], r"benchmarks\.sst2\.seeds: \[\] should be non-empty"),
    ("benchmarks.rare_words.elsewhere", {}, r"rare_words\.elsewhere: has no meaning for a benchmark of kind words"),
    ("benchmarks.rare_words.folds", 4, r"benchmarks\.rare_words\.folds: has no meaning for a benchmark of kind words"),
    (
        "benchmarks.rare_words.conditions.one_sense_level1.level",
        "level9",
        r"one_sense_level1\.level: unknown name 'level9'; did you mean 'level\d'",
    ),
    (
        "benchmarks.rare_words.world",
        {"rare_word": 3},
        r"benchmarks\.rare_words\.world: unknown name 'rare_word'; did you mean 'rare_words'",
    ),
    ("benchmarks.rare_words.world", {"rare_words": 1}, r"rare_words: wanted an integer of at least 2, came 1"),
    ("benchmarks.rare_words.controls", ["orakel"], r"controls\.0: 'orakel' is not one of"),
    ("variants", ["fulll"], r"variants: unknown name 'fulll'; did you mean 'full'\?"),
    ("baselines", ["knn", "full"], r"variants and baselines: wanted each arm once"),
    ("methods.swarm.rounds", 101, r"methods\.swarm\.rounds: wanted a divisor of head\.steps = 50.*came 101"),
    ("methods.swarm.box.sharpness", [20.0, 5.0], r"box\.sharpness: wanted low < high .*came \[20\.0, 5\.0\]"),
    ("methods.swarm.box.learning_rate", [0.1, 0.2], r"box\.learning_rate: .*default head\.learning_rate = 1\.0"),
    ("methods.swarm.box.weight_decay", [0.1], r"box\.weight_decay: \[0\.1\] is too short"),
]


@pytest.mark.parametrize(("place", "value", "message"), BAD, ids=[f"{place}={value}" for place, value, _ in BAD])
def test_a_mistake_is_named_with_its_place(configuration, schema, place, value, message):
    *parents, last = place.split(".")
    node = configuration
    for key in parents:
        node = node[key]
    node[last] = value
    with pytest.raises(ConfigurationError, match=message):
        check_configuration(configuration, schema)


@pytest.mark.parametrize("place", ["methods.head.steps", "benchmarks.sst2.seeds", "results"])
def test_a_missing_key_is_named(configuration, schema, place):
    *parents, last = place.split(".")
    node = configuration
    for key in parents:
        node = node[key]
    del node[last]
    with pytest.raises(ConfigurationError, match=f"configuration key {place} is missing"):
        check_configuration(configuration, schema)


@pytest.mark.parametrize("name", ["own-data", "own-images", "own-image-shots"])
def test_data_of_ones_own_have_a_title_and_an_abstract_of_their_own(configuration, schema, name):
    study, left_out = overlaid(configuration, f"examples/{name}.yaml")
    check_configuration(study, schema, left_out)
    for key in ("title", "authors", "abstract"):
        assert study["paper"][key] != configuration["paper"][key]


def test_the_docs_show_the_example_as_it_is():
    shown = re.search(r"^```yaml\n(.*?)^```$", (ROOT / "docs/own-data.md").read_text(), re.DOTALL | re.MULTILINE)
    assert yaml.safe_load(shown[1]) == load("examples/own-data.yaml")


def test_own_files_are_a_benchmark_by_configuration_alone(configuration, schema):
    study, left_out = overlaid(configuration, "examples/own-data.yaml")
    check_configuration(study, schema, left_out)
    messages = study["benchmarks"]["messages"]
    assert manifest_of("messages", messages) == "files_messages"
    assert set(source_of(messages)) == {"source", "files", "columns"}
    assert manifest_of("sst2", configuration["benchmarks"]["sst2"]) == "sst2"
    assert manifest_of("rare_words", configuration["benchmarks"]["rare_words"]) is None


def test_own_pairs_may_be_tuned_on_and_have_no_descriptions(configuration, schema):
    study, left_out = overlaid(configuration, "examples/own-data.yaml")
    messages = study["benchmarks"]["messages"]
    messages["columns"]["text"] = ["premise", "hypothesis"]
    messages["conditions"]["tuned"] = configuration["benchmarks"]["sst2"]["conditions"]["shots16_contrast"]
    check_configuration(study, schema, left_out)
    messages["conditions"]["shots4"]["descriptions"] = {"templates": ["{}"], "words": [["a"], ["b"]]}
    with pytest.raises(ConfigurationError, match=r"shots4\.descriptions: wanted for single texts, came for pairs"):
        check_configuration(study, schema, left_out)


@pytest.mark.parametrize("key", ["source", "folds"])
def test_a_text_benchmark_needs_its_keys(configuration, schema, key):
    del configuration["benchmarks"]["sst2"][key]
    with pytest.raises(ConfigurationError, match=rf"benchmarks\.sst2\.{key}: wanted for a benchmark of kind texts"):
        check_configuration(configuration, schema)


def test_an_unknown_arm_of_a_contrast_is_named(configuration, schema):
    configuration["contrasts"][0]["b"] = "kv_olny"
    with pytest.raises(ConfigurationError, match=r"contrasts\.\w+\.b: unknown name 'kv_olny'; did you mean 'kv_only'"):
        check_configuration(configuration, schema)


def test_a_family_of_more_than_eight_tests_is_refused(configuration, schema):
    configuration["contrasts"] *= 2
    with pytest.raises(ConfigurationError, match=r"contrasts: .* is too long"):
        check_configuration(configuration, schema)


def test_what_an_arm_knows_of_a_benchmark(configuration):
    words, texts = (task_of(configuration["benchmarks"][name], "knn") for name in ("rare_words", "sst2"))
    assert (words["protocol"], "folds" in words) == ("episode", False)
    assert (texts["protocol"], texts["folds"]) == ("episode", configuration["benchmarks"]["sst2"]["folds"])
    assert isinstance(texts["flops_allowed"], int)
    assert "seeds" not in texts
    assert texts["conditions"]["shots1"] == {"shots": 1}


def test_only_arms_of_images_are_told_of_a_device(configuration):
    stream = configuration["benchmarks"]["split_cifar10"]
    assert task_of(stream, "fine_tune", "cuda")["device"] == "cuda"
    assert task_of(stream, "fine_tune", "cpu") == task_of(stream, "fine_tune")
    assert "device" not in task_of(stream, "ridge", "cuda") | task_of(stream, "fine_tune")
