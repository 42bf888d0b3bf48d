"""Texts from a user's own files to features and records, as docs/own-data.md says; and what pairs become."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from hsokv.arms.registry import METHODS
from hsokv.data.sources import locate_own
from hsokv.encoders.files import MINILM, EncoderSource, resolve_encoder
from hsokv.encoders.texts import encoder_flops, load_text_encoder
from hsokv.exceptions import ConfigurationError
from hsokv.study.benchmarks import module_of, source_of, task_of
from hsokv.study.data_manifest import describe_contents
from hsokv.study.features import Request, load_episode, read_provenance, read_texts
from hsokv.study.runs import run_arm
from hsokv.study.text import encode_shots, load_texts
from tests.encoders.made import save_encoder
from tests.runs import read_run

ROOT = Path(__file__).resolve().parents[2]
SEEDS = [1]


def manifests(source, root=None, encoder=MINILM):
    found = locate_own("messages", source["files"], root) if "files" in source else None
    data = {"name": "messages", "kind": "own file", "synthetic": False, "status": "done", "reason": None}
    data |= {"files": found.sha256 if found else {}, **describe_contents(source, root)}
    files = resolve_encoder(encoder, download=False)
    return data, {"reason": None, "revision": files.source.revision, "files": dict(files.sha256)}


def encode(folder, source, conditions, split, development_rows, data=None, encoder=MINILM):
    said = []
    found = data or manifests(source, encoder=encoder)
    asked = Request(SEEDS, folder, "stamp", said.append, conditions, source, None, split, found, encoder)
    encode_shots(asked, development_rows)
    return said


@pytest.fixture
def messages(monkeypatch):
    """The benchmark of examples/own-data.yaml."""
    monkeypatch.chdir(ROOT)
    return yaml.safe_load((ROOT / "examples/own-data.yaml").read_text())["benchmarks"]["messages"]


def test_the_example_goes_from_its_files_to_records(messages, tmp_path):
    source, conditions = source_of(messages), messages["conditions"]
    said = encode(tmp_path / "features/default", source, conditions, "test", messages["development_rows"])
    assert said[0].startswith("left out of the train file: 0 repeated")
    provenance = read_provenance(tmp_path / "features/default/seed1.npz")
    assert provenance["classes"] == 3
    assert provenance["data"]["texts"]["labels"] == ["billing", "delivery", "technical"]
    assert (provenance["data"]["kind"], set(provenance["data"]["files"])) == ("own file", {"train", "test"})
    settings = yaml.safe_load((ROOT / "config.yaml").read_text())["methods"]
    run_arm(
        benchmark="messages",
        arm="ridge",
        module=module_of("ridge"),
        settings={name: settings[name] for name in METHODS["ridge"].settings},
        task=task_of(messages, "ridge"),
        seeds=SEEDS,
        features=tmp_path / "features",
        records=tmp_path / "records",
        code="code",
        report=lambda _: None,
    )
    record = read_run("messages", "shots8", "ridge", 1, tmp_path / "records")
    assert (record.status, record.data["split"], len(record.outcomes)) == ("done", "test", 24)
    assert encode(tmp_path / "features/default", source, conditions, "test", 8) == []  # all current, nothing to do


def test_fewer_and_more_shots_are_conditions_of_one_benchmark(messages, tmp_path):
    conditions = {f"shots{shots}": {"shots": shots} for shots in (1, 2, 4, 8)}
    encode(tmp_path, source_of(messages), conditions, "validation", 8)
    for name, condition in conditions.items():
        episode = load_episode(tmp_path, 1, name, classes=3, folds=4)
        assert len(episode.train.y) == 3 * condition["shots"]
        assert len(episode.folds) == (4 if condition["shots"] >= 4 else 1)


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
    assert all(text.startswith("a premise") and " | a hypothesis" in text for text in read_texts_of(tmp_path))


def read_texts_of(folder):
    return read_texts(folder / "features", 1, "shots2")


def test_every_file_of_mnli_says_what_the_encoder_had_seen(tmp_path):
    absent = {"name": "mnli", "kind": "none", "synthetic": False, "reason": "not there", "files": {}}
    said = encode(tmp_path, {"source": "mnli"}, {"shots1": {"shots": 1}}, "test", 1, (absent, {"reason": None}))
    assert said == ["not run: not there"]
    provenance = read_provenance(tmp_path / "evaluation.npz")
    assert (provenance["status"], provenance["encoder"]["name"]) == ("not run", "all-MiniLM-L6-v2")
    assert provenance["data"]["note"] == "all-MiniLM-L6-v2 saw SNLI and MultiNLI in its own training"
    other = EncoderSource(repo_id="an/other", revision="0" * 40)
    encode(tmp_path, {"source": "mnli"}, {"shots1": {"shots": 1}}, "test", 1, (absent, {"reason": None}), other)
    assert "note" not in read_provenance(tmp_path / "evaluation.npz")["data"]


def test_the_development_set_is_apart_from_what_shots_are_drawn_from(messages):
    source = source_of(messages)
    pool, development = load_texts(source, None, "validation", 8)
    again, final = load_texts(source, None, "test", 8)
    assert pool.inputs == again.inputs
    assert np.bincount(development.labels).tolist() == np.bincount(final.labels).tolist() == [8, 8, 8]
    assert not set(pool.inputs) & set(development.inputs)
    assert not (set(pool.inputs) | set(development.inputs)) & set(final.inputs)


def test_another_encoder_from_a_folder_makes_the_features(messages, tmp_path):
    (tmp_path / "tiny").mkdir()
    save_encoder(tmp_path / "tiny", "mpnet")
    encoder = EncoderSource(folder=str(tmp_path / "tiny"), pooling="cls", tokens=20)
    encode(tmp_path / "features", source_of(messages), {"shots2": {"shots": 2}}, "test", 8, encoder=encoder)
    episode = load_episode(tmp_path / "features", 1, "shots2", classes=3, folds=2)
    assert episode.train.x.shape == (6, 24)
    told = read_provenance(tmp_path / "features/seed1.npz")["encoder"]
    assert (told["name"], told["revision"], told["pooling"], told["tokens"]) == ("tiny", None, "cls", 20)
    assert set(told["sha256"]) == {"config.json", "model.safetensors", "tokenizer.json"}
    assert told["flops"] > 0


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
