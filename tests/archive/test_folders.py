"""Manifests and archives: the same members give the same bytes, and nothing of others is trusted."""

import io
import shutil
import subprocess
import tarfile

import pytest

from hsokv.archive.manifest import NAME, check_manifest, manifest
from hsokv.archive.tarball import EPOCH, pack, unpack
from hsokv.exceptions import ArchiveError

MEMBERS = {"a": b"1", "b/c d": b"2", "e": b""}


@pytest.fixture
def folder(tmp_path):
    """Packed and unpacked, with its manifest."""
    pack(tmp_path / "a.tar.gz", MEMBERS | {NAME: manifest(MEMBERS).encode()}, stage=lambda name: 2 * (name == "a"))
    assert unpack(tmp_path / "a.tar.gz", tmp_path / "out") == sorted([*MEMBERS, NAME])
    return tmp_path / "out"


def test_unpacking_is_the_inverse_of_packing_and_keeps_the_stages(folder):
    assert {name: (folder / name).read_bytes() for name in MEMBERS} == MEMBERS
    assert [(folder / name).stat().st_mtime for name in MEMBERS] == [EPOCH + 120, EPOCH, EPOCH]
    assert check_manifest(folder) == []


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="sha256sum is not on this machine")
def test_sha256sum_reads_the_manifest(folder):
    done = subprocess.run(["sha256sum", "--strict", "-c", NAME], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count(": OK")) == (0, len(MEMBERS))


def test_what_is_changed_missing_or_not_listed_is_named(folder):
    (folder / "a").write_bytes(b"3")
    (folder / "b/c d").unlink()
    (folder / "f").touch()
    assert check_manifest(folder) == ["changed: a", "missing: b/c d", "not listed: f"]


@pytest.mark.parametrize("line", ["", "abc  a", f"{'0' * 64}  new\n{'0' * 64}  new", f"{'0' * 64} one-space"])
def test_a_line_that_is_none_is_named(folder, line):
    (folder / NAME).write_text(f"{line}\n")
    with pytest.raises(ArchiveError, match="wanted lines of a SHA-256"):
        check_manifest(folder)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        *(([name], tarfile.REGTYPE) for name in ("../out", "/etc/passwd", "a/../../b", "a\nb")),
        *((["a"], kind) for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)),
        *((names, tarfile.REGTYPE) for names in (["a", "a"], ["a", "./a"], ["a/b", "a//b"], ["a", "a/b"])),
        (["good", "..\\b"], tarfile.REGTYPE),
    ],
)
def test_hostile_members_are_refused_before_anything_is_written(tmp_path, names, kind):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc"
            tar.addfile(info, io.BytesIO(b""))
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveError, match="do not trust it"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("damage", [lambda content: content[:200], lambda content: b"x" * 100, lambda content: b""])
def test_what_is_no_whole_archive_is_named(tmp_path, damage):
    pack(tmp_path / "a.tar.gz", {"a": bytes(range(256)) * 400})
    (tmp_path / "a.tar.gz").write_bytes(damage((tmp_path / "a.tar.gz").read_bytes()))
    with pytest.raises(ArchiveError, match=r"a\.tar\.gz.*fetch it again"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")
