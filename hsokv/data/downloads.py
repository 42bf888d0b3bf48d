"""Archives from the network: downloads that go on where they were cut off, members copied out safely."""

import fcntl
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from hsokv.exceptions import DataError
from hsokv.files import replacing

TIMEOUT_SECONDS = 5  # to connect, and between two packets
ATTEMPTS = 2
CHUNK = 1 << 16
MEMBER_BYTES_MAX = 1 << 30  # the largest file that is used, train.tsv of MNLI, has some 0.4 GB; a bomb stops here


def download(url: str, file: Path, size: int, progress: bool = False) -> None:
    """Write what `url` answers to `file`, `size` bytes in all, going on from the bytes that are there already.

    A server that does not know ranges is read from the start, and nothing past `size` is kept. Checks no checksum.
    The progress bar goes to stderr. Raises requests.RequestException where the host cannot be reached or breaks off,
    ATTEMPTS times; the bytes that came stay for another call.
    """
    import requests

    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _continue(url, file, size, progress)
        except requests.RequestException:
            if attempt == ATTEMPTS:
                raise
    return None


def _continue(url: str, file: Path, size: int, progress: bool) -> None:
    import requests
    from tqdm import tqdm

    there = file.stat().st_size if file.exists() else 0
    if there >= size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            file.unlink(missing_ok=True)  # the bytes that are there are of another file
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            there = 0
        bar = tqdm(total=size, initial=there, unit="B", unit_scale=True, disable=not progress)
        with bar, file.open("ab" if there else "wb") as stream:
            for chunk in response.iter_content(CHUNK):
                stream.write(chunk[: size - there])
                there += len(chunk)
                bar.update(len(chunk))
                if there >= size:
                    break


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Make `folder` and hold it against other processes, which wait; a process that ends lets go however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def extract(archive: Path, targets: Mapping[str, Path]) -> None:
    """Copy the members named in `targets` out of a .tar.gz or zip archive, each to its path there; all or none.

    Names in the archive decide no path, and links are refused. Raises DataError for a damaged archive, a member that
    is missing, no plain file, or larger than MEMBER_BYTES_MAX bytes whatever its header says.
    """
    members = _tar_members if archive.name.endswith(".tar.gz") else _zip_members
    missing = dict(targets)
    try:
        with ExitStack() as written:
            for name, stream in members(archive, targets):
                if name in missing:
                    _copy(name, stream, written.enter_context(replacing(missing.pop(name))))
            if missing:
                raise DataError(f"{archive.name}: wanted {', '.join(missing)} in the archive, came no such member")
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise DataError(f"{archive.name}: wanted a whole archive, came a damaged one ({error})") from error


def _zip_members(archive: Path, wanted: Mapping[str, Path]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        for name in wanted.keys() & set(opened.namelist()):
            with opened.open(name) as stream:
                yield name, stream


def _tar_members(archive: Path, wanted: Mapping[str, Path]) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive, "r:gz") as opened:
        for member in opened:
            if member.name in wanted:
                if not member.isreg():
                    raise DataError(f"{archive.name}: wanted a plain file named {member.name}, came a link or a folder")
                with opened.extractfile(member) as stream:
                    yield member.name, stream


def _copy(name: str, stream: IO[bytes], target: Path) -> None:
    copied = 0
    with target.open("xb") as out:
        while chunk := stream.read(CHUNK):
            copied += len(chunk)
            if copied > MEMBER_BYTES_MAX:
                raise DataError(f"wanted {name} of at most {MEMBER_BYTES_MAX} bytes, came more")
            out.write(chunk)
