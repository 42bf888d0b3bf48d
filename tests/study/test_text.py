"""Texts from a user's own files to features and records, as docs/own-data.md says; and what pairs become."""

import numpy as np
import pytest
import yaml

from hsokv.data.sources import locate_own
from hsokv.encoders.files import MINILM, EncoderSource, resolve_encoder
from hsokv.encoders.texts import encoder_flops, load_text_encoder
from hsokv.exceptions import ConfigurationError
from hsokv.study.benchmarks import source_of
from hsokv.study.data_manifest import describe_contents
from hsokv.study.features import Request, load_episode, read_provenance, read_texts
from hsokv.study.text import encode_shots, load_texts

from .helpers import ROOT, run_once


def manifests(source, root=None, encoder=MINILM):
    found = locate_own("messages", source["files"], root) if "files" in source else None
    data = {"name": "messages", "kind": "own file", "synthetic": False, "status": "done", "reason": None}
    data |= {"files": found.sha256 if found else {}, **describe_contents(source, root)}
    files = resolve_encoder(encoder, download=False)
    return data, {"reason": None, "revision": files.source.revision, "files": dict(files.sha256)}


def encode(folder, source, conditions, split, validation_rows, data=None, encoder=MINILM):
    said = []
    found = data or manifests(source, encoder=encoder)
    asked = Request([1], folder, "stamp", said.append, conditions, source, None, split, found, encoder)
    encode_shots(asked, validation_rows)
    return said


@pytest.fixture
def messages(monkeypatch):
    """The benchmark of examples/own-data.yaml."""
    monkeypatch.chdir(ROOT)
    return yaml.safe_load((ROOT / "examples/own-data.yaml").read_text())["benchmarks"]["messages"]


def test_the_example_goes_from_its_files_to_records(messages, settings, tmp_path):
    source, conditions = source_of(messages), messages["conditions"]
    said = encode(tmp_path / "features/default", source, conditions, "test", messages["validation_rows"])
    assert said[0].startswith("left out of the train file: 0 repeated")
    provenance = read_provenance(tmp_path / "features/default/seed1.npz")
    assert provenance["classes"] == 3
    assert provenance["data"]["texts"]["labels"] == ["billing", "delivery", "technical"]
    assert (provenance["data"]["kind"], set(provenance["data"]["files"])) == ("own file", {"train", "test"})
    record = run_once("ridge", messages, settings, tmp_path / "features", tmp_path / "records")
    assert (record.status, record.data["split"], len(record.outcomes)) == ("done", "test", 24)
    assert encode(tmp_path / "features/default", source, conditions, "test", 8) == []  # all current, nothing to do


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    """A source of own files with two texts a row, half of which share their premise."""
    monkeypatch.chdir(tmp_path)
    for split, rows in (("train", range(12)), ("test", range(12, 16))):
        lines = [f"a premise {row // 2}\ta hypothesis {row}\t{'no' if row % 2 else 'yes'}" for row in rows]
        (tmp_path / f"{split}.tsv").write_text("\n".join(["p\th\tlabel", *lines, ""]))
    files = {split: f"{split}.tsv" for split in ("train", "test")}
    return {"source": "files", "files": files, "columns": {"text": ["p", "h"], "label": "label"}}


def test_pairs_are_encoded_once_a_text_and_shown_as_people_would_read_them(pairs, tmp_path):
    encode(tmp_path / "features", pairs, {"shots2": {"shots": 2}}, "test", 1)
    encoder, rows = load_text_encoder(resolve_encoder(download=False)), range(12, 16)
    texts = {f"a premise {row // 2}" for row in rows} | {f"a hypothesis {row}" for row in rows}
    told = read_provenance(tmp_path / "features/evaluation.npz")["encoder"]
    assert told["flops"] == encoder_flops(encoder.lengths(sorted(texts)), encoder.size)
    episode = load_episode(tmp_path / "features", 1, "shots2", classes=2, folds=2)
    assert episode.train.x.shape == (4, 768)
    shown = read_texts(tmp_path / "features", 1, "shots2")
    assert all(text.startswith("a premise") and " | a hypothesis" in text for text in shown)


def test_the_development_set_is_apart_from_what_shots_are_drawn_from(messages):
    source = source_of(messages)
    pool, development = load_texts(source, None, "validation", 8)
    again, final = load_texts(source, None, "test", 8)
    assert pool.inputs == again.inputs
    assert np.bincount(development.labels).tolist() == np.bincount(final.labels).tolist() == [8, 8, 8]
    assert not set(pool.inputs) & set(development.inputs)
    assert not (set(pool.inputs) | set(development.inputs)) & set(final.inputs)


def test_an_encoder_may_be_cut_after_a_layer(pairs, tmp_path):
    source, told = pairs | {"columns": {"text": ["h"], "label": "label"}}, {}
    for name, condition in {"whole": {"shots": 2}, "half": {"shots": 2, "layer": 3}}.items():
        encode(tmp_path / name, source, {name: condition}, "test", 1)
        told[name] = read_provenance(tmp_path / name / "seed1.npz")["encoder"]
    assert told["half"]["flops"] * 2 == told["whole"]["flops"]
    assert (told["half"]["layer"], "layer" in told["whole"]) == (3, False)
    with np.load(tmp_path / "half/seed1.npz") as half, np.load(tmp_path / "whole/seed1.npz") as whole:
        assert not np.allclose(half["half/train/x"], whole["whole/train/x"])
    with pytest.raises(ConfigurationError, match="layer must be between 0 and 6, got 7"):
        encode(tmp_path / "more", source, {"more": {"shots": 2, "layer": 7}}, "test", 1)


def test_a_file_says_what_the_encoder_had_seen_of_mnli(tmp_path):
    absent = {"name": "mnli", "kind": "none", "synthetic": False, "reason": "not there", "files": {}}
    asked, found = ({"source": "mnli"}, {"shots1": {"shots": 1}}, "test", 1), (absent, {"reason": None})
    assert encode(tmp_path, *asked, found) == ["not run: not there"]
    provenance = read_provenance(tmp_path / "evaluation.npz")
    assert (provenance["status"], provenance["encoder"]["name"]) == ("not run", "all-MiniLM-L6-v2")
    assert "MultiNLI" in provenance["data"]["note"]
    encode(tmp_path, *asked, found, EncoderSource(repo_id="an/other", revision="0" * 40))
    assert "note" not in read_provenance(tmp_path / "evaluation.npz")["data"]
