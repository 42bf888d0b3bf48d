"""What a configuration may say: its checks, its schema, its files; what is run of it, and what is told to an arm."""

import copy
import itertools
import json
import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from hsokv import definitions
from hsokv.exceptions import ConfigurationError
from hsokv.study import config
from hsokv.study.benchmarks import manifest_of, source_of, task_of
from hsokv.study.config import check_configuration, check_files, selected
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
    """Put a value at a dotted key, or take away the key for the value `...`."""
    *parents, last = key.split(".")
    for part in parents:
        configuration = configuration[int(part) if isinstance(configuration, list) else part]
    if value is ...:
        del configuration[last]
    else:
        configuration[last] = value


def refused(configuration, key):
    """The configuration is refused with a sentence that begins with the key."""
    with pytest.raises(ConfigurationError, match=rf"(?m)^{re.escape(key)}: ") as error:
        check_configuration(configuration)
    return str(error.value)


@pytest.fixture
def configuration():
    return load("config.yaml")


@pytest.fixture(scope="module")
def schema():
    Draft202012Validator.check_schema(editor_schema())
    return Draft202012Validator(editor_schema())


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *FILES], ids=lambda path: path.stem)
def test_the_study_and_every_overlay_pass_here_and_in_editors(configuration, schema, path):
    before = copy.deepcopy(configuration)
    overlaid(configuration, path)
    assert configuration == before
    schema.validate(load(path))
    assert not schema.is_valid(load(path) | {"splitt": "test"})
    assert path.parent.joinpath(
        re.search(r"^# yaml-language-server: \$schema=(.*)$", path.read_text(), re.M)[1]
    ).is_file()


def test_the_schema_for_editors_and_the_page_are_those_of_the_model():
    """`python -m hsokv.study.config_docs` makes both."""
    assert json.loads((ROOT / "config.schema.json").read_text()) == editor_schema()
    assert (ROOT / "docs/configuration.md").read_text() == reference()
    shown = re.search(r"^```yaml\n(.*?)^```$", (ROOT / "docs/own-data.md").read_text(), re.DOTALL | re.MULTILINE)
    assert yaml.safe_load(shown[1]) == load("examples/own-data.yaml")


def test_the_types_of_a_checked_configuration_have_the_keys_of_its_model():
    tuning, conditions = (config.Tuning, config.SemiSupervisedTuning), ("Words", "Shots", "Texts", "Stream", "Events")
    models = {name: (getattr(config, name),) for name in ("Encoder", "Paper", "Author", "Descriptions", "Columns")}
    models |= {"Tuning": tuning, "Definition": tuple(config.KINDS.values()), "Configuration": (config.Study,)}
    models["Condition"] = tuple(getattr(config, f"{kind}Condition") for kind in conditions)
    derived = {"Configuration": {"arms"}}
    for name, of in models.items():
        keys = {key for model in of for key in model.model_fields}
        assert getattr(definitions, name).__annotations__.keys() - derived.get(name, set()) == keys, name


def test_conditions_that_are_run_elsewhere_are_those_of_the_overlay_that_is_named(configuration):
    for name, definition in configuration["benchmarks"].items():
        for condition, overlay in definition.get("run_in_overlay", {}).items():
            assert condition not in definition["conditions"]
            study, _ = overlaid(configuration, overlay)
            assert condition in study["benchmarks"][name]["conditions"]
            assert study["results"] != configuration["results"]


# Tuning of which the wrong cases change one setting.
CONTRAST = {"by": "contrast", "layers": 3, "learning_rate": 1e-4, "epochs": 5, "batch": 32, "temperature": 0.1}
SST2, WORDS = "benchmarks.sst2", "benchmarks.rare_words"
SHOTS16, MPNET = f"{SST2}.conditions.shots16", f"{SST2}.conditions.shots16_mpnet"
DESCRIBED, GUESSES = f"{SHOTS16}_descriptions.descriptions", f"{SHOTS16}_semi_supervised.tuning"
ONE_SENSE, SPACE = f"{WORDS}.conditions.one_sense_level1", "methods.swarm.search_space"
THREE = [["a"], ["b"], ["c"]]
LONG = ["x"] * 10
for _ in range(9):
    LONG = [LONG] * 10

BAD = [  # place, value, what the message says, and the key that it names where this is not the place
    # keys
    ("splitt", "test", "'split'"),
    ("methods.head.step", 3, "'steps'"),
    (f"{WORDS}.world", {"rare_word": 3}, "'rare_words'", f"{WORDS}.world.rare_word"),
    (f"{SHOTS16}.senses", 1, "WordsCondition"),
    (f"{SHOTS16}.tuning", CONTRAST | {"unlabelled": 100}, "SemiSupervisedTuning", f"{SHOTS16}.tuning.unlabelled"),
    ("methods.head.steps", ..., "missing"),
    ("benchmarks.sst3", {"seeds": [1]}, "'sst2'", "benchmarks.sst3.kind"),
    ("benchmarks.Mine", None, "Mine", "benchmarks"),
    ("benchmarks.mnli.run_in_overlay", {1: "x"}, "got 1"),
    # types and ranges
    ("methods.head.steps", 16.0, "16.0"),
    ("methods.head.steps", True, "true"),
    ("methods.head.learning_rate", "1e-4", "1.0e-4"),
    ("paper.title", 1984, "put it in quotation marks"),
    ("paper.title", True, "put it in quotation marks"),
    ("methods.head.learning_rate", float("inf"), "finite"),
    ("methods.head.learning_rate", 0, "above 0"),
    ("methods.memory.k", 0, "at least 1"),
    ("small", "true", "True"),
    (f"{SST2}.seeds", ["1"], "--config", f"{SST2}.seeds.0"),
    (f"{SHOTS16}.encoder", None, "null"),
    (f"{SST2}.seeds", [], "at least 1"),
    (f"{SST2}.seeds", [1, 1], "once"),
    ("paper.title", LONG, "x", "paper.title"),
    # choices and names
    ("methods.head.optimizer", "lion", "adam_norm.*sgd.*rmsprop_norm"),
    ("split", "final", "validation.*test"),
    (f"{SST2}.kind", "text", "texts"),
    (f"{SST2}.source", "sst3", "'sst2'"),
    (f"{SST2}.headline", ["shot16"], "'shots16'"),
    (f"{ONE_SENSE}.level", "level9", "level"),
    ("only", ["sst3"], "'sst2'"),
    ("variants", ["fulll"], "'full'", "variants.0"),
    ("encoder", "minlm", "'minilm'"),
    ("contrasts.0.benchmark", "sst3", "'sst2'", "contrasts.full_over_kv_only_rare_words.benchmark"),
    ("criteria.3.tracks", ["shots_16"], "'shots16'", "criteria.few_shot_accuracy.tracks"),
    ("expected_failures", ["few_shot"], "'few_shot_accuracy'"),
    # texts
    ("paper.title", "a\nb", "a line"),
    ("paper.abstract", "a\x07b", "control"),
    (f"{DESCRIBED}.templates", ["a film"], "a film", f"{DESCRIBED}.templates.0"),
    ("results", "~/x", "no ~"),
    # what hangs together
    (f"{SST2}.source", "sst2_synthetic", "_synthetic", SST2),
    (f"{SST2}.source", "files", "required", f"{SST2}.files"),
    (f"{SST2}.columns", {"text": ["a"], "label": "b"}, "not allowed"),
    (f"{SST2}.conditions", {}, "at least one"),
    (f"{DESCRIBED}.words", THREE, "2"),
    (f"{SHOTS16}.tuning", CONTRAST | {"by": "descriptions"}, "required", f"{SHOTS16}.tuning.descriptions"),
    (f"{SHOTS16}_descriptions.tuning", CONTRAST, "got both", f"{SHOTS16}_descriptions"),
    (f"{MPNET}.learn_pseudo_labels", True, "by: descriptions"),
    (f"{ONE_SENSE}.senses", 2, "rename", ONE_SENSE),
    (f"{WORDS}.world", {"attributes": 5}, "attributes = 5"),
    (f"{WORDS}.seeds", [1], "1000"),
    ("split", "validation", "1000", f"{WORDS}.seeds"),
    ("benchmarks", {}, "at least one"),
    ("only", ["cartpole"], "at least one", "benchmarks"),
    ("baselines", ["knn", "full"], "full"),
    ("methods.swarm.rounds", 101, "head.steps = 50"),
    ("methods.swarm.ensemble_size", 17, "16"),
    (f"{SPACE}.learning_rate", [0.1, 0.2], "head.learning_rate = 1.0"),
    ("contrasts.0.a", "kv_only", "kv_only", "contrasts.full_over_kv_only_rare_words"),
    ("contrasts.0.name", "full_over_kv_only_sst2", "full_over_kv_only_sst2", "contrasts"),
    (f"{SST2}.seeds", list(range(33)), "32", "contrasts.full_over_kv_only_sst2.benchmark"),
    ("criteria.0.kind", "difference", "required", "criteria.0.over"),
    ("criteria.0.below", 0.1, "above and below", "criteria.0"),
    ("criteria.2.tracks", ["shots16"], "not allowed"),
    ("criteria.2.score", "hit_rate", "accuracy"),
    ("encoders.third", {"pooling": "mean", "tokens": 9}, "hub or folder"),
    ("encoders.third", {"folder": "/x", "pooling": "mean"}, "required", "encoders.third.tokens"),
    (f"{MPNET}.encoder", "pictures", "minilm, mpnet, bge_small"),
    ("benchmarks.shapes.conditions.own.encoder", "mpnet", "pictures"),
    ("encoder", "pictures", "reads images"),
    # absurd values, which would eat the machine
    (f"{SST2}.seeds", [2**64], "below 4294967296", f"{SST2}.seeds.0"),
    (f"{SST2}.seeds", list(range(1001)), "at most 1000"),
    (f"{WORDS}.world", {"rare_words": 10_000, "queries": 1000}, "contexts"),
    ("methods.head.steps", 0xF << 20_000, "at most"),
    ("methods.swarm.agents", 1000, "at most 1000 agents of all"),
]


@pytest.fixture
def with_images(configuration):
    """The study with an encoder of images and a benchmark of them."""
    configuration["encoders"]["pictures"] = {"folder": "/x", "modality": "images", "pooling": "cls"}
    configuration["benchmarks"]["shapes"] = {
        "kind": "images",
        "source": "cifar10",
        "seeds": [1],
        "headline": ["own"],
        "num_patches": 9,
        "folds": 2,
        "flops_allowed": 1.0e9,
        "conditions": {"own": {"shots": 1}, "other": {"shots": 1, "encoder": "pictures"}},
    }
    check_configuration(configuration)
    return configuration


@pytest.mark.parametrize(("place", "value", "tells", "key"), [(*case, "")[:4] for case in BAD], ids=[c[0] for c in BAD])
def test_a_mistake_is_named_with_its_key(with_images, place, value, tells, key):
    change(with_images, place, value)
    sentences = refused(with_images, key or place)
    assert re.search(tells, sentences)
    assert max(map(len, sentences.splitlines())) < 400


def test_every_mistake_is_named_at_once_and_of_many_the_first(configuration):
    configuration["small"], configuration["split"] = 1, "tset"
    assert len(refused(configuration, "split").splitlines()) == 2
    configuration["benchmarks"]["sst2"]["seeds"] = ["x"] * 1000
    assert "and 982 more" in refused(configuration, "benchmarks.sst2.seeds.0")


def test_a_study_without_arms_or_with_more_than_eight_tests_is_refused(configuration):
    refused(configuration | {"variants": [], "baselines": []}, "variants")
    refused(configuration | {"contrasts": configuration["contrasts"] * 2}, "contrasts")


def keys_of(node, key=()):
    """The keys of every value of a configuration."""
    for part in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield from ((*key, part), *keys_of(node[part], (*key, part)))


ODD = [None, {}, [], "x", True, -1, 1.5, {"x": 1}, {1: 2}, [[1]], [{}], date(2026, 1, 1), float("nan"), ""]


def test_whatever_stands_somewhere_is_accepted_or_refused_in_words(configuration):
    for key in (1, None, date(2026, 1, 1)):
        with pytest.raises(ConfigurationError):
            check_configuration(configuration | {key: {"seeds": [{key: 1}]}})
    keys, refusals = list(keys_of(configuration)), 0
    for number, (*parents, last) in enumerate(keys):
        changed = copy.deepcopy(configuration)
        node = changed
        for part in parents:
            node = node[part]
        node[last] = ODD[number % len(ODD)]
        try:
            check_configuration(changed)
            selected(changed)
        except ConfigurationError:
            refusals += 1
    assert refusals > len(keys) / 2 > 250


def test_what_only_names_is_run_and_what_hangs_on_others_is_left_out(configuration):
    assert selected(configuration | {"only": None}) == selected(configuration) == (configuration, [])
    alone = configuration | {"only": ["sst2"], "split": "validation"}
    check_configuration(alone)  # the seeds of rare words, which are not run, need not fit the split
    study, left_out = selected(alone)
    assert list(study["benchmarks"]) == ["sst2"]
    assert {*left_out, "sst2"} == {*configuration["benchmarks"]}
    assert study["distributed"] is None
    for key in ("contrasts", "criteria"):
        assert study[key] == [entry for entry in configuration[key] if entry["benchmark"] == "sst2"] != []
    study, _ = selected(configuration | {"only": ["sst2", "cartpole"]})
    assert study["distributed"] == configuration["distributed"]
    assert {entry["benchmark"] for entry in study["criteria"]} == {"sst2", "cartpole"}
    alone["benchmarks"]["mnli"]["fold"] = 4
    refused(alone, "benchmarks.mnli.fold")


def test_own_files_are_a_benchmark_by_configuration_alone_and_own_pairs_have_no_descriptions(configuration):
    study, _ = overlaid(configuration, "examples/own-data.yaml")
    messages = study["benchmarks"]["messages"]
    assert manifest_of("messages", messages) == "files_messages"
    assert set(source_of(messages)) == {"source", "files", "columns"}
    assert manifest_of("sst2", configuration["benchmarks"]["sst2"]) == "sst2"
    assert manifest_of("rare_words", configuration["benchmarks"]["rare_words"]) is None
    messages["columns"]["text"] = ["premise", "hypothesis"]
    messages["conditions"]["tuned"] = {"shots": 4, "tuning": CONTRAST}
    check_configuration(study)
    messages["conditions"]["tuned"] = configuration["benchmarks"]["sst2"]["conditions"]["shots16_semi_supervised"]
    refused(study, "benchmarks.messages.conditions.tuned.tuning.descriptions")


@pytest.mark.parametrize("change", [{"files": ...}, {"conditions": {"as_given": {"tasks": 3}}}, {"source": "sst2"}])
def test_events_that_do_not_fit_their_source_are_refused(configuration, change):
    study, _ = overlaid(configuration, "examples/own-events.yaml")
    changed = study["benchmarks"]["questions"] | change
    study["benchmarks"]["questions"] = {key: value for key, value in changed.items() if value is not ...}
    with pytest.raises(ConfigurationError, match="questions"):
        check_configuration(study)


def test_what_an_arm_knows_of_a_benchmark(configuration):
    words, texts, stream = (configuration["benchmarks"][name] for name in ("rare_words", "sst2", "split_cifar10"))
    assert task_of(words, "knn")["protocol"] == task_of(texts, "knn")["protocol"] == "episode"
    assert "folds" not in task_of(words, "knn")
    assert task_of(texts, "knn")["folds"] == texts["folds"]
    assert isinstance(task_of(texts, "knn")["flops_allowed"], int)
    assert "seeds" not in task_of(texts, "knn")
    assert task_of(texts, "knn")["conditions"]["shots1"] == {"shots": 1}
    assert task_of(stream, "fine_tune", "cuda")["device"] == "cuda"
    assert "device" not in task_of(stream, "ridge", "cuda") | task_of(stream, "fine_tune", "cpu")


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        ("a: 1\nb: 2\na: 3", "a", (1, 3)),
        ("b:\n  c: 1\n\n  # the same again\n  c: {d: 1}", "c", (2, 5)),
        ("b: [{c: 1}, {c: 1, c: 2}]", "c", (1, 1)),
        ("b: {c: 1}\n'b':\n  c: 2", "b", (1, 2)),
    ],
)
def test_a_key_given_twice_is_named_with_its_file_and_both_lines(tmp_path, text, key, lines):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    wanted = rf"^{re.escape(str(path))}: {key} .*\b{lines[0]} and {lines[1]}\b"
    with pytest.raises(ConfigurationError, match=wanted):
        check_files([ROOT / "config.yaml", path])


@pytest.mark.parametrize(
    ("content", "tells"),
    [
        (b"paper: {title: Z\xfcrich}", "position 16"),
        ("small: true".encode("utf-16"), "UTF-8"),
        (b"methods:\n\tmemory: {k: 3}", "line 2"),
        (b"a: 1\n---\na: 2", "single document"),
        (b"a: *b", "line 1"),
        (b"? [a, b]\n: 1", "line 1"),
        (None, "expected a file"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_file(tmp_path, content, tells):
    path = tmp_path / "mine.yaml"
    if content:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"^{re.escape(str(path))}.*{re.escape(tells)}"):
        check_files([path])


LETTERS = "abcdefghijklmnopqrstuvwxyz"
BOMB = [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in itertools.pairwise(LETTERS)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xef\xbb\xbfsmall: true\r\nsplit: test\r\n",
        "a: \u7d50".encode(),
        b"a: &x {c: 1}\nb: {<<: *x}",
        b"a: &x {c: 1}\nb: {a: *x, c: 2}\nd: [{c: 1}, {c: 2}, []]\ne:",
        "\n".join(["a: &a [x, *a]", *BOMB]).encode(),
    ],
    ids=["empty", "mark and line ends", "no ASCII", "merge", "equal keys in different places", "aliases of aliases"],
)
def test_what_is_yaml_is_taken(tmp_path, content):
    (tmp_path / "mine.yaml").write_bytes(content)
    check_files([tmp_path / "mine.yaml", *FILES])
