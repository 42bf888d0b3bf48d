"""Files written whole or not at all, and their checksums."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsokv.exceptions import HsokvError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())  # folders that are locked here


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError of the block, which writes `path`, into an HsokvError that names it and says what to do."""
    try:
        yield
    except OSError as error:
        raise HsokvError(
            f"cannot write {path}: {error.strerror or error}: free some space, make it writable, or choose another name"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; it replaces `path` when the block ends well, else it goes.

    Missing folders are made. Raises HsokvError naming the path and what to do where it cannot be written.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a" / "b.txt"
    >>> with replacing(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text(), len(list(target.parent.iterdir()))
    ('whole', 1)
    """
    path = Path(path)
    # Not tempfile: its files are readable by their owner alone, and results are to be shared.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Make `folder` and hold it against other processes, which wait; a process that ends lets go however it ends.

    Yields False where nobody waits, as the system (Windows) or the file system (NFS) has no such locks. Unlike a file
    that says so, it leaves nothing in the folder. Inside a block that holds the folder it does nothing more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.resolve()
    if path in _held.get():
        yield True
        return
    descriptor = os.open(folder, os.O_RDONLY) if os.name == "posix" else None
    alone = descriptor is not None and _flock(descriptor)
    token = _held.set(_held.get() | {path} if alone else _held.get())
    try:
        yield alone
    finally:
        _held.reset(token)
        if descriptor is not None:
            os.close(descriptor)


def _flock(descriptor: int) -> bool:
    import fcntl  # not on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically, as `replacing` does."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, line ends as given, as `replacing` does."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically: sorted keys, floats by repr, two spaces, newline at the end.

    Raises HsokvError where a value is no JSON (NaN and infinities included) or the file cannot be written.
    """
    try:
        text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise HsokvError(f"cannot write {path}: wanted strings, finite numbers, lists and maps; {error}") from error
    write_text(path, text + "\n")


def parse_json(text: str) -> Any:
    """The value of a JSON text; ValueError for a name twice in a map, of which one would be lost, and for NaN.

    >>> parse_json('{"a": [1]}')
    {'a': [1]}
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(names) > len(set(names)):
            raise ValueError(f"{max(names, key=names.count)!r} stands twice in one map")
        return dict(pairs)

    def infinite(name: str) -> float:
        raise ValueError(f"{name}: only finite numbers are kept")

    return json.loads(text, object_pairs_hook=unique, parse_constant=infinite)


def read_json(path: Path) -> Any:
    """The JSON in a file; raises HsokvError naming one that cannot be read or is damaged."""
    try:
        return parse_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise HsokvError(f"{path}: wanted whole JSON ({error}): delete it and make it again") from error


def write_arrays(path: Path, arrays: "Mapping[str, ArrayLike]") -> None:
    """Write named arrays atomically as an uncompressed .npz; the same arrays give the same bytes.

    Raises HsokvError where an array holds Python objects or the file cannot be written.
    """
    import numpy as np  # here, so that help comes without it

    if objects := sorted(name for name, array in arrays.items() if np.asarray(array).dtype.hasobject):
        raise HsokvError(f"cannot write {path}: wanted arrays of numbers or text, came Python objects in {objects}")
    with replacing(path) as temporary, temporary.open("xb") as stream:
        np.savez(stream, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})


def checksum(path: Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file's bytes; raises HsokvError where it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, algorithm).hexdigest()
    except OSError as error:
        raise HsokvError(f"cannot read {path}: {error.strerror or error}") from error
