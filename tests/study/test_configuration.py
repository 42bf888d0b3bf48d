import copy
import json
import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from hsokv.arms.registry import METHODS
from hsokv.exceptions import ConfigurationError
from hsokv.study.benchmarks import manifest_of, source_of, task_of
from hsokv.study.config import check_configuration, selected
from hsokv.study.config_docs import editor_schema, reference

ROOT = Path(__file__).resolve().parents[2]
FILES = [*ROOT.glob("config/*.yaml"), *ROOT.glob("examples/*.yaml")]


@cache
def read(name):
    return yaml.safe_load((ROOT / name).read_text())


def load(name):
    return copy.deepcopy(read(name))


def merge(below, above):
    """An overlay as Snakemake lays it: maps are merged, everything else is replaced."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: merge(below.get(key), value) for key, value in above.items()}


def overlaid(below, name):
    """The study under an overlay, checked, and the benchmarks that this takes out."""
    study = merge(below, load(name))
    check_configuration(study)
    return selected(study)


def change(configuration, key, value):
    """Put a value at a dotted key."""
    *parents, last = key.split(".")
    for part in parents:
        configuration = configuration[int(part) if isinstance(configuration, list) else part]
    configuration[last] = value


def refused(configuration, key):
    """The configuration is refused with a sentence that begins with the key."""
    with pytest.raises(ConfigurationError, match=rf"(?m)^{re.escape(key)}: ") as error:
        check_configuration(configuration)
    return str(error.value)


@pytest.fixture
def configuration():
    return load("config.yaml")


def test_the_study_passes(configuration):
    check_configuration(configuration)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_overlay_passes(configuration, path):
    overlaid(configuration, path)


def test_a_condition_that_is_null_is_left_out(configuration):
    study, left_out = overlaid(configuration, "config/small.yaml")
    assert "mnli" in left_out
    assert "shots16_mpnet" not in study["benchmarks"]["sst2"]["conditions"]


def test_conditions_that_are_run_elsewhere_are_those_of_the_overlay_that_is_named(configuration):
    named = {name: definition.get("run_in_overlay", {}) for name, definition in configuration["benchmarks"].items()}
    assert set(named["mnli"]) == {"shots16_contrast", "shots16_fine_tuned", "shots16_mpnet"}
    for name, elsewhere in named.items():
        for condition, overlay in elsewhere.items():
            assert condition not in configuration["benchmarks"][name]["conditions"]
            study, _ = overlaid(configuration, overlay)
            assert condition in study["benchmarks"][name]["conditions"]
            assert study["results"] != configuration["results"]


def test_pairs_are_tuned_on_as_single_texts_are(configuration):
    texts, pairs = (overlaid(configuration, f"config/{name}.yaml")[0] for name in ("tuned_shots", "tuned_pairs"))
    assert list(pairs["benchmarks"]) == ["mnli"]
    for name in ("shots16_contrast", "shots16_fine_tuned"):
        of_texts, of_pairs = (
            of["benchmarks"][b]["conditions"][name]["tuning"] for of, b in [(texts, "sst2"), (pairs, "mnli")]
        )
        assert of_pairs == of_texts


def test_checking_changes_nothing(configuration):
    before = copy.deepcopy(configuration)
    check_configuration(configuration)
    assert configuration == before


def test_every_arm_reads_groups_that_the_study_has(configuration):
    for arm in (*configuration["variants"], *configuration["baselines"]):
        assert set(METHODS[arm].settings) <= set(configuration["methods"])


# Tuning of which the wrong cases change one setting.
CONTRAST = {"by": "contrast", "layers": 3, "learning_rate": 1e-4, "epochs": 5, "batch": 32, "temperature": 0.1}

BAD = [
    ("splitt", "test", "splitt", "'split'"),
    ("methods.head.step", 3, "methods.head.step", "'steps'"),
    ("benchmarks.sst2.seed", [1], "benchmarks.sst2.seed", "'seeds'"),
    ("methods.head.steps", "many", "", "many"),
    ("methods.head.steps", 16.0, "", "16.0"),
    ("methods.head.steps", True, "", "true"),
    ("methods.head.learning_rate", True, "", "true"),
    ("methods.head.learning_rate", "1e-4", "", "1.0e-4"),
    ("methods.head.learning_rate", float("inf"), "", "finite"),
    ("small", "yes", "", "yes"),
    ("methods.memory.k", 0, "", "at least 1"),
    ("methods.swarm.truncation_fraction", 0.6, "", "at most 0.5"),
    ("methods.head.learning_rate", 0, "", "above 0"),
    ("methods.head.optimizer", "lion", "", "adam_norm.*sgd.*rmsprop_norm"),
    ("split", "final", "", "validation.*test"),
    ("benchmarks.sst2.kind", "text", "", "texts"),
    ("benchmarks.sst2", {"seeds": [1]}, "benchmarks.sst2.kind", "missing"),
    ("benchmarks.sst2", 3, "", "3"),
    ("benchmarks.sst2.source", "sst3", "", "'sst2'"),
    ("benchmarks.sst2.source", "cifar10", "", "cifar10"),
    ("benchmarks.sst2.source", "sst2_synthetic", "benchmarks.sst2", "_synthetic"),
    ("benchmarks.mnli.source", "mnli_synthetic", "benchmarks.mnli", "_synthetic"),
    ("benchmarks.sst2.source", "files", "benchmarks.sst2.files", "required"),
    ("benchmarks.sst2.columns", {"text": ["a"], "label": "b"}, "", "not allowed"),
    ("benchmarks.sst2.columns", {"text": [], "label": "b"}, "benchmarks.sst2.columns.text", "at least 1"),
    ("benchmarks.sst2.files", {"train": "a.csv"}, "benchmarks.sst2.files.test", "missing"),
    ("benchmarks.rare_words.validation_rows", 5, "", "only in .*Texts"),
    ("benchmarks.sst2.conditions.shots1.shots", 0, "", "at least 1"),
    ("benchmarks.sst2.conditions.shots1", {}, "benchmarks.sst2.conditions.shots1.shots", "missing"),
    ("benchmarks.sst2.conditions.shots1.senses", 1, "", "WordsCondition"),
    ("benchmarks.sst2.conditions.shots16.encoder", None, "", "null"),
    ("benchmarks.sst2.conditions", {}, "", "at least one"),
    ("benchmarks.sst2.headline", ["shot16"], "", "'shots16'"),
    ("benchmarks.sst2.world", {}, "", "only in Words"),
    ("benchmarks.sst2.conditions.shots16_descriptions.descriptions.words", [["a"], ["b"], ["c"]], "", "2"),
    (
        "benchmarks.sst2.conditions.shots16_descriptions.descriptions.templates",
        ["a film"],
        "benchmarks.sst2.conditions.shots16_descriptions.descriptions.templates.0",
        "a film",
    ),
    ("benchmarks.sst2.conditions.shots16_semi_supervised.tuning.descriptions.words", [["a"], ["b"], ["c"]], "", "2"),
    (
        "benchmarks.sst2.conditions.shots16.tuning",
        CONTRAST | {"unlabelled": 100},
        "benchmarks.sst2.conditions.shots16.tuning.unlabelled",
        "only in SemiSupervisedTuning",
    ),
    (
        "benchmarks.sst2.conditions.shots16.tuning",
        CONTRAST | {"by": "descriptions"},
        "benchmarks.sst2.conditions.shots16.tuning.descriptions",
        "required",
    ),
    ("benchmarks.sst2.conditions.shots16_semi_supervised.tuning.by", "luck", "", "cross_entropy"),
    ("benchmarks.sst2.seeds", [], "", "at least 1"),
    ("benchmarks.sst2.seeds", [1, 1], "", "once"),
    ("benchmarks.rare_words.run_in_overlay", {}, "", "only in Texts"),
    ("benchmarks.rare_words.folds", 4, "", "only in Images or Texts"),
    ("benchmarks.rare_words.conditions.one_sense_level1.level", "level9", "", "level"),
    ("benchmarks.rare_words.conditions.one_sense_level1.senses", True, "", "true"),
    ("benchmarks.mnli.run_in_overlay", {1: "x"}, "", "got 1"),
    (
        "benchmarks.rare_words.conditions.one_sense_level1.senses",
        2,
        "benchmarks.rare_words.conditions.one_sense_level1",
        "",
    ),
    ("benchmarks.rare_words.world", {"rare_word": 3}, "benchmarks.rare_words.world.rare_word", "'rare_words'"),
    ("benchmarks.rare_words.world", {"rare_words": 1}, "benchmarks.rare_words.world.rare_words", "at least 2"),
    ("benchmarks.rare_words.world", {"attributes": 5}, "", "attributes = 5"),
    ("benchmarks.rare_words.controls", ["orakel"], "benchmarks.rare_words.controls.0", "oracle"),
    ("benchmarks.rare_words.seeds", [1], "", "1000"),
    ("benchmarks.Mine", None, "benchmarks", "Mine"),
    ("benchmarks", {}, "", "at least one"),
    ("split", "validation", "benchmarks.rare_words.seeds", "1000"),
    ("only", ["sst3"], "", "'sst2'"),
    ("only", [], "", "at least 1"),
    ("only", ["cartpole"], "benchmarks", "at least one"),
    ("variants", ["fulll"], "variants.0", "'full'"),
    ("baselines", ["knn", "full"], "", "full"),
    ("methods.swarm.rounds", 101, "", "head.steps = 50"),
    ("methods.swarm.ensemble_size", 17, "", "16"),
    ("methods.swarm.search_space.inverse_temperature", [20.0, 5.0], "", "low < high"),
    ("methods.swarm.search_space.learning_rate", [0.1, 0.2], "", "head.learning_rate = 1.0"),
    ("methods.swarm.search_space.weight_decay", [0.1], "", "2"),
    ("contrasts.0.benchmark", "sst3", "contrasts.full_over_kv_only_rare_words.benchmark", "'sst2'"),
    ("contrasts.0.a", "kv_only", "contrasts.full_over_kv_only_rare_words", "kv_only"),
    ("contrasts.0.b", "kv_olny", "", "'kv_only'"),
    ("contrasts.0.name", "full_over_kv_only_sst2", "contrasts", "full_over_kv_only_sst2"),
    ("benchmarks.sst2.seeds", list(range(33)), "contrasts.full_over_kv_only_sst2.benchmark", "32"),
    ("criteria.0.kind", "difference", "criteria.0.over", "required"),
    ("criteria.0.kind", "not_worse", "criteria.0", "margin"),
    ("criteria.0.kind", "luck", "", "not_worse"),
    ("criteria.0.over", "knn", "", "not allowed"),
    ("criteria.0.below", 0.1, "criteria.0", "above and below"),
    ("criteria.2.tracks", ["shots16"], "", "not allowed"),
    ("criteria.2.score", "hit_rate", "", "accuracy"),
    ("paper.authors", [{"name": ""}], "paper.authors.0.name", "not blank"),
    ("paper.title", "   ", "", "not blank"),
    ("paper.title", "a\x07b", "", "a line"),
    ("paper.title", "a\nb", "", "a line"),
    ("paper.abstract", "a\x07b", "", "control"),
    ("criteria.0.arm", "fulll", "", "'full'"),
    ("criteria.0.benchmark", "rare_word", "criteria.kv_hit_rate.benchmark", "'rare_words'"),
    ("criteria.3.tracks", ["shots_16"], "criteria.few_shot_accuracy.tracks", "'shots16'"),
    ("expected_failures", ["few_shot"], "", "'few_shot_accuracy'"),
    ("benchmarks.sst2.flops_allowed", 0.5, "", "at least 1"),
    ("distributed.learning.steps", 1e300, "", "at most"),
    ("distributed.speed.workers", [], "", "at least 1"),
    ("results", "~/x", "", "no ~"),
    ("results", "a{b}", "", "a path"),
    ("results", "a\nb", "", "a path"),
    # absurd values, which would eat the machine
    ("benchmarks.sst2.seeds", [2**64], "benchmarks.sst2.seeds.0", "below 4294967296"),
    ("benchmarks.sst2.seeds", list(range(1001)), "benchmarks.sst2.seeds", "at most 1000"),
    ("benchmarks.sst2.conditions.shots1.shots", 10**9, "", "at most 1000000"),
    ("benchmarks.sst2.flops_allowed", 1e300, "", "at most"),
    ("benchmarks.sst2.folds", 10**6, "", "at most"),
    ("benchmarks.split_cifar10.capacity", 10**12, "", "at most"),
    ("benchmarks.rare_words.world", {"rare_words": 10_000, "queries": 1000}, "benchmarks.rare_words.world", "contexts"),
    ("benchmarks.rare_words.encoder_steps", 10**30, "", "at most"),
    ("methods.memory.capacity", 10**9, "", "at most"),
    ("methods.head.steps", 0xF << 20_000, "", "at most"),
    ("methods.swarm.agents", 1000, "", "at most 1000 agents of all"),
    ("distributed.projection.nodes", [10**9], "distributed.projection.nodes.0", "at most"),
    # what --config gives
    ("small", "true", "", "True"),
    ("benchmarks.sst2.seeds", ["1"], "benchmarks.sst2.seeds.0", "--config"),
    ("benchmarks.sst3", {"seeds": [1]}, "benchmarks.sst3.kind", "'sst2'"),
]


@pytest.mark.parametrize(("place", "value", "key", "tells"), BAD, ids=[place for place, *_ in BAD])
def test_a_mistake_is_named_with_its_key(configuration, place, value, key, tells):
    change(configuration, place, value)
    assert re.search(tells, refused(configuration, key or place))


@pytest.fixture
def with_encoders(configuration):
    """The study with an encoder of images and conditions that name encoders."""
    configuration["encoders"]["pictures"] = {"folder": "/x", "modality": "images", "pooling": "cls"}
    configuration["benchmarks"]["cifar10"] = {
        "kind": "images",
        "source": "cifar10",
        "seeds": [1],
        "headline": ["own"],
        "conditions": {"own": {"shots": 1}, "other": {"shots": 1, "encoder": "pictures"}},
        "num_patches": 9,
        "folds": 2,
        "flops_allowed": 1.0e9,
    }
    check_configuration(configuration)
    return configuration


MPNET, OWN = "benchmarks.sst2.conditions.shots16_mpnet", "benchmarks.cifar10.conditions.own"


@pytest.mark.parametrize(
    ("place", "value", "key", "tells"),
    [
        ("encoder", "minlm", "", "'minilm'"),
        (f"{MPNET}.encoder", "mpnt", "", "'mpnet'"),
        (f"{MPNET}.learn_pseudo_labels", True, "", "by: descriptions"),
        (f"{MPNET}.layer", 0, "", "at least 1"),
        ("encoders.third", {"pooling": "mean", "tokens": 9}, "", "hub or folder"),
        ("encoders.third", {"repo_id": "a/third", "pooling": "mean", "tokens": 9}, "", "revision"),
        ("encoders.third", {"folder": "/x", "pooling": "pooler", "tokens": 9}, "", "pooler"),
        ("encoders.third", {"folder": "/x", "pooling": "mean"}, "encoders.third.tokens", "required"),
        ("encoders.third", {"folder": "/x", "tokens": 9}, "encoders.third.pooling", "missing"),
        ("encoders.minilm.sha256", {"weights": "0" * 64}, "", "weights"),
        ("encoders.minilm.sha256", {"preprocessor_config.json": "0" * 64}, "encoders.minilm", "preprocessor_config"),
        ("encoders.pictures.tokens", 9, "", "not allowed"),
        (f"{MPNET}.encoder", "pictures", "", "minilm, mpnet, bge_small"),
        (f"{OWN}.encoder", "mpnet", "", "pictures"),
        ("encoder", "pictures", "", "reads images"),
    ],
)
def test_a_mistake_about_encoders_is_named_with_its_key(with_encoders, place, value, key, tells):
    change(with_encoders, place, value)
    assert re.search(tells, refused(with_encoders, key or place))


@pytest.mark.parametrize(
    "key", ["methods.head.steps", "benchmarks.sst2.seeds", "results", "benchmarks.sst2.source", "benchmarks.sst2.folds"]
)
def test_a_missing_key_is_named(configuration, key):
    *parents, last = key.split(".")
    node = configuration
    for part in parents:
        node = node[part]
    del node[last]
    assert "missing" in refused(configuration, key)


@pytest.mark.parametrize("key", [1, True, None, date(2026, 1, 1), 1.5])
@pytest.mark.parametrize("place", ["", "methods", "benchmarks", "benchmarks.sst2.conditions", "encoders.minilm.sha256"])
def test_a_key_that_is_no_text_is_refused(configuration, place, key):
    node = configuration
    for part in place.split(".") if place else ():
        node = node[part]
    node[key] = {"seeds": [{key: 1}]}
    with pytest.raises(ConfigurationError):
        check_configuration(configuration)


def test_a_value_that_is_nested_ten_thousand_million_times_is_refused_at_once(configuration):
    value = ["x"] * 10
    for _ in range(9):
        value = [value] * 10
    configuration["paper"]["title"] = value
    assert len(refused(configuration, "paper.title")) < 200


def test_of_many_mistakes_the_first_are_told(configuration):
    configuration["benchmarks"]["sst2"]["seeds"] = ["x"] * 1000
    assert "and 980 more" in refused(configuration, "benchmarks.sst2.seeds.0")


def test_every_mistake_is_named_at_once(configuration):
    configuration["small"], configuration["split"] = 1, "tset"
    assert len(refused(configuration, "split").splitlines()) == 2


def keys_of(node, key=()):
    """The keys of every value of a configuration."""
    for part in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield from ((*key, part), *keys_of(node[part], (*key, part)))


ODD = [None, {}, [], "x", True, -1, 1.5, {"x": 1}, {1: 2}, [[1]], [{}], date(2026, 1, 1), float("nan"), ""]


def test_whatever_stands_somewhere_is_accepted_or_refused_in_words(configuration):
    keys = list(keys_of(configuration))
    assert len(keys) > 500
    refusals = 0
    for number, key in enumerate(keys):
        changed = copy.deepcopy(configuration)
        node = changed
        for part in key[:-1]:
            node = node[part]
        node[key[-1]] = ODD[number % len(ODD)]
        try:
            check_configuration(changed)
            selected(changed)
        except ConfigurationError:
            refusals += 1
    assert refusals > len(keys) / 2


def test_what_only_names_is_run_and_what_hangs_on_others_is_left_out(configuration):
    configuration["only"] = ["sst2"]
    check_configuration(configuration)
    study, left_out = selected(configuration)
    assert list(study["benchmarks"]) == ["sst2"]
    assert {*left_out, "sst2"} == {*configuration["benchmarks"]}
    assert study["distributed"] is None
    for key in ("contrasts", "criteria"):
        assert study[key] == [entry for entry in configuration[key] if entry["benchmark"] == "sst2"] != []
    del configuration["only"]
    assert selected(configuration) == (configuration, [])
    configuration["only"] = None
    assert selected(configuration)[0]["criteria"] == configuration["criteria"]


def test_the_distributed_swarm_is_run_where_only_names_it(configuration):
    configuration["only"] = ["sst2", "cartpole"]
    study, _ = selected(configuration)
    assert study["distributed"] == configuration["distributed"]
    assert {entry["benchmark"] for entry in study["criteria"]} == {"sst2", "cartpole"}


def test_what_is_not_run_need_not_fit_the_test_set(configuration):
    configuration |= {"only": ["sst2"], "split": "validation"}
    check_configuration(configuration)


def test_what_is_not_run_is_checked_all_the_same(configuration):
    configuration["only"] = ["sst2"]
    configuration["benchmarks"]["mnli"]["fold"] = 4
    refused(configuration, "benchmarks.mnli.fold")


def test_the_schema_for_editors_and_the_page_are_those_of_the_model():
    """`python -m hsokv.study.config_docs` makes both."""
    assert json.loads((ROOT / "config.schema.json").read_text()) == editor_schema()
    assert (ROOT / "docs/configuration.md").read_text() == reference()


@pytest.mark.parametrize("path", ["config.yaml", *sorted(f"{p.parent.name}/{p.name}" for p in FILES)])
def test_editors_accept_the_study_and_every_overlay(path):
    Draft202012Validator.check_schema(editor_schema())
    Draft202012Validator(editor_schema()).validate(load(path))
    text = (ROOT / path).read_text()
    assert (ROOT / path).parent.joinpath(re.search(r"^# yaml-language-server: \$schema=(.*)$", text, re.M)[1]).is_file()


@pytest.mark.parametrize(
    ("key", "value"),
    [("split", "tset"), ("methods.head.step", 3), ("benchmarks.sst2.seed", [1]), ("methods.memory.k", 0)],
)
def test_editors_refuse_a_mistake(configuration, key, value):
    change(configuration, key, value)
    assert not Draft202012Validator(editor_schema()).is_valid(configuration)


@pytest.mark.parametrize("name", ["own-data", "own-images", "own-image-shots"])
def test_data_of_ones_own_have_a_title_and_an_abstract_of_their_own(configuration, name):
    study, _ = overlaid(configuration, f"examples/{name}.yaml")
    for key in ("title", "authors", "abstract"):
        assert study["paper"][key] != configuration["paper"][key]


def test_the_docs_show_the_example_as_it_is():
    shown = re.search(r"^```yaml\n(.*?)^```$", (ROOT / "docs/own-data.md").read_text(), re.DOTALL | re.MULTILINE)
    assert yaml.safe_load(shown[1]) == load("examples/own-data.yaml")


def test_own_files_are_a_benchmark_by_configuration_alone(configuration):
    study, _ = overlaid(configuration, "examples/own-data.yaml")
    messages = study["benchmarks"]["messages"]
    assert manifest_of("messages", messages) == "files_messages"
    assert set(source_of(messages)) == {"source", "files", "columns"}
    assert manifest_of("sst2", configuration["benchmarks"]["sst2"]) == "sst2"
    assert manifest_of("rare_words", configuration["benchmarks"]["rare_words"]) is None


def test_own_pairs_may_be_tuned_on_and_have_no_descriptions(configuration):
    study, _ = overlaid(configuration, "examples/own-data.yaml")
    messages = study["benchmarks"]["messages"]
    messages["columns"]["text"] = ["premise", "hypothesis"]
    messages["conditions"]["tuned"] = {"shots": 4, "tuning": CONTRAST}
    check_configuration(study)
    messages["conditions"]["shots4"]["descriptions"] = {"templates": ["{}"], "words": [["a"], ["b"]]}
    refused(study, "benchmarks.messages.conditions.shots4.descriptions")
    del messages["conditions"]["shots4"]["descriptions"]
    messages["conditions"]["tuned"] = configuration["benchmarks"]["sst2"]["conditions"]["shots16_semi_supervised"]
    refused(study, "benchmarks.messages.conditions.tuned.tuning.descriptions")


def test_a_study_without_arms_is_refused(configuration):
    configuration |= {"variants": [], "baselines": []}
    refused(configuration, "variants")


def test_a_family_of_more_than_eight_tests_is_refused(configuration):
    configuration["contrasts"] *= 2
    refused(configuration, "contrasts")


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
