import http.server
import io
import tarfile
import threading
import zipfile

import pytest
import requests
from hsokv.data.downloads import CHUNK, download, extract

from hsokv.data import downloads
from hsokv.exceptions import DataError

CONTENT = bytes(range(256)) * 1024  # four chunks


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT and notes what was asked for; a test says how it behaves."""

    asked = None
    ranges = True
    drop_after = None
    status = None

    def do_GET(self):  # the name that http.server calls
        asked = self.headers.get("Range")
        self.asked.append(asked)
        if self.status is not None:
            self.send_error(self.status)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = len(CONTENT) if self.drop_after is None else start + self.drop_after
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """(handler class to set up, address) of a server on this machine."""
    monkeypatch.setenv("NO_PROXY", "*")
    handler = type("TestHandler", (Handler,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield handler, f"http://127.0.0.1:{running.server_port}/file"
        running.shutdown()
        thread.join()


def test_a_connection_that_drops_half_way_goes_on_where_it_was(server, tmp_path):
    handler, url = server
    half = 2 * CHUNK  # less than a chunk would be lost
    handler.drop_after = half
    download(url, tmp_path / "file", len(CONTENT))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert handler.asked == [None, f"bytes={half}-"]


def test_what_came_stays_for_another_call(server, tmp_path):
    handler, url = server
    handler.drop_after = CHUNK
    with pytest.raises(requests.RequestException):
        download(url, tmp_path / "file", len(CONTENT))
    assert (tmp_path / "file").read_bytes() == CONTENT[: 2 * CHUNK]
    handler.drop_after = None
    download(url, tmp_path / "file", len(CONTENT))
    assert (tmp_path / "file").read_bytes() == CONTENT
    download(url, tmp_path / "file", len(CONTENT))
    assert handler.asked == [None, f"bytes={CHUNK}-", f"bytes={2 * CHUNK}-"]


def test_a_server_without_ranges_starts_afresh(server, tmp_path):
    handler, url = server
    handler.ranges = False
    (tmp_path / "file").write_bytes(b"other bytes")
    download(url, tmp_path / "file", len(CONTENT))
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_that_refuses_the_range_is_asked_for_the_whole_next(server, tmp_path):
    handler, url = server
    handler.status = 416
    (tmp_path / "file").write_bytes(b"other bytes")
    with pytest.raises(requests.RequestException):
        download(url, tmp_path / "file", len(CONTENT))
    assert handler.asked == ["bytes=11-", None]


def test_nothing_past_the_size_is_kept(server, tmp_path):
    _, url = server
    download(url, tmp_path / "file", 1000)
    assert (tmp_path / "file").read_bytes() == CONTENT[:1000]


def test_what_is_not_there_is_no_file(server, tmp_path):
    handler, url = server
    handler.status = 404
    with pytest.raises(requests.HTTPError):
        download(url, tmp_path / "file", len(CONTENT))
    assert not list(tmp_path.iterdir())


def tarred(path, files, links=()):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, kind in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    return path


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture(params=[(zipped, "a.zip"), (tarred, "a.tar.gz")], ids=["zip", "tar.gz"])
def packed(request, tmp_path):
    """A function from files to an archive that holds them, of either kind."""
    make, name = request.param
    return lambda files: make(tmp_path / name, files)


def test_declared_members_come_out_and_no_others(packed, tmp_path):
    archive = packed({"../evil": b"x", "/tmp/evil": b"x", "t/a": b"a" * 100_000, "t/b": b"b", "t/c": b"c"})
    extract(archive, {"t/a": tmp_path / "out" / "1", "t/b": tmp_path / "out" / "2"})
    assert {path.name: path.read_bytes()[:2] for path in (tmp_path / "out").iterdir()} == {"1": b"aa", "2": b"b"}
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]


def test_where_one_member_is_missing_none_is_written(packed, tmp_path):
    archive = packed({"t/a": b"a"})
    with pytest.raises(DataError, match="wanted t/b in the archive"):
        extract(archive, {"t/a": tmp_path / "out" / "a", "t/b": tmp_path / "out" / "b"})
    assert not list((tmp_path / "out").iterdir())


def test_a_member_larger_than_any_data_is_refused(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "MEMBER_BYTES_MAX", 10)
    with pytest.raises(DataError, match="t/b of at most 10 bytes"):
        extract(packed({"t/a": b"a", "t/b": b"b" * 11}), {name: tmp_path / "out" / name for name in ("t/a", "t/b")})
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_cut_archive_is_refused(packed, tmp_path):
    archive = packed({"t/a": bytes(range(256)) * 1000})
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(DataError, match="came a damaged one"):
        extract(archive, {"t/a": tmp_path / "out"})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_a_member_that_is_no_plain_file_is_refused(tmp_path, kind):
    archive = tarred(tmp_path / "a.tar.gz", {}, [("t/a", kind)])
    with pytest.raises(DataError, match="wanted a plain file named t/a"):
        extract(archive, {"t/a": tmp_path / "out"})
    assert not (tmp_path / "out").exists()
