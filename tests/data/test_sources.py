"""Archives from a server on this machine into the cache, and a user's own copies."""

import hashlib
import http.server
import io
import os
import tarfile
import threading
import unicodedata
import zipfile
from unittest.mock import Mock

import pytest
import requests

from hsokv.data.catalogue import Member, Source
from hsokv.data.sources import fetch, locate, locate_own, unavailable_message, verify
from hsokv.exceptions import DataError, DataUnavailableError, HsokvError

TRAIN, DEV = b"sentence\tlabel\ngood\t1\n", b"sentence\tlabel\nbad\t0\n"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `files` and notes which ranges were asked for; a test says how it behaves."""

    ranges = True
    drop_after = None
    status = None

    def do_GET(self):  # the name that http.server calls
        asked = self.headers.get("Range")
        self.asked.append(asked)
        content = self.files.get(self.path)
        if content is None or self.status is not None:
            self.send_error(self.status or 404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : None if self.drop_after is None else start + self.drop_after])

    def log_message(self, *_):
        pass


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files, kind=tarfile.SYMTYPE):
    """A file without content is of that kind."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if not content:
                member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def digest(content):
    return hashlib.sha256(content).hexdigest()


def source_of(archive, url, **changes):
    members = tuple(
        Member(split, f"T/{split}.tsv", f"glue/T/{split}.tsv", md5=hashlib.md5(content).hexdigest())
        for split, content in (("train", TRAIN), ("dev", DEV))
    )
    return Source("toy", url, len(archive), digest(archive), members, "", "", "")._replace(**changes)


def place(root, train=TRAIN, dev=DEV):
    folder = root / "glue" / "T"
    folder.mkdir(parents=True)
    (folder / "train.tsv").write_bytes(train)
    (folder / "dev.tsv").write_bytes(dev)


PART = 1 << 16  # bytes that are written at once; fewer would be lost with a connection
FILES = {"T/train.tsv": TRAIN, "T/dev.tsv": DEV, "T/other.tsv": b"unused", "T/pixels": bytes(range(256)) * 1024}
ARCHIVE = zipped(FILES)


@pytest.fixture
def server(monkeypatch):
    """The handler of a server on this machine, to be set up, with its address as `url`."""
    monkeypatch.setenv("NO_PROXY", "*")
    handler = type("TestHandler", (Handler,), {"asked": [], "files": {"/toy.zip": ARCHIVE}})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        handler.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield handler
        running.shutdown()
        thread.join()


@pytest.fixture
def toy(server):
    return source_of(ARCHIVE, f"{server.url}/toy.zip")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def statuses(source, root, cache):
    return [status.status for status in verify(source, root, cache)]


@pytest.mark.parametrize(("pack", "name"), [(zipped, "toy.zip"), (tarred, "toy.tar.gz")])
def test_fetch_keeps_the_archive_and_its_declared_members(server, cache, tmp_path, pack, name):
    archive = pack(FILES | {"../evil.tsv": b"x", "/tmp/evil.tsv": b"x"})
    server.files[f"/{name}"] = archive
    source = source_of(archive, f"{server.url}/{name}")
    files = fetch(source, cache)
    assert files.kind == "official"
    assert files.paths["train"].read_bytes() == TRAIN
    assert files.sha256 == {"glue/T/train.tsv": digest(TRAIN), "glue/T/dev.tsv": digest(DEV)}
    kept = ["archives/toy/extracted.json", f"archives/toy/{name}", "glue/T/dev.tsv", "glue/T/train.tsv"]
    assert files_in(tmp_path) == [f"cache/{file}" for file in kept]
    server.files.clear()
    assert locate(source, None, cache) == fetch(source, cache) == files
    # A damaged member comes out of the archive again, without the network.
    files.paths["dev"].write_bytes(b"cut")
    assert fetch(source, cache) == files
    files.paths["dev"].write_bytes(b"cut")
    (cache / "archives/toy" / name).write_bytes(b"damaged too")
    with pytest.raises(DataUnavailableError):
        fetch(source, cache)


def test_files_without_an_archive_are_fetched_one_by_one(server, cache):
    server.files |= {"/data/train.tsv": TRAIN, "/data/dev.tsv": DEV}
    members = (
        Member("train", "train.tsv", "toy/train.tsv", sha256=digest(TRAIN)),
        Member("dev", "dev.tsv", "toy/dev.tsv", sha256=digest(DEV)),
    )
    source = source_of(ARCHIVE, f"{server.url}/data", sha256=None, members=members)
    files = fetch(source, cache)
    assert (files.kind, files_in(cache)) == ("official", ["toy/dev.tsv", "toy/train.tsv"])
    files.paths["train"].write_bytes(b"cut")
    assert fetch(source, cache) == files
    files.paths["train"].write_bytes(b"cut")
    server.files["/data/train.tsv"] = b"another"
    with pytest.raises(DataError, match="toy: not the official file"):
        fetch(source, cache)


def test_a_download_that_breaks_off_goes_on_where_it_was_in_this_call_or_another(server, toy, cache):
    server.drop_after = PART
    with pytest.raises(DataUnavailableError):
        fetch(toy, cache)
    assert files_in(cache) == ["archives/toy/toy.zip.part"]
    server.drop_after = 2 * PART
    assert fetch(toy, cache).kind == "official"
    assert server.asked == [None, *(f"bytes={parts * PART}-" for parts in (1, 2, 4))]


def test_of_two_at_once_the_second_waits_and_downloads_nothing(server, toy, cache):
    threads = [threading.Thread(target=fetch, args=(toy, cache)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.asked == [None]
    assert locate(toy, None, cache).kind == "official"


@pytest.mark.parametrize(("behaviour", "value"), [("ranges", True), ("ranges", False), ("status", 416)])
def test_a_part_of_another_file_is_not_used(server, toy, cache, behaviour, value):
    (cache / "archives/toy").mkdir(parents=True)
    (cache / "archives/toy/toy.zip.part").write_bytes(b"other bytes")
    setattr(server, behaviour, value)
    if behaviour == "status":  # it refuses the range, and is asked for the whole next
        with pytest.raises(DataUnavailableError):
            fetch(toy, cache)
        assert server.asked == ["bytes=11-", None]
    else:
        assert fetch(toy, cache).kind == "official"  # the checksum finds it out, and what follows begins anew


def test_a_file_without_a_published_digest_is_official_where_it_came_out_of_the_archive(toy, cache, tmp_path):
    source = toy._replace(members=tuple(member._replace(md5=None) for member in toy.members))
    place(tmp_path / "own")
    place(cache)
    assert statuses(source, None, cache) == ["damaged", "damaged"]
    files = fetch(source, cache)
    assert files.kind == "official"
    assert locate(source, tmp_path / "own", cache).kind == "user copy"
    files.paths["dev"].write_bytes(b"changed")
    assert statuses(source, None, cache) == ["official", "damaged"]
    assert statuses(source._replace(sha256="0" * 64), None, cache) == ["damaged", "damaged"]


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HsokvError, match=r"cannot write .*file/archives/toy: .*HSOKV_CACHE_DIR"):
        fetch(source_of(ARCHIVE, "http://127.0.0.1:1/"), tmp_path / "file")


def test_another_archive_is_refused_with_both_checksums(server, toy, cache):
    other = server.files["/toy.zip"] = zipped({"T/train.tsv": b"other"})
    with pytest.raises(DataError) as caught:
        fetch(toy, cache)
    assert digest(ARCHIVE) in str(caught.value)
    assert digest(other) in str(caught.value)
    assert files_in(cache) == []


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("cut.zip", ARCHIVE[: len(ARCHIVE) // 2]),
        ("cut.tar.gz", tarred(FILES)[:-40]),
        ("page.zip", b"<html>no archive</html>"),
        ("page.tar.gz", b"<html>no archive</html>"),
        ("poor.zip", zipped({"T/train.tsv": TRAIN})),
        ("poor.tar.gz", tarred({"T/train.tsv": TRAIN})),
        ("link.tar.gz", tarred({"T/train.tsv": TRAIN, "T/dev.tsv": b""})),
        ("folder.tar.gz", tarred({"T/train.tsv": TRAIN, "T/dev.tsv": b""}, tarfile.DIRTYPE)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # the bytes hold a clock: no name for a test
)
def test_of_an_archive_that_cannot_be_used_nothing_is_taken(server, cache, name, archive):
    server.files[f"/{name}"] = archive
    with pytest.raises(DataError, match=name):
        fetch(source_of(archive, f"{server.url}/{name}"), cache)
    assert files_in(cache) == [f"archives/toy/{name}"]


NO_CERTIFICATES = OSError("Could not find a suitable TLS CA certificate bundle")


@pytest.mark.parametrize("error", [None, requests.HTTPError("404"), requests.ConnectTimeout("dns"), NO_CERTIFICATES])
def test_every_failure_of_the_network_gives_the_same_sentence(cache, monkeypatch, error):
    if error:  # else the port refuses
        monkeypatch.setattr(requests, "get", Mock(side_effect=error))
    source = source_of(ARCHIVE, "http://127.0.0.1:1/toy.zip")
    with pytest.raises(DataUnavailableError) as caught:
        fetch(source, cache)
    assert str(caught.value) == unavailable_message(source)
    assert not any(path.stat().st_size for path in cache.rglob("*") if path.is_file())


def test_a_users_files_are_told_from_the_official_ones_and_damage_in_the_cache_is_mended(toy, tmp_path, cache):
    assert locate(toy, None, cache) is None
    for folder in (tmp_path / "own", cache):
        place(folder, dev=b"another")
    assert statuses(toy, tmp_path / "own", cache) == ["official", "user copy"]
    assert locate(toy, tmp_path / "own", cache).kind == "user copy"
    assert statuses(toy, None, cache) == ["official", "damaged"]
    with pytest.raises(DataError, match="hsokv data fetch toy"):
        locate(toy, None, cache)
    assert fetch(toy, cache).kind == locate(toy, cache, tmp_path).kind == "official"
    # A data root has to have them, whatever the cache holds.
    with pytest.raises(DataError, match=r"train\.tsv.* a data root is given"):
        locate(toy, tmp_path / "absent", cache)


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
    assert files.sha256["train"] == digest(b"root")
    assert locate_own("reviews", own, None).paths["train"] == here / "train.csv"
    (here / "test.csv").unlink()
    with pytest.raises(DataError, match=rf"reviews: .* test file at {root}/test.csv or {here}/test.csv"):
        locate_own("reviews", own, root)


@pytest.mark.parametrize("name", ["absent.csv", "~nobody/a.csv", "long" * 99, "a\0b", "https://a/b", "pipe", "link"])
def test_own_files_that_cannot_be_had_are_refused(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match="own: there is no train file"):
        locate_own("own", {"train": name}, tmp_path)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_own_files_are_found_under_the_name_that_people_see(tmp_path, form):
    (tmp_path / unicodedata.normalize(form, "caf\u00e9.csv")).write_text("a")
    for asked in ("caf\u00e9.csv", "cafe\u0301.csv"):
        assert locate_own("own", {"train": asked}, tmp_path).paths["train"].read_text() == "a"
