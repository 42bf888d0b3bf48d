"""Laws of manifests: what `sha256sum -c` says of a folder."""

import shutil
import subprocess

import pytest

from hsokv.archive.manifest import NAME, check_manifest, manifest
from hsokv.exceptions import ArchiveError

MEMBERS = {"a": b"1", "b/c d": b"2", "e": b""}


@pytest.fixture
def folder(tmp_path):
    for name, content in MEMBERS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / NAME).write_text(manifest(MEMBERS))
    return tmp_path


def test_a_whole_folder_has_nothing_wrong(folder):
    assert check_manifest(folder) == []


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="sha256sum is not on this machine")
def test_sha256sum_reads_it(folder):
    done = subprocess.run(["sha256sum", "--strict", "-c", NAME], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK") == len(MEMBERS)


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
