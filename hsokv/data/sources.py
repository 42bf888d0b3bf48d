"""Where real data are found: a user's own copies, the download cache, the network (pooch fetches and verifies)."""

import json
import os
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from hsokv.data.catalogue import Member, Source
from hsokv.exceptions import DataError, DataUnavailableError, HsokvError
from hsokv.files import checksum, locked, write_json

TIMEOUT_SECONDS = 5  # to connect, and between two packets


class DataFiles(NamedTuple):
    """Data found, by split: `paths`; `sha256`, by path or, of a user's own files, by split.

    `kind` is "official" (every checksum recognised), "user copy" or "own file".
    """

    name: str
    kind: str
    paths: Mapping[str, Path]
    sha256: Mapping[str, str]


class FileStatus(NamedTuple):
    """One file as found: status "official", "user copy", "damaged" (cache only) or "missing"."""

    split: str
    path: str
    file: Path
    status: str
    sha256: str | None


def verify(source: Source, root: Path | None, cache: Path) -> tuple[FileStatus, ...]:
    """State of each file of a source under `root`, or in `cache` where no root is given; reads, never downloads.

    >>> from hsokv.data.catalogue import SOURCES
    >>> [status.status for status in verify(SOURCES["sst2"], None, Path("/nowhere"))]
    ['missing', 'missing']
    """
    # The cache holds nothing but what was downloaded and verified, so another checksum there is damage.
    folder, other = (root, "user copy") if root else (cache, "damaged")
    members = source.members if root else _extracted(source, cache)
    return tuple(_status(member, folder / member.path, other) for member in members)


def locate(source: Source, root: Path | None, cache: Path) -> DataFiles | None:
    """Data under `root`, or in `cache` where no root is given; None where the cache has not all of them.

    Raises DataError where a root is given and a file is not in it (never a stand-in, never a download), and where
    a file of the cache is damaged.
    """
    statuses = verify(source, root, cache)
    missing = [str(status.file) for status in statuses if status.status == "missing"]
    if missing and root is not None:
        raise DataError(
            f"{source.name}: {', '.join(missing)} is missing, and a data root is given ({root}): put it there, "
            "unset HSOKV_DATA_DIR to use the download, or leave out what reads it (`benchmarks: {NAME: null}`)"
        )
    for status in statuses:
        if status.status == "damaged":
            raise DataError(
                f"{source.name}: {status.file} is not the official file, its SHA-256 is {status.sha256}: "
                f"run `hsokv data fetch {source.name}` to replace it"
            )
    if missing:
        return None
    kind = "official" if all(status.status == "official" for status in statuses) else "user copy"
    paths = {status.split: status.file for status in statuses}
    return DataFiles(source.name, kind, paths, {status.path: status.sha256 for status in statuses})


def locate_own(name: str, files: Mapping[str, str], root: Path | None) -> DataFiles:
    """A user's own `files`, by split: relative to `root` where it has them, else to the working directory.

    Raises DataError where one is not there.
    """
    paths = {split: find_own(name, f"{split} file", file, root) for split, file in files.items()}
    return DataFiles(name, "own file", paths, {split: checksum(path) for split, path in paths.items()})


def find_own(name: str, what: str, path: str, root: Path | None) -> Path:
    """A user's own `path`, relative to `root` where it has it, else to the working directory.

    Raises DataError, which says `what` is missing, where it is not there.
    """
    if existing := own_paths(path, root):
        return existing[0]
    tried = dict.fromkeys(folder / path for folder in (root, Path.cwd()) if folder)
    raise DataError(f"{name}: there is no {what} at {' or '.join(map(str, tried))}")


def own_paths(path: str, root: Path | None) -> list[Path]:
    """Where a user's own `path` is, at most one: relative to `root`, else to the working directory."""
    folders = [os.path.join(folder, os.path.expanduser(path)) for folder in (root, Path.cwd()) if folder]
    # A name with an accent may have been written in another form by another system; people see one name.
    forms = [unicodedata.normalize(form, path) for path in folders for form in ("NFC", "NFD")]
    return [Path(path) for path in (*folders, *forms) if os.path.isfile(path) or os.path.isdir(path)][:1]


def fetch(source: Source, cache: Path, progress: bool = False) -> DataFiles:
    """Official data in `cache`, downloaded where they are not there yet; the progress bar goes to stderr.

    A download goes on where it was cut off; of two processes the second waits. Raises DataUnavailableError where the
    host cannot be reached (one constant sentence), DataError where what comes is not the official archive, HsokvError
    where the cache cannot be written.
    """
    import pooch
    import requests

    if all(status.status == "official" for status in verify(source, None, cache)):
        return locate(source, None, cache)
    folder = cache / "archives" / source.name
    pooch.get_logger().setLevel("WARNING")

    def retrieve(url: str, sha256: str | None, file: Path) -> Path:
        part = folder / f"{file.name}.part"
        download = partial(_download, part, progress)
        get = partial(pooch.retrieve, url, f"sha256:{sha256}", file.name, file.parent, downloader=download)
        went_on = part.exists()
        try:
            get()
        except ValueError:  # another checksum: a server without ranges sent all of it after what was there
            if not went_on:
                raise
            get()
        return file

    try:
        with locked(folder):
            if source.sha256:
                archive = folder / PurePosixPath(urlsplit(source.url).path).name
                _extract(source, retrieve(source.url, source.sha256, archive), cache)
            else:
                for member in source.members:
                    retrieve(f"{source.url}/{member.archived}", member.sha256, cache / member.path)
    except requests.RequestException as error:
        raise DataUnavailableError(unavailable_message(source)) from error
    except HsokvError:
        raise
    except ValueError as error:  # pooch's, of another checksum
        raise DataError(f"{source.name}: not the official file ({error}): try again, or see what answers") from error
    except OSError as error:
        if error.errno is None:  # of requests, too: there is no file of certificates at REQUESTS_CA_BUNDLE
            raise DataUnavailableError(unavailable_message(source)) from error
        raise HsokvError(
            f"cannot write {folder}: {error.strerror or error}; free some space, make it writable, or choose another "
            "cache folder (HSOKV_CACHE_DIR)"
        ) from error
    return locate(source, None, cache)


def _download(part: Path, progress: bool, url: str, file: str, _: object) -> None:
    """Download as pooch asks, which has no resume of its own: MNLI has 313 MB, too many to get twice.

    What came of a download that broke off stays in `part`; it goes on from there, once in this call and otherwise in
    the next.
    """
    import pooch
    import requests

    for again in (True, False):
        start = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        try:
            with part.open("ab") as stream:
                pooch.HTTPDownloader(progress, 1 << 16, timeout=TIMEOUT_SECONDS, headers=headers)(url, stream, None)
            break
        except requests.RequestException as error:
            if error.response is not None and error.response.status_code == 416:  # no such range
                part.unlink()  # of another file, or whole but never checked
            if not again:
                raise
    part.replace(file)


def _status(member: Member, file: Path, other: str) -> FileStatus:
    """`other` is the status of a file that is not the official one."""
    if not file.is_file():
        return FileStatus(member.split, member.path, file, "missing", None)
    sha256 = checksum(file)
    official = sha256 == member.sha256 if member.sha256 else member.md5 and checksum(file, "md5") == member.md5
    return FileStatus(member.split, member.path, file, "official" if official else other, sha256)


def _extract(source: Source, archive: Path, cache: Path) -> None:
    """Put the declared members in their places, all or none, and write down which digests they had."""
    import pooch

    unpack = pooch.Unzip if archive.suffix == ".zip" else pooch.Untar
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        try:
            unpack([member.archived for member in source.members], folder)(str(archive), "download", None)
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
            raise DataError(f"{source.name}: {archive} is damaged ({error}): get it again") from error
        files = {member: Path(folder, member.archived) for member in source.members}
        if missing := [member.archived for member, file in files.items() if file.is_symlink() or not file.is_file()]:
            raise DataError(f"{source.name}: {', '.join(missing)} are missing from {archive}, or no plain files")
        digests = {member.path: checksum(file) for member, file in files.items()}
        for member, file in files.items():
            (cache / member.path).parent.mkdir(parents=True, exist_ok=True)
            file.replace(cache / member.path)
    write_json(_extraction(source, cache), {"archive": source.sha256, "members": digests})


def _extraction(source: Source, cache: Path) -> Path:
    return cache / "archives" / source.name / "extracted.json"


def _extracted(source: Source, cache: Path) -> list[Member]:
    """The members; one without a digest has the one it had when it came out of the official archive, where it did."""
    try:
        content = json.loads(_extraction(source, cache).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}
    known = content.get("members", {}) if content.get("archive") == source.sha256 else {}
    return [member._replace(sha256=member.sha256 or known.get(member.path)) for member in source.members]


def unavailable_message(source: Source) -> str:
    """The one sentence that stands for every reason why a download failed, so that tables keep their bytes.

    >>> from hsokv.data.catalogue import SOURCES
    >>> unavailable_message(SOURCES["sst2"])
    'sst2 is not on this machine and could not be downloaded from dl.fbaipublicfiles.com'
    """
    return f"{source.name} is not on this machine and could not be downloaded from {urlsplit(source.url).hostname}"
