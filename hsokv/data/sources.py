"""Where real data come from: official archives with their checksums, a user's own copies, the download cache."""

import difflib
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from hsokv.exceptions import ConfigurationError, DataError, DataUnavailableError
from hsokv.files import checksum, replacing, write_bytes

TIMEOUT_SECONDS = 5  # to connect, and between two packets
ATTEMPTS = 2
MEMBER_BYTES_MAX = 1 << 28  # no text file of GLUE is larger; a zip bomb stops here


SYNTHETIC = frozenset({"sst2_synthetic", "mnli_synthetic", "split_cifar10_synthetic"})
"""Sources that are generated: stand-ins, which carry their name wherever they are used."""


class Member(NamedTuple):
    """One file of an archive: its split, its name in the archive, its place under a data root, its official digests."""

    split: str
    archived: str
    path: str
    md5: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Source:
    """An official archive: address, size in bytes, SHA-256, the members that are used, and the terms of use.

    Raises ConfigurationError where a member's path leaves the data root.

    >>> SOURCES["sst2"].bytes
    7439277
    """

    name: str
    url: str
    bytes: int
    sha256: str
    members: tuple[Member, ...]
    licence: str
    citation: str
    terms: str

    def __post_init__(self):
        for member in self.members:
            path = PurePosixPath(member.path)
            if path.is_absolute() or ".." in path.parts:
                raise ConfigurationError(f"{self.name}: wanted member paths inside the data root, came {member.path!r}")


@dataclass(frozen=True)
class DataFiles:
    """Data found: `kind` "official" (every checksum recognised) or "user copy"; `paths` by split, `sha256` by path."""

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


SOURCES: Mapping[str, Source] = {
    "sst2": Source(
        name="sst2",
        url="https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
        bytes=7439277,
        sha256="d67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa",
        members=(
            Member("train", "SST-2/train.tsv", "glue/SST-2/train.tsv", md5="da409a0a939379ed32a470bc0f7fe99a"),
            Member(
                "dev",
                "SST-2/dev.tsv",
                "glue/SST-2/dev.tsv",
                md5="268856b487b2a31a28c0a93daaff7288",
                sha256="54a9c12c77e402fc14d6a66a506f24d999f596b0176eb777c972cccc2f9cc4b0",
            ),
        ),
        licence="none stated by the authors",
        citation=(
            "Socher et al. (2013), Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank, "
            "EMNLP; Wang et al. (2019), GLUE, ICLR"
        ),
        terms="distributed for research; the sentences come from film reviews of their own authors",
    ),
}


def find_source(name: str) -> Source:
    """The registered source of that name; ConfigurationError with the nearest name where there is none.

    >>> find_source("sst2").members[0].path
    'glue/SST-2/train.tsv'
    """
    if name in SOURCES:
        return SOURCES[name]
    near = difflib.get_close_matches(name, SOURCES, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ConfigurationError(f"unknown data {name!r}{hint} (known: {', '.join(sorted(SOURCES))})")


def data_root(configured: str | Path | None = None) -> Path | None:
    """The folder of a user's own copies: `configured` (data.root, --root), else HSOKV_DATA_DIR, else None."""
    given = configured or os.environ.get("HSOKV_DATA_DIR")
    return Path(given).expanduser() if given else None


def cache_folder() -> Path:
    """The download cache: HSOKV_CACHE_DIR, else the operating system's cache folder for "hsokv"."""
    given = os.environ.get("HSOKV_CACHE_DIR")
    if given:
        return Path(given).expanduser()
    import pooch

    return Path(pooch.os_cache("hsokv"))


def verify(source: str | Source, root: Path | None, cache: Path) -> tuple[FileStatus, ...]:
    """State of each file of a source under `root`, or in `cache` where no root is given; reads, never downloads.

    >>> [status.status for status in verify("sst2", None, Path("/nowhere"))]
    ['missing', 'missing']
    """
    source = find_source(source) if isinstance(source, str) else source
    folder = cache if root is None else root
    return tuple(_status(member, folder / member.path, cached=root is None) for member in source.members)


def locate(source: str | Source, root: Path | None, cache: Path) -> DataFiles | None:
    """Data under `root`, or in `cache` where no root is given; None where the cache has not all of them.

    Raises DataError where a root is given and a file is not in it (never a stand-in, never a download), and where
    a file of the cache is damaged.

    >>> locate("sst2", None, Path("/nowhere")) is None
    True
    """
    source = find_source(source) if isinstance(source, str) else source
    statuses = verify(source, root, cache)
    missing = [str(status.file) for status in statuses if status.status == "missing"]
    if missing and root is not None:
        raise DataError(
            f"{source.name}: wanted {', '.join(missing)} because a data root is given ({root}), came no such file: "
            "put it there, or unset data.root and HSOKV_DATA_DIR to use the download"
        )
    for status in statuses:
        if status.status == "damaged":
            raise DataError(
                f"{source.name}: {status.file} is not the official file, came SHA-256 {status.sha256}: "
                f"run `hsokv data fetch {source.name}` to replace it"
            )
    if missing:
        return None
    kind = "official" if all(status.status == "official" for status in statuses) else "user copy"
    return DataFiles(
        source.name,
        kind,
        {status.split: status.file for status in statuses},
        {status.path: status.sha256 for status in statuses},
    )


def fetch(source: str | Source, cache: Path, progress: bool = False) -> DataFiles:
    """Official data in `cache`, downloaded where they are not there yet; the progress bar goes to stderr.

    A download starts afresh when it was cut off (the archives are small). Raises DataUnavailableError where the host
    cannot be reached (one constant sentence) and DataError where the archive is not the official one.
    """
    source = find_source(source) if isinstance(source, str) else source
    if all(status.status == "official" for status in verify(source, None, cache)):
        return locate(source, None, cache)
    with replacing(cache / "archives" / f"{source.name}.zip") as archive:
        _download(source, archive, progress)
        came = checksum(archive)
        if came != source.sha256:
            raise DataError(
                f"{source.name}: wanted {source.bytes} bytes with SHA-256 {source.sha256} from {source.url}, "
                f"came {archive.stat().st_size} bytes with SHA-256 {came}: try again, or see what answers there"
            )
        _extract(source, archive, cache)
    return locate(source, None, cache)


def _status(member: Member, file: Path, cached: bool) -> FileStatus:
    if not file.is_file():
        return FileStatus(member.split, member.path, file, "missing", None)
    sha256 = checksum(file)
    official = sha256 == member.sha256 if member.sha256 else checksum(file, "md5") == member.md5
    # The cache holds nothing but what was downloaded and verified, so another checksum there is damage.
    other = "damaged" if cached else "user copy"
    return FileStatus(member.split, member.path, file, "official" if official else other, sha256)


def _download(source: Source, file: Path, progress: bool) -> None:
    import pooch
    import requests

    download = pooch.HTTPDownloader(progressbar=progress, chunk_size=1 << 16, timeout=TIMEOUT_SECONDS)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return download(source.url, file, None)
        except requests.RequestException as error:
            if attempt == ATTEMPTS:
                raise DataUnavailableError(unavailable_message(source)) from error
    return None


def unavailable_message(source: Source) -> str:
    """The one sentence that stands for every reason why a download failed, so that tables keep their bytes.

    >>> unavailable_message(SOURCES["sst2"])
    'sst2 is not on this machine and could not be downloaded from dl.fbaipublicfiles.com'
    """
    return f"{source.name} is not on this machine and could not be downloaded from {urlsplit(source.url).hostname}"


def _extract(source: Source, archive: Path, cache: Path) -> None:
    """Write the declared members alone, each to its declared place: names in the archive decide no path."""
    try:
        with zipfile.ZipFile(archive) as opened:
            contents = [_member_bytes(source, member, opened) for member in source.members]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(
            f"{source.name}: wanted a zip archive from {source.url}, came a damaged one ({error})"
        ) from error
    for member, content in zip(source.members, contents, strict=True):
        write_bytes(cache / member.path, content)


def _member_bytes(source: Source, member: Member, archive: zipfile.ZipFile) -> bytes:
    if member.archived not in archive.namelist():
        raise DataError(f"{source.name}: wanted {member.archived} in the archive, came {sorted(archive.namelist())}")
    with archive.open(member.archived) as stream:
        content = stream.read(MEMBER_BYTES_MAX + 1)  # the size in an archive's header may lie
    if len(content) > MEMBER_BYTES_MAX:
        raise DataError(f"{source.name}: wanted {member.archived} of at most {MEMBER_BYTES_MAX} bytes, came more")
    return content
