"""Tar archives: the same members give the same bytes, and what others packed is unpacked with nothing trusted."""

import gzip
import io
import re
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
            check_name(name)
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
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            kinds, size = {}, 0  # by path, of which ./a and a are one: whether it is a file
            for member in tar:
                size += member.size
                check_name(member.name)
                if not (member.isfile() or member.isdir()):
                    raise ArchiveError(f"wanted plain files and folders, came a link or device, {member.name!r}")
                if (name := PurePosixPath(member.name)) in kinds or any(kinds.get(above) for above in name.parents):
                    raise ArchiveError(f"holds {member.name!r} twice, or a file where it wants a folder")
                kinds[name] = member.isfile()
                if len(kinds) > MOST_MEMBERS or size > MOST_BYTES:
                    raise ArchiveError(f"holds more than {MOST_MEMBERS} members or {MOST_BYTES // 2**30} GiB")
            tar.extractall(folder, filter="data")
            while stream.read(2**20):  # to the end, where gzip keeps a checksum of its content
                pass
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError) as error:
        raise ArchiveError(f"{path}: wanted a whole .tar.gz ({error}): fetch it again") from error
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be unpacked: {error.strerror or error}") from error
    except ArchiveError as error:
        raise ArchiveError(f"{path}: {error}: do not trust it") from error
    return sorted(str(name) for name, is_file in kinds.items() if is_file)


def check_name(name: str) -> None:
    """Raise ArchiveError where `name`, of a file in an archive, leads out of its folder or is no portable name."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or re.search("[\\\\\n\r\0\ud800-\udfff]", name):
        raise ArchiveError(f"wanted names of files below one folder, came {name!r}")
