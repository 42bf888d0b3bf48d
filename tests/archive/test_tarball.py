"""Laws of archives: the same bytes from the same members, and nothing of others is trusted."""

import io
import tarfile

import pytest

from hsokv.archive.tarball import EPOCH, pack, unpack
from hsokv.exceptions import ArchiveError


def test_unpacking_is_the_inverse_of_packing_and_keeps_the_stages(tmp_path):
    members = {"a/x": b"1", "a/y/z": b""}
    pack(tmp_path / "a.tar.gz", members, stage=lambda name: 2 * (name == "a/x"))
    assert unpack(tmp_path / "a.tar.gz", tmp_path / "out") == sorted(members)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in members} == members
    assert [(tmp_path / "out" / name).stat().st_mtime for name in sorted(members)] == [EPOCH + 120, EPOCH]


def member(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "members",
    [
        [member("../out")],
        [member("/etc/passwd")],
        [member("a/../../b")],
        [member("a", tarfile.SYMTYPE, "/etc")],
        [member("a", tarfile.LNKTYPE, "b")],
        [member("a", tarfile.FIFOTYPE)],
        [member("a", tarfile.CHRTYPE)],
        [member("a"), member("a")],
        [member("a"), member("./a")],
        [member("a/b"), member("a//b")],
        [member("a"), member("a/b")],
        [member("a", tarfile.BLKTYPE)],
        [member("a\nb")],
        [member("good"), member("..\\b")],
    ],
    ids=lambda members: f"{members[-1].name!r}-{members[-1].type!r}",
)
def test_hostile_members_are_refused_before_anything_is_written(tmp_path, members):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for info in members:
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
