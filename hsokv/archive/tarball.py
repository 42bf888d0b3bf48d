"""Tar archives: the same members give the same bytes, and what others packed is unpacked with nothing trusted."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from hsokv.exceptions import ArchiveError
from hsokv.files import replacing

EPOCH = 946_684_800
"""2000-01-01: the time of every member, in seconds, unless it has a stage."""
MOST_MEMBERS = 200_000
MOST_BYTES = 8 * 2**30


def pack(path: Path, members: Mapping[str, bytes], stage: Callable[[str], int] = lambda name: 0) -> None:
    """Write a .tar.gz atomically: names sorted, owner root, mode 0644, gzip without a name or a time of its own.

    `stage(name)` dates a member that many minutes after `EPOCH`, so that make-like programs see what was made of what.

    Raises:
        ArchiveError: a name that `unpack` would refuse.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> pack(folder / "a.tar.gz", {"x/b": b"2", "x/a": b"1"}); pack(folder / "b.tar.gz", {"x/a": b"1", "x/b": b"2"})
    >>> (folder / "a.tar.gz").read_bytes() == (folder / "b.tar.gz").read_bytes()
    True
    """
    with (
        replacing(path) as temporary,
        temporary.open("xb") as stream,
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=EPOCH) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(members):
            _check_name(name)
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(members[name]), 0o644, EPOCH + 60 * stage(name)
            tar.addfile(info, io.BytesIO(members[name]))


def unpack(path: Path, folder: Path) -> list[str]:
    """Unpack plain files alone into `folder`; return their names, sorted.

    Every member is looked at before the first is written.

    Raises:
        ArchiveError: no whole .tar.gz, a link or device, a name twice or that leads out of the folder, too much.
    """
    try:
        _check_sum(path)
        with tarfile.open(path, "r:gz") as tar:
            members = tar.getmembers()
            _check(members)
            tar.extractall(folder, members, filter="data")
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError) as error:
        raise ArchiveError(f"{path}: wanted a whole .tar.gz ({error}): fetch it again") from error
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be unpacked: {error.strerror or error}") from error
    except ArchiveError as error:
        raise ArchiveError(f"{path}: {error}: do not trust it") from error
    return sorted(member.name for member in members if member.isfile())


def _check_sum(path: Path) -> None:
    """Read to the end, where gzip keeps a checksum of its content; tarfile stops before it."""
    with gzip.open(path) as stream:
        read = 0
        while part := stream.read(2**20):
            read += len(part)
            if read > MOST_BYTES + 2048 * MOST_MEMBERS:  # of which headers take up to two blocks a member
                raise ArchiveError(f"holds more than {MOST_BYTES // 2**30} GiB")


def _check(members: list[tarfile.TarInfo]) -> None:
    if len(members) > MOST_MEMBERS or sum(member.size for member in members) > MOST_BYTES:
        raise ArchiveError(f"holds more than {MOST_MEMBERS} members or {MOST_BYTES // 2**30} GiB")
    files: dict[PurePosixPath, bool] = {}  # by path, of which ./a and a are one: whether it is a file
    for member in members:
        _check_name(member.name)
        if not (member.isfile() or member.isdir()):
            raise ArchiveError(f"wanted plain files and folders, came a link or device, {member.name!r}")
        if (path := PurePosixPath(member.name)) in files:
            raise ArchiveError(f"holds {member.name!r} twice")
        files[path] = member.isfile()
    for path in files:
        if inside := next((parent for parent in path.parents if files.get(parent)), None):
            raise ArchiveError(f"holds {str(inside)!r} as a file and as a folder")


def _check_name(name: str) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or set(name) & set("\\\n\r\0"):
        raise ArchiveError(f"wanted names of files below one folder, came {name!r}")
