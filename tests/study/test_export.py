"""A run as a model: what its record says, and from the input itself what the study's features give."""

from dataclasses import replace

import pytest

from hsokv.data.rare_words import draw_episode, make_world
from hsokv.exceptions import RecordError
from hsokv.hub import HSOKVForSequenceClassification
from hsokv.study.export import export_model
from hsokv.study.features import Request
from hsokv.study.rare_words import encode_seeds, spell, world_settings

from .helpers import run_once

WORLD = {"frequent_words": 30, "frequent_contexts": 6, "rare_words": 10, "queries": 4}
KEYS, MAPS = {"shrinkage": 0.1, "directions": 6}, {"steps": 2, "words": 20, "learning_rate": 0.03}
LEVEL1 = {"two_senses_level1": {"senses": 2, "level": "level1"}}
WORDS = {"kind": "words", "world": WORLD, "encoder_steps": 2, "conditions": LEVEL1, "flops_allowed": 1e9}


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    asked = Request([1], folder / "default", "stamp", lambda line: None, WORDS["conditions"])
    encode_seeds(asked, WORLD, 2, KEYS, MAPS)
    return folder


def test_contexts_of_rare_words_are_answered_as_the_record_says(words, settings, tmp_path):
    record = run_once("kv_closed_form", WORDS, settings, words, words / "records", name="rare_words")
    export_model(record, WORDS, words, {1: record.scores}).save_pretrained(tmp_path)
    model = HSOKVForSequenceClassification.from_pretrained(tmp_path)
    made = world_settings(WORLD)
    query = draw_episode(make_world(made, 1), "test", 2, "level1").query
    said = [next(iter(row)) for row in model.predict(spell(made, query.tokens))]
    right = "".join("01"[name == f"word {label}"] for name, label in zip(said, query.labels, strict=True))
    assert right == record.outcomes
    shot, label = (record.instruments["memory"][name][3] for name in ("texts", "labels"))
    first = model.recall(shot)[0]
    assert (first.text, first.label, first.source) == (shot, f"word {label}", "rare_words, seed 1: shot")


def test_the_card_tells_what_the_record_holds(words, settings, tmp_path):
    record = run_once("knn", WORDS, settings, words, words / "records", name="rare_words")
    export_model(record, WORDS, words, {7: {"accuracy": 0.5, "log_loss": 1.25}}, small=True).save_pretrained(tmp_path)
    card = (tmp_path / "README.md").read_text()
    accuracy, loss = record.scores["accuracy"], record.scores["log_loss"]
    assert f"| 1 | {accuracy:.4f} | {loss:.4f} |\n| 7 | 0.5000 | 1.2500 |" in card
    for told in ("knn on rare_words (two_senses_level1, seed 1)", "0 of 1e+09 allowed", "small study", "generated"):
        assert told in card


def test_a_run_that_is_no_run_or_no_longer_that_of_its_record_is_refused(words, settings):
    record = run_once("knn", WORDS, settings, words, words / "records", name="rare_words")
    flipped = record.outcomes.translate(str.maketrans("01", "10"))
    scores = {**record.scores, "accuracy": flipped.count("1") / len(flipped)}
    with pytest.raises(RecordError, match="does not answer as its record says"):
        export_model(replace(record, outcomes=flipped, scores=scores), WORDS, words, {})
    missing = replace(record, status="not run", reason="no data", outcomes="", scores={})
    with pytest.raises(RecordError, match="there is no model of it: no data"):
        export_model(missing, WORDS, words, {})
