import dataclasses
import functools
import hashlib
import http.server
import io
import socket
import threading
import zipfile

import pytest
import requests

from hsokv.data import downloads
from hsokv.data.catalogue import SOURCES, SYNTHETIC, Member, Source, find_source
from hsokv.data.sources import data_root, fetch, locate, locate_own, verify
from hsokv.exceptions import ConfigurationError, DataError, DataUnavailableError, HsokvError

TRAIN, DEV = b"sentence\tlabel\ngood\t1\n", b"sentence\tlabel\nbad\t0\n"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def source_of(archive, url, **changes):
    def member(split, content):
        return Member(split, f"T/{split}.tsv", f"glue/T/{split}.tsv", md5=hashlib.md5(content).hexdigest())

    source = Source(
        name="toy",
        url=url,
        bytes=len(archive),
        sha256=hashlib.sha256(archive).hexdigest(),
        members=(member("train", TRAIN), member("dev", DEV)),
        licence="",
        citation="",
        terms="",
    )
    return dataclasses.replace(source, **changes)


ARCHIVE = zipped({"T/train.tsv": TRAIN, "T/dev.tsv": DEV, "T/other.tsv": b"unused"})


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder served on this machine, and its address."""
    monkeypatch.setenv("NO_PROXY", "*")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_fetch_keeps_the_archive_and_its_declared_members(served, cache):
    folder, url = served
    (folder / "toy.zip").write_bytes(ARCHIVE)
    source = source_of(ARCHIVE, f"{url}/toy.zip")
    files = fetch(source, cache)
    assert files.kind == "official"
    assert files.paths["train"].read_bytes() == TRAIN
    assert files.sha256 == {
        "glue/T/train.tsv": hashlib.sha256(TRAIN).hexdigest(),
        "glue/T/dev.tsv": hashlib.sha256(DEV).hexdigest(),
    }
    assert files_in(cache) == [
        "archives/toy/extracted.json",
        "archives/toy/toy.zip",
        "glue/T/dev.tsv",
        "glue/T/train.tsv",
    ]
    assert locate(source, None, cache) == files


def test_a_file_without_a_published_digest_is_official_where_it_came_out_of_the_archive(served, cache, tmp_path):
    folder, url = served
    (folder / "toy.zip").write_bytes(ARCHIVE)
    nameless = tuple(member._replace(md5=None) for member in source_of(ARCHIVE, "").members)
    source = source_of(ARCHIVE, f"{url}/toy.zip", members=nameless)
    place(tmp_path / "own")
    place(cache)
    assert [status.status for status in verify(source, None, cache)] == ["damaged", "damaged"]
    files = fetch(source, cache)
    assert files.kind == "official"
    assert locate(source, tmp_path / "own", cache).kind == "user copy"
    files.paths["dev"].write_bytes(b"changed")
    assert [status.status for status in verify(source, None, cache)] == ["official", "damaged"]
    renewed = dataclasses.replace(source, sha256="0" * 64)
    assert [status.status for status in verify(renewed, None, cache)] == ["damaged", "damaged"]


def test_a_damaged_member_comes_out_of_the_archive_again_without_the_network(served, cache):
    folder, url = served
    (folder / "toy.zip").write_bytes(ARCHIVE)
    source = source_of(ARCHIVE, f"{url}/toy.zip")
    files = fetch(source, cache)
    (folder / "toy.zip").unlink()
    files.paths["dev"].write_bytes(b"cut")
    assert fetch(source, cache) == files
    files.paths["dev"].write_bytes(b"cut")
    (cache / "archives" / "toy" / "toy.zip").write_bytes(b"damaged too")
    with pytest.raises(DataUnavailableError):
        fetch(source, cache)


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HsokvError, match=r"cannot write .*file/archives/toy: .*HSOKV_CACHE_DIR"):
        fetch(source_of(ARCHIVE, "http://127.0.0.1:1/"), tmp_path / "file")


def test_what_is_in_the_cache_needs_no_network(served, cache):
    folder, url = served
    (folder / "toy.zip").write_bytes(ARCHIVE)
    source = source_of(ARCHIVE, f"{url}/toy.zip")
    files = fetch(source, cache)
    (folder / "toy.zip").unlink()
    assert fetch(source, cache) == files


def test_another_archive_is_refused_with_both_checksums(served, cache):
    folder, url = served
    other = zipped({"T/train.tsv": b"other"})
    (folder / "toy.zip").write_bytes(other)
    with pytest.raises(DataError) as caught:
        fetch(source_of(ARCHIVE, f"{url}/toy.zip"), cache)
    assert hashlib.sha256(ARCHIVE).hexdigest() in str(caught.value)
    assert hashlib.sha256(other).hexdigest() in str(caught.value)
    assert files_in(cache) == []


def test_a_member_that_points_outside_is_never_written(served, cache, tmp_path):
    folder, url = served
    archive = zipped({"T/train.tsv": TRAIN, "T/dev.tsv": DEV, "../evil.tsv": b"x", "/tmp/evil.tsv": b"x"})
    (folder / "toy.zip").write_bytes(archive)
    fetch(source_of(archive, f"{url}/toy.zip"), cache)
    assert not [name for name in files_in(tmp_path) if "evil" in name]


@pytest.mark.parametrize("path", ["../evil.tsv", "/evil.tsv", "glue/../../evil.tsv"])
def test_a_source_whose_member_leaves_the_root_is_refused(path):
    with pytest.raises(ConfigurationError, match="inside the data root"):
        source_of(ARCHIVE, "http://127.0.0.1/", members=(Member("train", "T/train.tsv", path),))


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (ARCHIVE[: len(ARCHIVE) // 2], "damaged"),
        (b"<html>no archive</html>", "damaged"),
        (zipped({"T/train.tsv": TRAIN}), r"wanted T/dev\.tsv in the archive"),
    ],
)
def test_an_archive_that_cannot_be_used_is_refused(served, cache, archive, message):
    folder, url = served
    (folder / "toy.zip").write_bytes(archive)
    with pytest.raises(DataError, match=message):
        fetch(source_of(archive, f"{url}/toy.zip"), cache)
    assert files_in(cache) == []


def test_a_member_larger_than_any_data_is_refused(served, cache, monkeypatch):
    folder, url = served
    (folder / "toy.zip").write_bytes(ARCHIVE)
    monkeypatch.setattr(downloads, "MEMBER_BYTES_MAX", 10)
    with pytest.raises(DataError, match="at most 10 bytes"):
        fetch(source_of(ARCHIVE, f"{url}/toy.zip"), cache)


def test_every_failure_of_the_network_gives_the_same_sentence(served, cache, monkeypatch):
    _, url = served
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{free.getsockname()[1]}/toy.zip"
    messages = []
    for address in (f"{url}/absent.zip", refused):
        with pytest.raises(DataUnavailableError) as caught:
            fetch(source_of(ARCHIVE, address), cache)
        assert isinstance(caught.value.__cause__, requests.RequestException)
        messages.append(str(caught.value))
    for error in (requests.ConnectTimeout("dns"), requests.exceptions.ChunkedEncodingError("cut off")):

        def fail(*_, error=error, **__):
            raise error

        monkeypatch.setattr(requests, "get", fail)
        with pytest.raises(DataUnavailableError) as caught:
            fetch(source_of(ARCHIVE, f"{url}/toy.zip"), cache)
        messages.append(str(caught.value))
    assert set(messages) == {"toy is not on this machine and could not be downloaded from 127.0.0.1"}
    assert files_in(cache) == []


def place(root, train=TRAIN, dev=DEV):
    folder = root / "glue" / "T"
    folder.mkdir(parents=True)
    (folder / "train.tsv").write_bytes(train)
    (folder / "dev.tsv").write_bytes(dev)


def test_a_users_files_are_told_from_the_official_ones(tmp_path, cache):
    source = source_of(ARCHIVE, "http://127.0.0.1:1/")
    place(tmp_path / "official")
    place(tmp_path / "own", train=b"sentence\tlabel\nmine\t1\n")
    assert locate(source, tmp_path / "official", cache).kind == "official"
    assert locate(source, tmp_path / "own", cache).kind == "user copy"
    assert [status.status for status in verify(source, tmp_path / "own", cache)] == ["user copy", "official"]


def test_a_data_root_without_the_files_is_refused_whatever_the_cache_holds(tmp_path, cache):
    place(cache)
    with pytest.raises(DataError, match=r"train\.tsv.*because a data root is given"):
        locate(source_of(ARCHIVE, "http://127.0.0.1:1/"), tmp_path / "absent", cache)


def test_an_empty_cache_holds_nothing_and_a_damaged_one_is_refused_then_replaced(served, cache):
    folder, url = served
    (folder / "toy.zip").write_bytes(ARCHIVE)
    source = source_of(ARCHIVE, f"{url}/toy.zip")
    assert locate(source, None, cache) is None
    place(cache, dev=b"cut")
    assert [status.status for status in verify(source, None, cache)] == ["official", "damaged"]
    with pytest.raises(DataError, match="hsokv data fetch toy"):
        locate(source, None, cache)
    assert fetch(source, cache).kind == "official"


def test_a_mistyped_name_suggests_the_nearest():
    with pytest.raises(ConfigurationError, match=r"'sst-2'; did you mean 'sst2'\?"):
        find_source("sst-2")


def test_a_configured_root_comes_before_the_environment(monkeypatch):
    monkeypatch.setenv("HSOKV_DATA_DIR", "/environment")
    assert str(data_root("/configured")) == "/configured"
    assert str(data_root()) == "/environment"
    monkeypatch.setenv("HSOKV_DATA_DIR", "")
    assert data_root() is None


def test_own_files_are_looked_for_in_the_data_root_and_then_where_one_works(tmp_path, monkeypatch):
    here, root = tmp_path / "here", tmp_path / "root"
    for folder in (here, root):
        folder.mkdir()
        (folder / "train.csv").write_text(folder.name)
    (here / "test.csv").write_text("test")
    monkeypatch.chdir(here)
    own = {"train": "train.csv", "test": "test.csv"}
    files = locate_own("reviews", own, root)
    assert (files.kind, files.paths) == ("own file", {"train": root / "train.csv", "test": here / "test.csv"})
    assert files.sha256["train"] == hashlib.sha256(b"root").hexdigest()
    assert locate_own("reviews", own, None).paths["train"] == here / "train.csv"
    (here / "test.csv").unlink()
    with pytest.raises(DataError, match=rf"reviews: wanted the test file, .* {root}/test.csv or {here}/test.csv"):
        locate_own("reviews", own, root)


def test_the_registry_holds_what_is_needed_to_recognise_its_files():
    for name, source in SOURCES.items():
        assert name == source.name
        assert len(source.sha256) == 64
        assert all(member.md5 or member.sha256 for member in source.members) or name == "mnli"
        assert name not in SYNTHETIC
